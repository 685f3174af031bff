"""Would anybody find out what happened? Logs, dashboards and traces of a request of our own."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.plugin import Gate, check, expect_flawless
from gonogo.probes.prometheus import PrometheusProbe
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
    asked = [(name, query) for name, several in queries.items() for query in several]
    flaws = [f"{name}: {flaw}" for name, query in asked if (flaw := _empty(query, prometheus_probe))]
    dumb = [flaw for flaw in flaws if "shows NaN" in flaw]
    if dumb and len(dumb) == len(flaws):  # nothing divided by nothing: without traffic no panel knows better
        raise InconclusiveError("; ".join(dumb))
    expect_flawless([flaw for flaw in flaws if flaw not in dumb])


def _empty(panel: PanelQuery, prometheus: PrometheusProbe) -> str:
    """What is wrong with a panel's query, or nothing."""
    try:
        values = prometheus.query(panel.query)
    except InconclusiveError as error:
        if "HTTP 400" not in str(error):
            raise
        return f"{panel.panel!r}: {error}"  # Prometheus is there, and does not understand the panel
    if not values:
        return f"{panel.panel!r} shows nothing: {panel.query}"
    return f"{panel.panel!r} shows NaN: {panel.query}" if all(math.isnan(value.value) for value in values) else ""


@check("monitoring.traces.whole", severity="minor", covers=["M7"])
def test_traces_whole(traced_request: tuple[TraceContext, Sequence[Span]], traces: Traces) -> None:
    """The trace of one request has a span of every service, and no span without its parent."""
    trace, spans = traced_request
    assert spans != [], f"there is no trace {trace.trace_id}, after {traces.within_s:g} s"
    expect_flawless(trace_flaws(spans, traces.services, trace.span_id))
