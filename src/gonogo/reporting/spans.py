"""The run as OpenTelemetry spans, one for the run and one below it for each check, over OTLP/HTTP.

Sent where ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``) says, with the other variables of
the OpenTelemetry SDK in force; below the span of the pipeline where ``TRACEPARENT`` names one. Attributes are named as
the semantic conventions for tests and CI/CD have it. Needs the extra ``gonogo[otel]``.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gonogo.model import GOES

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_ASKED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NANOSECONDS = 1_000_000_000


def are_wanted() -> bool:
    """Whether the environment says where spans go."""
    return any(os.environ.get(name) for name in _ASKED_BY)


def send_spans(verdict: Mapping[str, Any]) -> str:
    """Send a verdict's spans, where the environment asks for it.

    Args:
        verdict: as `gonogo.reporting.json.plain` has it, secrets masked.

    Returns:
        Why nothing, or not all, was sent; empty if all is well, or nobody has asked.
    """
    if not are_wanted():
        return ""
    if not _has_exporter():
        return "no spans were sent: pip install 'gonogo[otel]'"
    try:
        return _send(verdict)
    except Exception as error:  # noqa: BLE001 (whatever the SDK makes of its variables, the verdict stands)
        return f"no spans were sent: {error!r}"


def _has_exporter() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # of what it is below
        return False


def _send(verdict: Mapping[str, Any]) -> str:
    # Imported where they are wanted: they take a quarter of a second, and are an extra.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult  # noqa: PLC0415

    failures: list[str] = []

    class Watched(SpanExporter):
        """The exporter, whose failures are told: it only logs them."""

        def __init__(self) -> None:
            self._exporter = OTLPSpanExporter()

        def export(self, spans: Any) -> SpanExportResult:  # noqa: ANN401 (a sequence of the SDK's spans)
            result = self._exporter.export(spans)
            if result is not SpanExportResult.SUCCESS:
                failures.append(f"{len(spans)} spans could not be sent")
            return result

        def shutdown(self) -> None:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    told = {"service.name": "gonogo", "service.version": verdict["binding"]["suite_version"]}
    provider = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Watched(), max_queue_size=len(verdict["checks"]) + 2048))
    _make_spans(provider.get_tracer("gonogo", verdict["binding"]["suite_version"]), verdict)
    provider.shutdown()
    return "; ".join(failures)


def _make_spans(tracer: "Tracer", verdict: Mapping[str, Any]) -> None:
    from opentelemetry.trace import Status, StatusCode, set_span_in_context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    pipeline = TraceContextTextMapPropagator().extract({"traceparent": os.environ.get("TRACEPARENT", "")})
    name, start = f"gonogo {verdict['stage']}", _moment(verdict["started"])
    run = tracer.start_span(name, pipeline, start_time=start, attributes=_of_run(verdict))
    if verdict["decision"] not in GOES:
        run.set_status(Status(StatusCode.ERROR, "; ".join(verdict["reasons"])[:500]))
    inside = set_span_in_context(run, pipeline)
    for check in verdict["checks"]:
        if check["started"]:
            start = _moment(check["started"])
            span = tracer.start_span(check["name"], inside, start_time=start, attributes=_of_check(check))
            if check["outcome"] in {"fail", "inconclusive"}:
                span.set_status(Status(StatusCode.ERROR, check["reason"][:500]))
            span.end(start + int(check["duration_ms"] * 1e6))
    run.end(_moment(verdict["finished"]))


def _moment(iso: str) -> int:
    """Nanoseconds since the epoch."""
    return int(datetime.fromisoformat(iso).timestamp() * _NANOSECONDS)


def _of_run(verdict: Mapping[str, Any]) -> dict[str, Any]:
    failed = {"NO-GO": "failure", "HOLD": "error"}
    return {
        "cicd.pipeline.name": "gonogo",
        "cicd.pipeline.run.id": verdict["run_id"],
        "cicd.pipeline.result": failed.get(verdict["decision"], "success"),
        "deployment.environment.name": verdict["binding"]["environment"],
        "gonogo.decision": verdict["decision"],
        "gonogo.target": verdict["binding"]["target_name"],
        "gonogo.stage": verdict["stage"],
        "gonogo.demo": verdict["demo"],
        "gonogo.change_id": verdict["change_id"],
    }


def _of_check(check: Mapping[str, Any]) -> dict[str, Any]:
    """A skipped check has no result of the conventions', which know pass and fail only."""
    result = {"pass": "pass", "warn": "pass", "fail": "fail"}.get(check["outcome"])
    return {
        "test.suite.name": check["suite"],
        "test.case.name": check["name"],
        **({"test.case.result.status": result} if result else {}),
        "gonogo.outcome": check["outcome"],
        "gonogo.severity": check["severity"],
        "gonogo.reason": check["reason"][:500],
    }
