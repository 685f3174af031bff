"""The hosted inference API's dialect: ``POST /models/<name>`` with its 503 while loading and its rate limit."""

import time
from collections import deque

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedded.provider.script import ChatRequest, complete
from embedded.provider.switchboard import ProviderSwitchboard
from embedded.provider.wire import Refusal, misbehave, read_object, wait_for


class HostedDialect:
    """Handlers of ``/models``, with the limits that a hosted API puts on a key."""

    def __init__(
        self, chat_models: frozenset[str], board: ProviderSwitchboard, *, loading_s: float, requests_per_minute: int
    ) -> None:
        self._chat, self._board = chat_models, board
        self._ready_at = time.monotonic() + loading_s
        self._limit = requests_per_minute
        self._recent: deque[float] = deque()

    def routes(self) -> list[Route]:
        """The routes of this dialect."""
        return [Route("/models/{name:path}", self.infer, methods=["POST"])]

    async def infer(self, request: Request) -> Response:
        """Generate text after a prompt."""
        self._board.requests["completions"] += 1
        self.admit()
        body = await read_object(request)
        name = request.path_params["name"]
        if name not in self._chat:
            raise Refusal(404, f"Model {name[:200]} does not exist", "model_not_found")
        if not isinstance(body.get("inputs"), str):
            raise Refusal(400, "`inputs` must be a string", "invalid_inputs")
        await misbehave(self._board)
        maximum = (body.get("parameters") or {}).get("max_new_tokens")
        completion = complete(ChatRequest(name, ({"role": "user", "content": body["inputs"]},), max_tokens=maximum))
        await wait_for(completion, self._board)
        return JSONResponse([{"generated_text": completion.text}])

    def admit(self) -> None:
        """Let a request in, or say why not.

        Raises:
            Refusal: 503 while the model loads, 429 past the rate limit.
        """
        now = time.monotonic()
        if now < self._ready_at:
            wait = f"{self._ready_at - now:.0f}"
            raise Refusal(503, "Model is currently loading", "loading", {"retry-after": wait})
        while self._recent and now - self._recent[0] > 60:
            self._recent.popleft()
        if len(self._recent) >= self._limit:
            wait = f"{60 - (now - self._recent[0]):.0f}"
            raise Refusal(429, "Rate limit reached", "rate_limit", {"retry-after": wait})
        self._recent.append(now)
