"""Who may come in at the router, and where."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from embedded.router.settings import Caller
from embedded.switchboard import Switchboard

_PATHS = ("/v1/models", "/internal/config", "/user/list", "/key/list")
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "router", "version": "1"},
    "paths": {path: {"get": {"responses": {"200": {"description": "ok"}}}} for path in _PATHS},
}


class StrangerError(Exception):
    """Somebody who may not come in."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Doors:
    """Knows the callers by their keys."""

    def __init__(self, callers: Mapping[str, Caller], board: Switchboard) -> None:
        self._callers, self._board = callers, board

    def caller(self, request: Request) -> Caller:
        """Who asks.

        Raises:
            StrangerError: nobody who may.
        """
        board, given = self._board, request.headers.get("authorization", "")
        scheme, _, key = given.partition(" ")
        key = key.strip() if scheme == "Bearer" else ""
        if not key and board.on("door-url"):
            key = request.query_params.get("api_key", "")
        caller = self._callers.get(key)
        waved_through = (
            (given and scheme != "Bearer" and board.on("door-malformed"))
            or (key and board.on("door-any-key"))
            or (request.url.path == "/v1/models" and board.on("door-open"))
        )
        if caller is None and waved_through:
            caller = next(iter(self._callers.values()))
        if caller is None or (caller.is_expired and not board.on("door-expired")):
            raise StrangerError(401, "Invalid, missing or expired API key")
        return caller

    def may_use(self, caller: Caller, model: str) -> bool:
        """Whether a model is one of the caller's."""
        return not caller.models or model in caller.models or self._board.on("tenants-mixed")

    def sees(self, caller: Caller, model: str) -> bool:
        """Whether a model is on the caller's list."""
        return not caller.models or model in caller.models or self._board.on("tenants-listed")

    def routes(self) -> list[Route]:
        """Pages beside the completions: for administrators, for callers, for everybody, and for nobody."""
        return [
            Route("/key/list", self._administration),
            Route("/user/list", self._administration),
            Route("/internal/config", self._internal),
            Route("/openapi.json", self._document),
            Route("/.env", self._leftover),
        ]

    async def _administration(self, request: Request) -> Response:
        if not (self.caller(request).is_admin or self._board.on("door-admin")):
            raise StrangerError(403, "for administrators only")
        return JSONResponse([])

    async def _internal(self, request: Request) -> Response:
        if not self._board.on("door-internal"):
            self.caller(request)
        return JSONResponse({"routes": len(_PATHS)})

    async def _document(self, _: Request) -> Response:
        return JSONResponse(DOCUMENT)

    async def _leftover(self, _: Request) -> Response:
        return PlainTextResponse("DEBUG=1\n") if self._board.on("door-env") else PlainTextResponse("not found", 404)
