"""A small OTLP/HTTP receiver, with the look-ups of Tempo and Jaeger: ``python -m tests.servers.collector --port N``."""

import argparse
import json
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_KEPT = 1000
Batch = dict[str, Any]


class Collector(ThreadingHTTPServer):
    """Keeps the latest traces, by id."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.traces: OrderedDict[str, list[Batch]] = OrderedDict()

    def keep(self, batches: list[Batch]) -> None:
        """What was exported."""
        for batch in batches:
            for scope in batch["scopeSpans"]:
                for span in scope["spans"]:
                    one = {"resource": batch["resource"], "scopeSpans": [{"spans": [span]}]}
                    self.traces.setdefault(span["traceId"], []).append(one)
        while len(self.traces) > _KEPT:
            self.traces.popitem(last=False)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        self.server.keep(json.loads(self.rfile.read(int(self.headers["content-length"])))["resourceSpans"])
        self._answer(200, {})

    def do_GET(self) -> None:
        """``/ready``, ``/api/traces/ID`` as Tempo has it, ``/jaeger/api/traces/ID`` as Jaeger does."""
        assert isinstance(self.server, Collector)
        path, _, trace = self.path.rpartition("/")
        found = self.server.traces.get(trace, [])
        if path == "/api/traces":
            self._answer(200 if found else 404, {"batches": found})
        elif path == "/jaeger/api/traces":
            self._answer(200 if found else 404, {"data": [_as_jaeger(trace, found)] if found else None})
        else:
            self._answer(200, {})

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class has it)
        """Nothing."""


def _as_jaeger(trace: str, batches: list[Batch]) -> dict[str, Any]:
    spans, processes = [], {}
    for i, batch in enumerate(batches):
        process = f"p{i}"
        processes[process] = {"serviceName": batch["resource"]["attributes"][0]["value"]["stringValue"]}
        for span in batch["scopeSpans"][0]["spans"]:
            parent = {"refType": "CHILD_OF", "traceID": trace, "spanID": span["parentSpanId"]}
            told = {"traceID": trace, "spanID": span["spanId"], "operationName": span["name"], "references": [parent]}
            spans.append({**told, "processID": process})
    return {"traceID": trace, "spans": spans, "processes": processes}


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.collector", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    Collector(parser.parse_args().port).serve_forever()


if __name__ == "__main__":
    main()
