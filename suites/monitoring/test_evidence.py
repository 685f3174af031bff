"""Would anybody find out what happened? Logs, dashboards and traces of a request of our own."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.plugin import Gate, check, expect_flawless, flaws_of
from gonogo.probes.prometheus import PrometheusProbe, RefusedExpressionError
from gonogo.probes.traces import TraceContext
from gonogo.rules.dashboards import PanelQuery, panel_queries
from gonogo.rules.request_logs import Asked, entry_flaws, lines_of, unstructured
from gonogo.rules.secrets import secrets_told
from gonogo.rules.traces import Span, trace_flaws
from gonogo.targets.model import Target
from gonogo.targets.monitoring import Log, Traces


@check("monitoring.logs.structured", severity="major", covers=["M5"])
def test_logs_structured(log_lines: Sequence[str], gate: Gate) -> None:
    """Every line of the log is a JSON object."""
    if not log_lines:
        raise InconclusiveError("the log is empty, also after a request")
    expect_flawless(unstructured(log_lines, gate.redactor))


@check("monitoring.logs.request_found", severity="major", covers=["M5"])
def test_logs_request_found(log_lines: Sequence[str], logged_request: Asked, request_log: Log) -> None:
    """A request is found by its id, and its entry tells time, caller, endpoint, latency and status."""
    entries = lines_of(log_lines, logged_request.request_id, request_log.fields["request_id"])
    assert entries != [], f"no line has the request id that was sent, after {request_log.within_s:g} s"
    flaws = [entry_flaws(entry, request_log.fields, logged_request) for entry in entries]
    expect_flawless(min(flaws, key=len))  # of several entries of a request one must tell it all


@check("monitoring.logs.no_secret", severity="critical", covers=["M5", "S3"])
def test_logs_no_secret(log_lines: Sequence[str], gate: Gate) -> None:
    """No line of the log holds a secret, or something of a key's shape."""
    if not log_lines:
        raise InconclusiveError("the log is empty, also after a request")
    expect_flawless(secrets_told(log_lines, gate.redactor))


@check("monitoring.dashboards.data", severity="minor", covers=["M6"])
def test_dashboards_data(
    dashboard_models: Sequence[tuple[str, Mapping[str, Any]]], prometheus_probe: PrometheusProbe, target: Target
) -> None:
    """Every panel's query returns data."""
    declared = target.monitoring.dashboards
    assert declared is not None
    queries = {name: panel_queries(model, declared.window, declared.variables) for name, model in dashboard_models}
    if not any(queries.values()):
        raise NotDeclared("the dashboards ask Prometheus nothing")

    def look(one: tuple[str, PanelQuery]) -> list[str]:
        return [f"{one[0]}: {flaw}" for flaw in _panel_flaws(one[1], prometheus_probe)]

    expect_flawless(flaws_of(map(look, ((name, query) for name, several in queries.items() for query in several))))


def _panel_flaws(panel: PanelQuery, prometheus: PrometheusProbe) -> list[str]:
    """What is wrong with a panel's query.

    Raises:
        InconclusiveError: nobody knows what a variable in it stands for, or it divides nothing by nothing, as every
            panel of a rate does without traffic.
    """
    if panel.lacks:
        names = ", ".join(panel.lacks)
        raise InconclusiveError(f"{panel.panel!r}: no value of {names} is known (monitoring.dashboards.variables)")
    try:
        values = prometheus.query(panel.query)
    except RefusedExpressionError as error:
        return [f"{panel.panel!r}: {error}"]
    if not values:
        return [f"{panel.panel!r} shows nothing: {panel.query}"]
    if all(math.isnan(value.value) for value in values):
        raise InconclusiveError(f"{panel.panel!r} shows NaN: {panel.query}")
    return []


@check("monitoring.traces.whole", severity="minor", covers=["M7"])
def test_traces_whole(traced_request: tuple[TraceContext, Sequence[Span]], traces: Traces) -> None:
    """The trace of one request has a span of every service, and no span without its parent."""
    trace, spans = traced_request
    assert spans != [], f"there is no trace {trace.trace_id}, after {traces.within_s:g} s"
    expect_flawless(trace_flaws(spans, traces.services, trace.span_id))
