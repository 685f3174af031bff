"""The pass-through's ASGI application."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from embedded.control import control_routes
from embedded.front import FAILURES, KEPT_ARRIVALS, Arrival, Front, arrival_routes
from embedded.switchboard import Switchboard

_HOP_BY_HOP = {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"host"}
"""RFC 9110, section 7.6.1; and the name of the server that was asked, which is another one behind us."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build_app(upstream: str, timeout_s: float) -> Starlette:
    """A pass-through before a base URL."""
    board, arrivals = Switchboard(FAILURES), deque[Arrival](maxlen=KEPT_ARRIVALS)
    client = httpx.AsyncClient(base_url=upstream, timeout=timeout_s, limits=httpx.Limits(max_connections=None))

    async def metrics(_: Request) -> Response:
        text = f"# TYPE passthrough_completions_total counter\npassthrough_completions_total {len(arrivals)}\n"
        return PlainTextResponse(text, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})

    async def passed(request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.raw if name not in _HOP_BY_HOP]
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        asked = client.build_request(request.method, path, headers=headers, content=await request.body())
        try:
            answer = await client.send(asked, stream=True)
        except httpx.HTTPError as error:
            return JSONResponse({"error": f"{upstream}: {error!r}"}, 502)

        async def body() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_raw():
                    yield piece
            finally:
                await answer.aclose()

        passed_on = StreamingResponse(body(), answer.status_code)
        passed_on.raw_headers = [(name.lower(), value) for name, value in answer.headers.raw
                                 if name.lower() not in _HOP_BY_HOP]  # fmt: skip
        return passed_on

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await client.aclose()

    return Starlette(
        routes=[
            *control_routes(board),
            *arrival_routes(arrivals),
            Route("/control/metrics", metrics),
            Route("/{path:path}", passed, methods=_METHODS),
        ],
        middleware=[Middleware(Front, board=board, arrivals=arrivals)],
        lifespan=lifespan,
    )
