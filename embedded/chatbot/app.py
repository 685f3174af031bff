"""The chatbot's ASGI application."""

import json
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from embedded.chatbot.brain import Brain, Settings, Thought
from embedded.chatbot.switchboard import ChatbotSwitchboard
from embedded.control import control_routes
from embedded.spanish import reply_to

if TYPE_CHECKING:
    from embedded.chatbot.model import Model

_PAGE = Path(__file__).parent / "page.html"
MAX_TEXT = 10_000
MAX_SESSIONS = 1000
VERSION = os.environ.get("CHATBOT_VERSION", "")
"""What it calls itself in its answers."""


class Service:
    """The handlers and their state."""

    def __init__(self, settings: Settings, board: ChatbotSwitchboard, model: "Model | None") -> None:
        self._settings, self._board = settings, board
        self._brain = Brain(settings.mode, model)
        self._sessions: OrderedDict[str, list[str]] = OrderedDict()
        self._frozen: str | None = None

    async def message(self, request: Request) -> Response:
        """Answer one message of a session."""
        self._board.requests["messages"] += 1
        try:
            text, session = _read(await request.json())
        except (ValueError, RecursionError) as error:
            self._board.requests["errors"] += 1
            leak = f" (model key {self._settings.key})" if self._board.on("error-leaks-key") else ""
            return JSONResponse({"error": f"{error}{leak}"}, 400)
        turns = self._remember("shared" if self._board.on("sessions-shared") else session, text)
        if self._board.crashes(text, turns):
            self._board.requests["errors"] += 1
            return PlainTextResponse("Internal Server Error", 500)
        if self._board.on("forgets"):
            turns = turns[-1:]
        mocked = self._board.on("always-mock")
        thought = Thought(reply_to(turns), "local") if mocked else await self._brain.answer(turns)
        if thought.mode != self._settings.mode and self._board.on("no-mock"):
            return JSONResponse({"error": "the model does not answer"}, 502)
        self._board.requests["fallbacks"] += bool(thought.reply.get("isFallback"))
        body, content_type = self._board.deform(thought.reply, text)
        await self._board.tarry()
        told = {"content-type": content_type, "x-chatbot-mode": thought.mode, "x-chatbot-version": VERSION}
        return Response(body, headers=told)

    async def health(self, _: Request) -> Response:
        """Alive, and in which mode."""
        if self._board.on("health-red"):
            return JSONResponse({"status": "failing"}, 503)
        return JSONResponse({"status": "ok", "mode": self._settings.mode})

    async def page(self, _: Request) -> Response:
        """The page from which people ask."""
        text = _PAGE.read_text(encoding="utf-8")
        return HTMLResponse(text.replace("api/chat", "api/chut") if self._board.on("page-broken") else text)

    async def metrics(self, _: Request) -> Response:
        """Counters in Prometheus' text format."""
        if self._board.on("metrics-broken"):
            return PlainTextResponse("<html>metrics moved</html>")
        if not self._board.on("counters-frozen"):
            self._frozen = None
        lines = []
        for name, key in (("messages", "messages"), ("fallbacks", "fallbacks"), ("errors", "errors")):
            lines += [f"# TYPE chatbot_{name}_total counter", f"chatbot_{name}_total {self._board.requests[key]}"]
        self._frozen = self._frozen or "\n".join(lines) + "\n"
        return PlainTextResponse(self._frozen)

    def _remember(self, session: str, text: str) -> list[str]:
        if not session:
            return [text]
        turns = self._sessions.setdefault(session, [])
        self._sessions.move_to_end(session)
        turns.append(text)
        del turns[:-20]
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return list(turns)


def _read(body: Any) -> tuple[str, str]:  # noqa: ANN401 (any JSON)
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        raise ValueError("`message` must be a string")  # noqa: TRY004 (answered as 400)
    if len(body["message"]) > MAX_TEXT:
        raise ValueError(f"`message` must have at most {MAX_TEXT} characters")
    session = body.get("sessionId", "")
    if not isinstance(session, str):
        raise ValueError("`sessionId` must be a string")  # noqa: TRY004 (answered as 400)
    return body["message"], session


class Origins:
    """CORS for the configured origins, or for everybody while `cors-wildcard` is on."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...], board: ChatbotSwitchboard) -> None:
        methods = ("GET", "POST")
        self._strict = CORSMiddleware(
            app, allow_origins=origins, allow_methods=methods, allow_headers=("content-type",)
        )
        self._open = CORSMiddleware(app, allow_origins=("*",), allow_methods=methods, allow_headers=("*",))
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through or refuse it."""
        await (self._open if self._board.on("cors-wildcard") else self._strict)(scope, receive, send)


def _model(settings: Settings) -> "Model":
    from embedded.chatbot.model import Model  # noqa: PLC0415 (a third of the start of one that asks none)

    return Model(settings)


def build_app(settings: Settings) -> Starlette:
    """The chatbot with these settings."""
    board = ChatbotSwitchboard()
    for name in settings.deviations:
        board.switch_on(name, {})
    model = None if settings.mode == "mock" else _model(settings)
    service = Service(settings, board, model)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        if model is not None:
            await model.close()

    routes = [
        Route("/", service.page),
        Route("/api/chat/message", service.message, methods=["POST"]),
        Route("/api/chat/health", service.health),
        Route("/metrics", service.metrics),
        *control_routes(board),
    ]
    middleware = [Middleware(Origins, origins=settings.allowed_origins, board=board)]
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan)


def load_settings(text: str) -> Settings:
    """Settings from the configuration file's text."""
    raw = json.loads(text)
    return Settings(
        **{**raw, "allowed_origins": tuple(raw["allowed_origins"]), "deviations": tuple(raw.get("deviations", ()))}
    )
