"""Traces of one request over several servers: W3C trace context in and out, spans as OTLP over HTTP, in JSON.

https://www.w3.org/TR/trace-context/ and https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

import json
import re
import secrets
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from contextvars import ContextVar
from queue import Queue

from starlette.types import ASGIApp, Receive, Scope, Send

from embedded.switchboard import Switchboard

_PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]")
_current: ContextVar[str] = ContextVar("traceparent", default="")


def outgoing() -> dict[str, str]:
    """The header that requests to other servers carry on; none outside of a traced request."""
    current = _current.get()
    return {"traceparent": current} if current else {}


class Traced:
    """ASGI middleware: a span for each completion that is a part of somebody's trace."""

    def __init__(self, app: ASGIApp, service: str, collector: str, board: Switchboard) -> None:
        self._app, self._service, self._board = app, service, board
        self._spans: Queue[dict[str, object]] = Queue(maxsize=1000)
        threading.Thread(target=self._export, args=(f"{collector}/v1/traces",), daemon=True).start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and tell of it."""
        headers = dict(scope.get("headers", ()))
        parent = _PARENT.fullmatch(headers.get(b"traceparent", b"")) if scope["type"] == "http" else None
        if parent is None or not scope["path"].endswith("completions"):
            await self._app(scope, receive, send)
            return
        trace, above = (part.decode() for part in parent.groups())
        span, began_ns = secrets.token_hex(8), time.time_ns()
        _current.set("" if self._board.on("trace-dropped") else f"00-{trace}-{span}-01")
        try:
            await self._app(scope, receive, send)
        finally:
            if not self._board.on("trace-unsent"):
                above = secrets.token_hex(8) if self._board.on("trace-orphaned") else above
                told: dict[str, object] = {"traceId": trace, "spanId": span, "parentSpanId": above}
                told |= {"name": f"{scope['method']} {scope['path']}", "kind": 2}
                told |= {"startTimeUnixNano": str(began_ns), "endTimeUnixNano": str(time.time_ns())}
                if not self._spans.full():
                    self._spans.put(told)

    def _export(self, url: str) -> None:
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": self._service}}]}
        while True:
            spans = [{"resource": resource, "scopeSpans": [{"spans": [self._spans.get()]}]}]
            body = json.dumps({"resourceSpans": spans}).encode()
            request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 (loopback)
            with suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
