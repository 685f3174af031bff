"""The REST service's ASGI application."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from embedded.control import control_routes
from embedded.provider.requests import Refusal, read_object
from embedded.provider.script import ChatRequest, complete, embed
from embedded.switchboard import Switchboard

MODEL = "edge-1.5b"
FAULTS: dict[str, str] = {
    "answer-empty": "/generate and /chat answer without a text",
    "docs-gone": "the page of documentation is gone",
    "health-lies": "/health says 200 while every call answers 503",
    "malformed-breaks": "a body that cannot be read answers 500 with a stack trace",
    "metrics-gone": "the metrics page is empty",
    "undocumented": "the OpenAPI document does not name /chat",
    "untyped": "answers are not as the OpenAPI document says: the model is a number",
    "vectors-drift": "the same text has another vector each time",
}


class Service:
    """The handlers and their switchboard."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board

    async def generate(self, request: Request) -> Response:
        """Complete a prompt."""
        body = await self._read(request, "prompt", str)
        return self._answer([{"role": "user", "content": body["prompt"]}])

    async def chat(self, request: Request) -> Response:
        """Answer a conversation."""
        body = await self._read(request, "messages", list)
        return self._answer([message for message in body["messages"] if isinstance(message, dict)])

    async def embeddings(self, request: Request) -> Response:
        """The vector of a text."""
        body = await self._read(request, "text", str)
        drift = str(self._board.requests["calls"]) if self._board.on("vectors-drift") else ""
        return JSONResponse({"model": self._model(), "embedding": embed(body["text"] + drift)})

    async def health(self, _: Request) -> Response:
        """Whether calls work."""
        return JSONResponse({"status": "ok", "model": MODEL})

    async def metrics(self, _: Request) -> Response:
        """The request counter."""
        if self._board.on("metrics-gone"):
            return PlainTextResponse("")
        return PlainTextResponse(
            "# HELP http_requests_total Requests that arrived.\n# TYPE http_requests_total counter\n"
            f"http_requests_total {self._board.requests['calls']}\n"
        )

    async def docs(self, _: Request) -> Response:
        """A page for people."""
        if self._board.on("docs-gone"):
            return Response(status_code=404)
        return HTMLResponse("<!doctype html><title>API</title><p>See <a href='/openapi.json'>openapi.json</a>.")

    async def openapi(self, _: Request) -> Response:
        """The OpenAPI document."""
        document = openapi_document()
        if self._board.on("undocumented"):
            del document["paths"]["/chat"]
        return JSONResponse(document)

    async def _read(self, request: Request, name: str, kind: type) -> dict[str, Any]:
        self._board.requests["calls"] += 1
        body = await read_object(request)
        if not isinstance(body.get(name), kind):
            raise Refusal(422, f"`{name}` is missing or of the wrong type", "invalid", kind="types")
        if self._board.on("health-lies"):
            raise Refusal(503, "the model is gone", "gone")
        return body

    def _answer(self, messages: list[dict[str, Any]]) -> Response:
        text = complete(ChatRequest(MODEL, tuple(messages), max_tokens=16)).text
        return JSONResponse({"model": self._model(), "response": "" if self._board.on("answer-empty") else text})

    def _model(self) -> object:
        return 7 if self._board.on("untyped") else MODEL


def openapi_document() -> dict[str, Any]:
    """The service in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0)."""
    text = {"type": "string"}
    vector = {"type": "array", "items": {"type": "number"}}

    def call(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        asked = {"type": "object", "required": list(request), "properties": request}
        told = {"type": "object", "required": ["model", *answer], "properties": {"model": text, **answer}}
        content = {"application/json": {"schema": told}}
        return {
            "post": {
                "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
                "responses": {"200": {"description": "the answer", "content": content}},
            }
        }

    look = {"get": {"responses": {"200": {"description": "well"}, "503": {"description": "not ready"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Edge model", "version": "1.0.0"},
        "paths": {
            "/generate": call({"prompt": text}, {"response": text}),
            "/chat": call({"messages": {"type": "array"}}, {"response": text}),
            "/embeddings": call({"text": text}, {"embedding": vector}),
            "/health": look,
            "/metrics": look,
        },
    }


def build_app() -> Starlette:
    """The application."""
    board = Switchboard(FAULTS)
    service = Service(board)

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        if board.on("malformed-breaks") and error.status < 500:
            return PlainTextResponse("Traceback (most recent call last):\n  boom", 500)
        return JSONResponse({"detail": error.message}, error.status)

    calls = {"/generate": service.generate, "/chat": service.chat, "/embeddings": service.embeddings}
    looks = {"/health": service.health, "/metrics": service.metrics, "/docs": service.docs}
    return Starlette(
        routes=[
            *(Route(path, handler, methods=["POST"]) for path, handler in calls.items()),
            *(Route(path, handler) for path, handler in looks.items()),
            Route("/openapi.json", service.openapi),
            *control_routes(board),
        ],
        exception_handlers={Refusal: refuse},
    )
