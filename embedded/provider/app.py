"""The provider's ASGI application: a dialect, health, metrics, and the control API."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from embedded.control import control_routes
from embedded.provider.depot import Depot
from embedded.provider.hosted import HostedDialect
from embedded.provider.ollama import OllamaDialect
from embedded.provider.openai import OpenAiDialect
from embedded.provider.switchboard import ProviderSwitchboard
from embedded.provider.wire import Refusal, refusal_of_openai

_OPEN_PATHS = ("/health", "/metrics", "/control", "/depot", "/v2/")


def build_app(  # noqa: PLR0913 (a program's settings)
    dialect: str,
    chat_models: frozenset[str],
    embedding_models: frozenset[str],
    key: str | None,
    *,
    loading_s: float = 0.0,
    requests_per_minute: int = 6000,
    depot: Path | None = None,
) -> Starlette:
    """An application that speaks `dialect` (vllm, ollama or hosted) for these models.

    `key` is the bearer token that callers must send; None asks for none, as Ollama does. `depot` is a folder to serve
    beside the models, see `embedded.provider.depot`.
    """
    board = ProviderSwitchboard()
    hosted = HostedDialect(chat_models, board, loading_s=loading_s, requests_per_minute=requests_per_minute)
    admit = hosted.admit if dialect == "hosted" else _admit_all
    routes = OpenAiDialect(chat_models, embedding_models, board, admit).routes()
    if dialect == "ollama":
        routes += OllamaDialect(chat_models, embedding_models, board).routes()
    if dialect == "hosted":
        routes += hosted.routes()
    if depot is not None:
        routes += Depot(depot, board).routes()
    routes += _operations(board, dialect) + control_routes(board)

    async def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            error = Refusal(error.status_code, error.detail, "route")
        assert isinstance(error, Refusal)
        return refusal_of_openai(error, _credential(request), board)

    return Starlette(
        routes=routes,
        exception_handlers={Refusal: refuse, HTTPException: refuse},
        middleware=[Middleware(KeyGate, key=key, board=board)],
    )


class KeyGate:
    """ASGI middleware: every path but health, metrics and control needs the key."""

    def __init__(self, app: ASGIApp, key: str | None, board: ProviderSwitchboard) -> None:
        self._app, self._key, self._board = app, key, board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through or refuse it."""
        if scope["type"] == "http" and not self._may_enter(request := Request(scope)):
            refusal = Refusal(401, "Invalid or missing API key", "invalid_api_key")
            await refusal_of_openai(refusal, _credential(request), self._board)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _may_enter(self, request: Request) -> bool:
        if self._key is None or self._board.on("no-auth") or request.url.path.startswith(_OPEN_PATHS):
            return True
        given = _credential(request)
        return given == self._key or bool(given and self._board.on("any-key"))


def _admit_all() -> None:
    """A server without a rate limit."""


def _credential(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()


def _operations(board: ProviderSwitchboard, dialect: str) -> list[Route]:
    frozen: dict[str, str] = {}

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(_: Request) -> Response:
        text = _exposition(board, dialect)
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
