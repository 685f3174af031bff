"""Spans of a run, received and read by OpenTelemetry's own message types."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from embedded.ports import free_port
from gonogo.model import Binding, CheckInfo, CheckResult, Outcome, Permission, Severity, Verdict
from gonogo.reporting.json import plain
from gonogo.reporting.spans import send_spans
from gonogo.verdict import judge

BEGAN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def verdict() -> dict[str, Any]:
    """Three checks: one passes after a second, one fails after two, one never began."""
    info = CheckInfo("contract.a.b", "t", Severity.CRITICAL, Permission.LIVE, ("C1",), smoke=False)
    second = BEGAN.timestamp() + 1
    results = [
        CheckResult(info, "a", Outcome.PASS, "one", started_s=second, duration_ms=1000),
        CheckResult(info, "b", Outcome.FAIL, "two", "wrong", started_s=second + 1, duration_ms=500),
        CheckResult(info, "c", Outcome.INCONCLUSIVE, "three", "the run ended before"),
    ]
    binding = Binding("staging", "staging", "0" * 64, "0" * 64, None, {}, None, "0.1.0")
    ended = BEGAN + timedelta(seconds=5)
    return plain(Verdict("r1", "gate", False, judge(results, ()), binding, BEGAN, ended, ended))


class Receiver(ThreadingHTTPServer):
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        told = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in told.resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class has it)
        """Nothing."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv(ENDPOINT, server.url)
    monkeypatch.delenv("TRACEPARENT", raising=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def attributes(span: Any) -> dict[str, Any]:
    return {pair.key: pair.value.string_value or pair.value.bool_value for pair in span.attributes}


def test_a_run_is_a_span_with_its_checks_below(receiver: Receiver) -> None:
    assert send_spans(verdict()) == ""
    spans = {span.name: span for span in receiver.spans}
    assert set(spans) == {"gonogo gate", "contract.a.b[one]", "contract.a.b[two]"}
    run, passed, failed = spans["gonogo gate"], spans["contract.a.b[one]"], spans["contract.a.b[two]"]
    assert passed.parent_span_id == failed.parent_span_id == run.span_id
    assert (
        run.end_time_unix_nano - run.start_time_unix_nano,
        passed.start_time_unix_nano - run.start_time_unix_nano,
    ) == (
        5_000_000_000,
        1_000_000_000,
    )
    assert failed.end_time_unix_nano - failed.start_time_unix_nano == 500_000_000
    assert attributes(run)["cicd.pipeline.result"] == "failure"
    assert (attributes(passed)["test.case.result.status"], attributes(failed)["test.case.result.status"]) == (
        "pass",
        "fail",
    )
    assert (failed.status.code, failed.status.message) == (2, "wrong")


def test_it_hangs_below_the_pipelines_span(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{'ab' * 16}-{'cd' * 8}-01")
    send_spans(verdict())
    assert {span.trace_id.hex() for span in receiver.spans} == {"ab" * 16}
    assert [span.parent_span_id.hex() for span in receiver.spans if span.name == "gonogo gate"] == ["cd" * 8]


def test_nothing_is_sent_unasked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT)
    assert (send_spans(verdict()), receiver.spans) == ("", [])


def test_it_is_told_what_could_not_be_sent(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.status = 400
    assert send_spans(verdict()) == "3 spans could not be sent"
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    assert send_spans(verdict()) == "3 spans could not be sent"


def test_no_variable_of_the_sdk_ends_a_run(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8192")
    assert "no spans were sent: ValueError" in send_spans(verdict())
    assert receiver.spans == []


def test_the_extra_that_is_missing_is_named(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("gonogo.reporting.spans.find_spec", missing)
    assert send_spans(verdict()) == "no spans were sent: pip install 'gonogo[otel]'"
    assert receiver.spans == []
