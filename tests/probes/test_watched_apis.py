"""Grafana's, Loki's, Tempo's and Jaeger's HTTP APIs, as their documentation has them: no package of them is on a test machine."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gonogo.errors import InconclusiveError
from gonogo.probes.context import ProbeContext
from gonogo.probes.grafana import GrafanaProbe
from gonogo.probes.http import Http, open_client
from gonogo.probes.logs import LogProbe
from gonogo.probes.traces import TraceProbe
from gonogo.redaction import Redactor
from gonogo.targets.monitoring import Log, Traces
from gonogo.targets.secrets import Secret

QUIET = ProbeContext(lambda _: None, Redactor([]))
KEY = Secret("$KEY", "token-of-a-viewer")


@contextmanager
def pages(answers: Mapping[str, Any], seen: list[str]) -> Iterator[Http]:
    """A server with a JSON answer for each path, to who has the key; whom nobody knows gets 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            path = urlsplit(self.path).path
            allowed = self.headers.get("authorization") == f"Bearer {KEY.value}"
            status = 401 if not allowed else 200 if path in answers else 404
            body = json.dumps(answers.get(path, {"message": "not found"})).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, open_client() as client:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Http(client, f"http://127.0.0.1:{server.server_address[1]}", KEY, QUIET, 5.0)
        finally:
            server.shutdown()


def test_every_dashboard_of_a_grafana() -> None:
    seen: list[str] = []
    found = [{"id": 1, "uid": "abc", "title": "Gateway", "type": "dash-db", "folderTitle": "LLM"}]
    model = {"meta": {"slug": "gateway"}, "dashboard": {"title": "Gateway", "panels": []}}
    with pages({"/api/search": found, "/api/dashboards/uid/abc": model}, seen) as http:
        assert GrafanaProbe(http).dashboards() == [("Gateway", model)]
        with pytest.raises(InconclusiveError, match="Grafana"):
            GrafanaProbe(http.without_key()).dashboards()
    assert seen[0] == "/api/search?type=dash-db&limit=500"


def test_the_lines_of_a_loki_in_their_order() -> None:
    seen: list[str] = []
    streams = [
        {
            "stream": {"app": "gw", "pod": "a"},
            "values": [["1700000000000000003", '{"n": 3}'], ["1700000000000000001", '{"n": 1}']],
        },
        {
            "stream": {"app": "gw", "pod": "b"},
            "values": [["1700000000000000002", '{"n": 2}'], ["1700000000000000004", " "]],
        },
    ]
    body = {"status": "success", "data": {"resultType": "streams", "result": streams}}
    with pages({"/loki/api/v1/query_range": body}, seen) as http:
        log = Log("gateway", {}, loki=http.base_url, query='{app="gw"} |= "x"')
        assert LogProbe(log, http, QUIET).lines() == ['{"n": 1}', '{"n": 2}', '{"n": 3}']
        with pytest.raises(InconclusiveError, match="Loki"):
            LogProbe(log, http.without_key(), QUIET).lines()
    asked = parse_qs(urlsplit(seen[0]).query)
    assert asked == {"query": ['{app="gw"} |= "x"'], "limit": ["5000"], "since": ["600s"]}


JAEGER = {
    "data": [
        {
            "traceID": "t1",
            "spans": [
                {
                    "traceID": "t1",
                    "spanID": "a",
                    "references": [],
                    "processID": "p1",
                    "operationName": "POST",
                    "startTime": 10,
                    "duration": 9,
                },
                {
                    "traceID": "t1",
                    "spanID": "b",
                    "references": [{"refType": "CHILD_OF", "traceID": "t1", "spanID": "a"}],
                    "processID": "p2",
                    "operationName": "POST",
                    "startTime": 12,
                    "duration": 3,
                },
            ],
            "processes": {"p1": {"serviceName": "gateway"}, "p2": {"serviceName": "vllm"}},
        }
    ]
}


def test_the_spans_of_a_jaeger() -> None:
    with pages({"/api/traces/t1": JAEGER}, []) as http:
        probe = TraceProbe(Traces("jaeger", http.base_url, None, ("gateway", "vllm"), 1.0), http, QUIET)
        assert [(span.service, span.span_id, span.parent_id) for span in probe.spans("t1")] == [
            ("gateway", "a", ""),
            ("vllm", "b", "a"),
        ]
        assert probe.spans("nobody knows") == []
