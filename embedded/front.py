"""What stands in front of a model server: it notes what arrives, and can fail as half-dead servers and proxies do.

The scripted providers and the recording pass-through share it, so a failure is the same on both.
"""

import asyncio
import hashlib
import json
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from embedded.switchboard import Switchboard

FAILURES: dict[str, str] = {
    "broken-json": "completions are cut JSON, with HTTP 200",
    "empty-200": "completions have HTTP 200 and no body",
    "error-in-200": "completions are an error object, with HTTP 200",
    "http-429": "every completion answers 429 (`retry_after_s`: with Retry-After)",
    "http-500": "every completion answers 500",
    "http-502-html": "every completion answers 502 with a page of HTML",
    "http-503": "every completion answers 503",
    "silent": "completions are accepted and never answered",
    "slow-first-byte": "an answer begins `delay_ms` late (1000)",
    "stream-cut": "a stream breaks off after `tokens` content chunks (0)",
    "trickle": "an answer comes in pieces, `delay_ms` apart (100)",
    "wrong-media-type": "completions call themselves text/html",
    "wrong-model": "completions name another model than the one that was asked",
}
KEPT_ARRIVALS = 20_000
_PIECES = 8
_COMPLETIONS = ("/chat/completions", "/api/chat", "/api/generate")
_HOSTED = "/models/"
_CONTENT = re.compile(rb'"content": ?"[^"]')
_MODEL = re.compile(rb'("model": ?")([^"]+)"')


@dataclass
class Arrival:
    """A completion that arrived. Its prompt is kept as a digest only."""

    at_s: float
    """Unix time."""
    model: str
    stream: bool
    prompt: str
    """SHA256 of the last message's text, in hexadecimal."""
    ended_s: float | None = None
    """When its answer ended, or its caller hung up."""


class Front:
    """ASGI middleware: notes each completion, and fails it as is switched on."""

    def __init__(self, app: ASGIApp, board: Switchboard, arrivals: "deque[Arrival]") -> None:
        self._app, self._board, self._arrivals = app, board, arrivals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is to fail."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _is_completion(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        arrival = _arrival_of(body)
        self._arrivals.append(arrival)
        self._board.requests["arrived"] += 1
        try:
            if self._board.on("silent"):
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
            failed = await self._failure(native="/api/" in scope["path"])
            if failed is not None:
                self._board.requests["completions"] += 1
                await failed(scope, receive, send)
            else:
                await self._app(scope, _replayed(body, receive), _Spoiler(self._board, send).send)
        finally:
            arrival.ended_s = time.time()

    async def _failure(self, *, native: bool) -> Response | None:
        """What a half-dead server answers to a good request; None where nothing of that kind is switched on."""
        board = self._board
        if board.on("slow-first-byte"):
            await asyncio.sleep(board.parameter("slow-first-byte", "delay_ms", 1000) / 1000)
        if board.on("http-429"):
            asked = board.text("http-429", "retry_after_s")
            return _error(429, "too many requests", native=native, headers={"retry-after": asked} if asked else None)
        for status in (500, 503):
            if board.on(f"http-{status}"):
                return _error(status, "the engine is dead", native=native)
        if board.on("http-502-html"):
            return HTMLResponse("<html><h1>502 Bad Gateway</h1><hr>nginx</html>", 502)
        if board.on("broken-json"):
            return Response('{"id": "chatcmpl-1", "choices": [{"message": {"con', media_type="application/json")
        if board.on("empty-200"):
            return Response(b"", media_type="application/json")
        return _error(200, "the engine is dead", native=native) if board.on("error-in-200") else None


class _Spoiler:
    """Passes an answer on, spoilt as is switched on."""

    def __init__(self, board: Switchboard, send: Send) -> None:
        self._board, self._send = board, send
        self._streamed, self._contents = False, 0

    async def send(self, message: Message) -> None:
        """Pass a message of the answer on."""
        if message["type"] == "http.response.start":
            await self._send(self._started(message))
            return
        body = message.get("body", b"")
        if self._board.on("wrong-model"):  # turned round, so that its length stays
            body = _MODEL.sub(lambda found: found[1] + found[2][::-1] + b'"', body)
        if self._streamed and self._board.on("stream-cut"):
            self._contents += len(_CONTENT.findall(body))
            if self._contents > self._board.parameter("stream-cut", "tokens", 0):
                raise ConnectionAbortedError("stream-cut is switched on")
        if self._board.on("trickle") and body:
            await self._trickle(body)
            body = b""
        await self._send({**message, "body": body})

    def _started(self, message: Message) -> Message:
        headers = dict(message["headers"])
        self._streamed = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        if self._board.on("wrong-media-type"):
            headers[b"content-type"] = b"text/html"
        return {**message, "headers": list(headers.items())}

    async def _trickle(self, body: bytes) -> None:
        pause_s = self._board.parameter("trickle", "delay_ms", 100) / 1000
        size = len(body) if self._streamed else max(1, len(body) // _PIECES)
        for start in range(0, len(body), size):
            await asyncio.sleep(pause_s)
            piece = body[start : start + size]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})


def arrival_routes(arrivals: "deque[Arrival]") -> list[Route]:
    """``GET /control/arrivals``: the completions that arrived, the latest last; ``?prompt=`` those of one prompt."""

    async def listed(request: Request) -> Response:
        prompt = request.query_params.get("prompt")
        return JSONResponse([asdict(a) for a in arrivals if prompt is None or a.prompt == prompt])

    return [Route("/control/arrivals", listed)]


def _is_completion(path: str) -> bool:
    return path.endswith(_COMPLETIONS) or path.startswith(_HOSTED)


def _arrival_of(body: bytes) -> Arrival:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    asked = asked if isinstance(asked, dict) else {}
    return Arrival(time.time(), str(asked.get("model")), bool(asked.get("stream")), _digest(asked))


def _digest(asked: Mapping[str, Any]) -> str:
    messages = asked.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    text = last.get("content") if isinstance(last, dict) else asked.get("prompt", asked.get("inputs"))
    if isinstance(text, list):  # content parts
        text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
    return hashlib.sha256(str(text).encode("utf-8", errors="replace")).hexdigest()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body again, then whatever else the server tells."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _error(status: int, message: str, *, native: bool, headers: Mapping[str, str] | None = None) -> Response:
    body: Any = {"message": message, "type": "server_error", "param": None, "code": "engine_dead"}
    return JSONResponse({"error": message if native else body}, status, headers)
