"""The provider's ASGI application: a dialect, health, metrics, and the control API."""

from collections import deque

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from embedded.control import control_routes
from embedded.front import KEPT_ARRIVALS, Arrival, Front, arrival_routes
from embedded.provider.depot import Depot
from embedded.provider.hosted import HostedDialect
from embedded.provider.limits import Limits
from embedded.provider.ollama import OllamaDialect
from embedded.provider.openai import OpenAiDialect
from embedded.provider.requests import Refusal
from embedded.provider.setup import Setup
from embedded.provider.switchboard import ProviderSwitchboard
from embedded.provider.wire import credential_of, refused
from embedded.tracing import Traced

_OPEN_PATHS = ("/health", "/metrics", "/control", "/depot", "/v2/")
_LARGE_BODY, _LARGE_HEADERS, _LARGE_QUERY = 100_000, 8_000, 8_000


def build_app(setup: Setup) -> Starlette:
    """An application that speaks a dialect for some models."""
    board = ProviderSwitchboard(setup.sticky, setup.first_token_ms, setup.token_ms, setup.context_tokens)
    limits = Limits(setup, board)
    routes = OpenAiDialect(setup.chat_models, setup.embedding_models, board, limits.admit).routes()
    if setup.dialect == "ollama":
        routes += OllamaDialect(setup.chat_models, setup.embedding_models, board).routes()
    if setup.dialect == "hosted":
        routes += HostedDialect(setup.chat_models, board, limits.admit).routes()
    if setup.depot is not None:
        routes += Depot(setup.depot, board).routes()
    arrivals: deque[Arrival] = deque(maxlen=KEPT_ARRIVALS)
    routes += _operations(setup, board, limits) + control_routes(board) + arrival_routes(arrivals)

    async def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            forgiven = {405: "any-method", 404: "routes-forgiving"}.get(error.status_code, "")
            if board.on(forgiven):
                return JSONResponse({"ok": True})
            error = Refusal(error.status_code, error.detail, "route")
        assert isinstance(error, Refusal)
        return await refused(error, request, board)

    traced = [Middleware(Traced, service="provider", collector=setup.collector, board=board)]
    return Starlette(
        routes=routes,
        exception_handlers={Refusal: refuse, HTTPException: refuse},
        middleware=[
            *(traced if setup.collector else []),
            Middleware(Doorkeeper, key=setup.key, board=board),
            Middleware(Front, board=board, arrivals=arrivals),
        ],
    )


class Doorkeeper:
    """ASGI middleware: every path but health, metrics and control needs the key."""

    def __init__(self, app: ASGIApp, key: str | None, board: ProviderSwitchboard) -> None:
        self._app, self._key, self._board = app, key, board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through or refuse it."""
        if scope["type"] == "http" and (refusal := self._refusal(request := Request(scope))):
            await (await refused(refusal, request, self._board))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Refusal | None:
        path = request.url.path
        if path.startswith("/control"):
            return None
        if not self._may_enter(request):
            return Refusal(401, "Invalid or missing API key", "invalid_api_key")
        if self._board.for_client("client-refused", request.headers) and path.endswith(
            self._board.text("client-refused", "path")
        ):
            return Refusal(403, "Forbidden", "forbidden")
        if self._board.on("size-breaks") and _is_large(request):
            return Refusal(500, "internal error", "internal_error")
        return None

    def _may_enter(self, request: Request) -> bool:
        if self._key is None or self._board.on("no-auth") or request.url.path.startswith(_OPEN_PATHS):
            return True
        given = credential_of(request)
        return given == self._key or bool(given and self._board.on("any-key"))


def _is_large(request: Request) -> bool:
    body = int(request.headers.get("content-length", 0))
    headers = sum(map(len, request.headers.values()))
    return body > _LARGE_BODY or headers > _LARGE_HEADERS or len(request.url.query) > _LARGE_QUERY


def _operations(setup: Setup, board: ProviderSwitchboard, limits: Limits) -> list[Route]:
    frozen: dict[str, str] = {}

    async def health(_: Request) -> Response:
        if board.on("health-red"):
            return JSONResponse({"status": "failing"}, 500)
        loading = limits.loading and not board.on("ready-at-once")
        version = "1.0.0" if board.on("replica-old") else setup.version
        told = {"status": "loading" if loading else "ok", "model_loaded": not loading, "model_version": version}
        return JSONResponse(told, 503 if loading else 200)

    async def metrics(_: Request) -> Response:
        text = _exposition(board, setup.dialect)
        if board.on("counters-frozen"):
            text = frozen.setdefault("text", text)
        else:
            frozen.clear()
        return PlainTextResponse(text, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})

    return [Route("/health", health), Route("/metrics", metrics)]


def _exposition(board: ProviderSwitchboard, dialect: str) -> str:
    latency = "+Inf" if board.on("metrics-infinite") else "0.12"
    return (
        "# HELP provider_requests_total Requests that arrived, by kind.\n"
        "# TYPE provider_requests_total counter\n"
        f'provider_requests_total{{dialect="{dialect}",kind="completions"}} {board.requests["completions"]}\n'
        f'provider_requests_total{{dialect="{dialect}",kind="embeddings"}} {board.requests["embeddings"]}\n'
        "# HELP provider_tokens_total Tokens, by direction.\n"
        "# TYPE provider_tokens_total counter\n"
        f'provider_tokens_total{{dialect="{dialect}",direction="prompt"}} {board.prompt_tokens}\n'
        f'provider_tokens_total{{dialect="{dialect}",direction="completion"}} {board.completion_tokens}\n'
        "# HELP provider_latency_seconds Mean time of a completion.\n"
        "# TYPE provider_latency_seconds gauge\n"
        f'provider_latency_seconds{{dialect="{dialect}"}} {latency}\n'
    )
