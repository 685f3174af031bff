"""The hosted inference API's dialect: ``POST /models/<name>``."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedded.provider.requests import Refusal, read_object
from embedded.provider.script import ChatRequest
from embedded.provider.switchboard import ProviderSwitchboard
from embedded.provider.wire import completed, wait_for


class HostedDialect:
    """Handlers of ``/models``."""

    def __init__(self, chat_models: frozenset[str], board: ProviderSwitchboard, admit: Callable[[str], None]) -> None:
        self._chat, self._board, self._admit = chat_models, board, admit

    def routes(self) -> list[Route]:
        """The routes of this dialect."""
        return [Route("/models/{name:path}", self.infer, methods=["POST"])]

    async def infer(self, request: Request) -> Response:
        """Generate text after a prompt."""
        self._board.requests["completions"] += 1
        name = request.path_params["name"]
        self._admit(name)
        body = await read_object(request)
        if name not in self._chat:
            raise Refusal(404, f"Model {name[:200]} does not exist", "model_not_found")
        if not isinstance(body.get("inputs"), str):
            raise Refusal(400, "`inputs` must be a string", "invalid_inputs")
        maximum = (body.get("parameters") or {}).get("max_new_tokens")
        wanted = ChatRequest(name, ({"role": "user", "content": body["inputs"]},), max_tokens=maximum)
        completion = completed(wanted, self._board)
        await wait_for(completion, self._board)
        return JSONResponse([{"generated_text": completion.text}])
