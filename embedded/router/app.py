"""The router's ASGI application."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from embedded.control import control_routes
from embedded.router.cache import CacheDownError, ResponseCache
from embedded.router.chain import DONE, Chains, ExhaustedError, Served
from embedded.router.doors import Doors, StrangerError
from embedded.router.journal import RequestLog
from embedded.router.limits import HungUpError, LimitedError, Limits
from embedded.router.meters import Meters
from embedded.router.settings import Caller, Deployment, Settings
from embedded.router.switchboard import FAULTS
from embedded.switchboard import Switchboard
from embedded.tracing import Traced

_HELD_BACK_S = 0.4


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Keeping:
    """Where in the cache an answer is kept; an empty key: nowhere."""

    key: str
    ttl_s: float | None


class Router:
    """The handlers and their state."""

    def __init__(self, settings: Settings, board: Switchboard, client: httpx.AsyncClient) -> None:
        self._settings, self._board = settings, board
        self.chains, self._limits = Chains(settings, board, client), Limits(settings, board)
        self.doors = Doors(settings.callers, board)
        self._cache = ResponseCache(settings.redis, settings.cache_ttl_s, board)
        self._meters, self._log = Meters(board), RequestLog(settings.log, board)

    async def metrics(self, _: Request) -> Response:
        """What was counted."""
        if self._board.on("metrics-down"):
            return PlainTextResponse("no metrics", 500)
        return PlainTextResponse(self._meters.page(), media_type="text/plain; version=0.0.4")

    async def models(self, request: Request) -> Response:
        """The model list."""
        return self._listed(self.doors.caller(request))

    async def respelt(self, _: Request) -> Response:
        """The model list past the guard, if that is switched on."""
        if not self._board.on("door-respelt"):
            return PlainTextResponse("not found", 404)
        return self._listed(next(iter(self._settings.callers.values())))

    def _listed(self, caller: Caller) -> Response:
        names = sorted(name for name in self._settings.routes if self.doors.sees(caller, name))
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "router"} for name in names]
        return JSONResponse({"object": "list", "data": data})

    async def health(self, _: Request) -> Response:
        """Alive, and whether the cache works."""
        works = self._board.on("health-rosy") or await self._cache.works()
        told: dict[str, Any] = {"status": "ok" if works else "degraded", "cache": works}
        if self._board.on("pages-leak"):
            told["keys"] = list(self._settings.callers)
        return JSONResponse(told)

    async def weigh(self, request: Request) -> Response:
        """Set the weights of a pool: ``{"name": weight}``."""
        self.chains.weigh(request.path_params["route"], await request.json())
        return JSONResponse({"ok": True})

    async def chat(self, request: Request) -> Response:
        """A completion, whole or streamed."""
        began_s, status, asked = time.monotonic(), 500, dict[str, Any]()
        try:
            caller = self.doors.caller(request)
            asked = await _read(request)
            fails = self._board.on("completions-fail")
            refused = JSONResponse(_error("internal error", "server_error"), 500)
            answer = refused if fails else await self._completion(caller, asked)
            status = answer.status_code
        except (RefusedError, StrangerError) as error:
            status = error.status
            raise
        except LimitedError:
            status = 429
            raise
        else:
            return answer
        finally:
            who, took_s = str(asked.get("user") or ""), time.monotonic() - began_s
            self._meters.note(str(asked.get("model")), who, status, took_s)
            self._log.note(request.headers.get("x-request-id", ""), _key_of(request), status, took_s)

    async def _completion(self, caller: Caller, asked: dict[str, Any]) -> Response:
        name = str(asked.get("model"))
        route = self._settings.routes.get(name)
        if route is None:
            raise RefusedError(404, f"the model {name[:100]} does not exist")
        if not self.doors.may_use(caller, name):
            raise StrangerError(403, f"the model {name} is not yours")
        await self._call_another(asked, route.pool[0])
        opt_in = asked.pop("cache", None)
        keeping = Keeping(self._cache.key_of(asked, caller) if opt_in else "", _ttl_s(opt_in))
        key = keeping.key
        if key and (kept := await self._cache.get(key)):
            return await self._from_cache(kept, asked, key)
        self._limits.admit(name, route, caller)
        stack = AsyncExitStack()  # the slot is given back when the answer has ended, not when it begins
        try:
            await stack.enter_async_context(self._limits.slot(name, route))
            served = await self.chains.serve(name, asked)
        except ExhaustedError as error:
            await stack.aclose()
            return await self._exhausted(error, keeping)
        except BaseException:
            await stack.aclose()
            raise
        if served.events is not None and self._board.on("fallback-whole") and served.link != name:
            events = [data async for data in served.events]
            await stack.aclose()
            return JSONResponse(_joined(events), headers=_headers(served))
        if served.events is not None:
            events_out = self._streamed(served, keeping, name, stack)
            return StreamingResponse(events_out, media_type="text/event-stream", headers=_headers(served))
        await stack.aclose()
        answer = served.answer or {}
        self._limits.spend(name, _tokens(answer))
        if key:
            await self._cache.keep(key, answer, keeping.ttl_s)
        if "raw" in answer:
            return Response(answer["raw"], media_type="application/json", headers=_headers(served))
        return JSONResponse(answer, headers=_headers(served))

    async def _call_another(self, asked: dict[str, Any], deployment: Deployment) -> None:
        if self._board.on("override-taken") and "api_base" in asked:
            await self.chains.call(str(asked["api_base"]), deployment)

    async def _streamed(self, served: Served, keeping: Keeping, name: str, stack: AsyncExitStack) -> AsyncIterator[str]:
        assert served.events is not None
        seen = []
        async with stack:
            async for data in served.events:
                seen.append(data)
                yield f"data: {data}\n\n"
        answer = _joined(seen)
        self._limits.spend(name, _tokens(answer))
        if keeping.key and seen[-1] == DONE:
            await self._cache.keep(keeping.key, answer, keeping.ttl_s)

    async def _from_cache(self, kept: dict[str, Any], asked: dict[str, Any], key: str) -> Response:
        if self._board.on("cache-slow"):
            await asyncio.sleep(_HELD_BACK_S)
        if self._board.on("cache-thoughtless"):
            for choice in kept.get("choices", ()):
                choice["message"].pop("reasoning_content", None)
        if self._board.on("cache-differs"):
            kept["choices"][0]["message"]["content"] = "otra cosa"
        headers = {"x-router-cache": key}
        if "error" in kept:
            return JSONResponse(kept, 502, headers)
        if not asked.get("stream"):
            return JSONResponse(kept, headers=headers)
        events = [*map(json.dumps, _split(kept)), *([] if self._board.on("cache-stream-cut") else [DONE])]
        body = "".join(f"data: {data}\n\n" for data in events)
        return Response(body, media_type="text/event-stream", headers=headers)

    async def _exhausted(self, error: ExhaustedError, keeping: Keeping) -> Response:
        board, message = self._board, "no provider answers"
        if board.on("exhausted-hangs"):
            await asyncio.sleep(board.parameter("exhausted-hangs", "delay_ms", 5000) / 1000)
        if board.on("exhausted-leaks"):
            message = f'{error}\nTraceback (most recent call last):\n  File "router.py", line 1'
        if board.on("exhausted-ok"):
            return JSONResponse({"object": "chat.completion", "choices": []})
        if keeping.key and board.on("cache-failures"):
            await self._cache.keep(keeping.key, _error(message, "server_error"), keeping.ttl_s)
        return JSONResponse(_error(message, "server_error"), 502)

    async def refuse(self, _: Request, error: Exception) -> Response:
        """An error, in OpenAI's form."""
        if isinstance(error, LimitedError):
            return JSONResponse(_error(str(error), "rate_limit"), 429, self._limits.retry_after(error.wait_s))
        if isinstance(error, CacheDownError):
            return JSONResponse(_error(str(error), "server_error"), 503)
        if isinstance(error, StrangerError):
            return JSONResponse(_error(str(error), "invalid_request_error"), error.status)
        assert isinstance(error, RefusedError)
        return JSONResponse(_error(str(error), "invalid_request_error"), error.status)

    def forget(self) -> None:
        """Nothing has failed, and the weights are those of the file."""
        self.chains.forget()
        self._cache.forget()

    async def close(self) -> None:
        """Give connections back."""
        await self._cache.close()


def _key_of(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()


async def _read(request: Request) -> dict[str, Any]:
    try:
        asked = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "the body is not JSON") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list):
        raise RefusedError(400, "`messages` must be a list")
    return asked


def _ttl_s(opt_in: object) -> float | None:
    """How long an answer is to be kept, where the request says so (``"cache": {"ttl": seconds}``)."""
    asked = opt_in.get("ttl") if isinstance(opt_in, dict) else None
    return float(asked) if isinstance(asked, (int, float)) and asked > 0 else None


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _headers(served: Served) -> dict[str, str]:
    return {"x-router-model": served.link, "x-router-deployment": served.deployment.name,
            "x-router-attempts": str(served.attempts), "cache-control": "no-cache"}  # fmt: skip


def _tokens(answer: Mapping[str, Any]) -> int:
    usage = answer.get("usage")
    return int(usage.get("total_tokens", 0)) if isinstance(usage, dict) else 0


def _joined(events: list[str]) -> dict[str, Any]:
    """A stream as the whole answer that it stands for."""
    chunks = [json.loads(data) for data in events if data != DONE]
    whole: dict[str, Any] = {**chunks[0], "object": "chat.completion"}
    text, thought, finish = "", "", None
    for chunk in chunks:
        whole["usage"] = chunk.get("usage") or whole.get("usage")
        for choice in chunk.get("choices", []):
            text += choice["delta"].get("content") or ""
            thought += choice["delta"].get("reasoning_content") or ""
            finish = choice.get("finish_reason") or finish
    message = {"role": "assistant", "content": text, **({"reasoning_content": thought} if thought else {})}
    return {**whole, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def _split(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """A whole answer as a stream's chunks."""
    head = {**{name: whole.get(name) for name in ("id", "created", "model")}, "object": "chat.completion.chunk"}
    choice = whole["choices"][0]
    said = {name: choice["message"][name] for name in ("reasoning_content", "content") if name in choice["message"]}
    deltas = [{"role": "assistant", "content": ""}, said]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return [*chunks, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}]


def build_app(settings: Settings) -> Starlette:
    """The router with these settings."""
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=200))
    board = Switchboard(FAULTS)
    router = Router(settings, board, client)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await client.aclose()
        await router.close()

    async def reset(_: Request) -> Response:
        board.reset()
        router.forget()
        return JSONResponse({"on": {}})

    routes = [
        Route("/v1/models", router.models),
        Route("/v1//models", router.respelt),
        Route("/v1/chat/completions", router.chat, methods=["POST"]),
        Route("/health", router.health),
        Route("/metrics", router.metrics),
        Route("/control/weights/{route}", router.weigh, methods=["PUT"]),
        Route("/control/reset", reset, methods=["POST"]),
        *router.doors.routes(),
        *control_routes(board),
    ]
    handlers = dict.fromkeys((LimitedError, CacheDownError, StrangerError, RefusedError), router.refuse)
    traced = [Middleware(Traced, service="router", collector=settings.collector, board=board)]
    middleware = traced if settings.collector else []
    middleware += [Middleware(WithHeaders, settings=settings, board=board)]
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan, middleware=middleware)
    app.add_exception_handler(HungUpError, _hang_up)
    return app


class WithHeaders:
    """ASGI middleware: headers that every answer has."""

    def __init__(self, app: ASGIApp, settings: Settings, board: Switchboard) -> None:
        self._app, self._board = app, board
        self._headers = [(name.encode(), value.encode()) for name, value in settings.headers.items()]
        first = next(iter(settings.routes.values())).pool[0]
        self._telling = [(b"x-upstream", value.encode()) for value in first.headers.values()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and add them."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and not self._board.on("headers-bare"):
                telling = self._telling if self._board.on("header-tells-key") else []
                message = {**message, "headers": [*message["headers"], *self._headers, *telling]}
            await send(message)

        await self._app(scope, receive, sent)


async def _hang_up(_: Request, error: Exception) -> Response:
    """Begin an answer and break it off."""

    async def broken() -> AsyncIterator[str]:
        raise error
        yield

    return StreamingResponse(broken())
