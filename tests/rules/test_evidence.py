"""Logs, dashboards and traces: what they must hold."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gonogo.redaction import Redactor
from gonogo.rules.dashboards import PanelQuery, panel_queries
from gonogo.rules.request_logs import Asked, entry_flaws, lines_of, unstructured
from gonogo.rules.secrets import secrets_told
from gonogo.rules.traces import Span, spans_of_jaeger, spans_of_otlp, trace_flaws

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = "sk-0a9c8e7d6b5f4a3c2e1d"
ASKED = Asked("id-1", NOW, "/v1/chat/completions", 200, KEY)
FIELDS = {name: f"/{name}" for name in ("time", "request_id", "key", "endpoint", "latency", "status")}
GOOD: dict[str, Any] = {
    "time": "2026-11-22T12:00:01Z", "request_id": "id-1", "key": "3f7a", "endpoint": "POST /v1/chat/completions",
    "latency": 0.25, "status": 200,
}  # fmt: skip
NOBODY = Redactor([])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"time": NOW.timestamp()}, ""),
        ({"time": NOW.timestamp() * 1e9}, ""),
        ({"time": "2026-11-22T12:00:01"}, ""),
        ({"status": "200"}, ""),
        ({"latency": "0.005"}, ""),
        ({"time": f"{NOW.timestamp():.3f}"}, ""),
        ({"time": "22/Nov/2026:13:00:01 +0100"}, ""),
        ({"time": "2026-11-22T17:30:01"}, ""),  # in India's zone, which it does not tell
        ({"time": "2026-11-22T12:07:01"}, "away from the request"),
        ({"time": "yesterday"}, "time (/time): 'yesterday' is no moment"),
        ({"time": True}, "is no moment"),
        ({"time": "2026-11-22T13:00:01+00:00"}, "1:00:01 away"),
        ({"status": 500}, "the request was answered with 200"),
        ({"latency": "fast"}, "is no duration"),
        ({"latency": -1}, "is no duration"),
        ({"endpoint": "/health"}, "is not /v1/chat/completions"),
        ({"key": KEY}, "the key itself"),
        ({"key": f"...{KEY[-12:]}"}, "the key itself"),
        ({"key": KEY[:6]}, ""),
        ({"key": ""}, "key (/key): is not there"),
        ({"latency": None}, "latency (/latency): is not there"),
    ],
)
def test_an_entry_field_by_field(change: dict[str, Any], told: str) -> None:
    flaws = entry_flaws({**GOOD, **change}, FIELDS, ASKED)
    assert (len(flaws), told in "".join(flaws)) == (1 if told else 0, True)


def test_only_named_fields_are_looked_at() -> None:
    assert entry_flaws({"request_id": "id-1"}, {"request_id": "/request_id"}, ASKED) == []


def test_a_request_is_found_by_the_field_of_its_id() -> None:
    lines = [json.dumps(GOOD), json.dumps({**GOOD, "request_id": "id-10"}), json.dumps({"note": "id-1"}), "id-1 plain"]
    assert lines_of(lines, "id-1", "/request_id") == [GOOD]


def test_lines_that_are_no_objects() -> None:
    assert unstructured([json.dumps(GOOD)], NOBODY) == []
    (flaw,) = unstructured(["{}", f"key {KEY}", "[1]"], Redactor([KEY]))
    assert (flaw.startswith("2 of 3 lines"), KEY in flaw) == (True, False)


def test_leaks_are_told_without_the_secret() -> None:
    assert secrets_told([json.dumps(GOOD)], Redactor([KEY])) == []
    flaws = secrets_told(["password hunter22 ok", f"with {KEY}"], Redactor(["hunter22"]))
    assert flaws[0] == "1 of 2 lines hold a secret of the target"
    assert len(flaws) == 2
    assert KEY not in flaws[1]


def test_a_long_page_is_searched_as_well() -> None:
    assert len(secrets_told(["a " * 3000 + KEY + " b" * 3000], NOBODY)) == 1
    assert secrets_told(["a " * 9000], NOBODY) == []


def test_an_endpoint_without_a_key_has_none_in_its_log() -> None:
    asked = Asked("id-1", NOW, "/v1/chat/completions", 200, "")
    assert entry_flaws({**GOOD, "key": None}, FIELDS, asked) == []


DASHBOARD = {
    "templating": {
        "list": [
            {"name": "job", "current": {"value": ["a", "b"]}},
            {"name": "model", "current": {"value": "$__all"}, "allValue": "m.+"},
            {"name": "ds", "type": "datasource", "current": {"value": "x"}},
        ]
    },
    "panels": [
        {"title": "A", "targets": [{"expr": 'rate(x{job=~"$job",model=~"${model:regex}"}[$__rate_interval])'}]},
        {
            "type": "row",
            "panels": [{"id": 7, "targets": [{"expr": 'y{z="[[other]]"} / $__range_s'}, {"expr": "h", "hide": True}]}],
        },
        {"title": "L", "datasource": {"type": "loki"}, "targets": [{"expr": "{}"}]},
        {"title": "T", "targets": [{"datasource": {"type": "tempo"}, "expr": "{}"}, {"refId": "no query"}]},
        {"title": "I", "targets": [{"expr": 'rate(x{a="1", b="$job", c!="2"}[$own]) + max_over_time(up[5m:$step])'}]},
        {"title": "text"},
    ],
}


def test_where_nothing_is_chosen_the_first_option_is() -> None:
    variable = {"name": "v", "current": {}, "options": [{"value": "5"}, {"value": "9"}]}
    model = {"templating": {"list": [variable]}, "panels": [{"title": "A", "targets": [{"expr": "topk($v, x)"}]}]}
    assert panel_queries(model, "1h", {}) == [PanelQuery("A", "topk(5, x)")]


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_queries_of_a_dashboard(*, wrapped: bool) -> None:
    model: dict[str, Any] = {"dashboard": DASHBOARD, "meta": {}} if wrapped else DASHBOARD
    assert panel_queries(model, "1h30m", {"model": "gpt"}) == [
        PanelQuery("A", 'rate(x{job=~"(a|b)",model=~"gpt"}[1h30m])'),
        PanelQuery("panel 7", 'y{z=~".*"} / 5400'),
        PanelQuery("I", 'rate(x{a="1", b=~"(a|b)", c!="2"}[1h30m]) + max_over_time(up[5m:1h30m])'),
    ]


@pytest.mark.parametrize(
    ("query", "value", "filled", "lacks"),
    [
        ('x{j=~"pre-$v-.*"}', ["a.b", "c"], r'x{j=~"pre-(a\\.b|c)-.*"}', ()),
        ('x{j="$v"}', ["a.b"], r'x{j=~"a\\.b"}', ()),
        ('x{j="$v"}', "a.b", 'x{j="a.b"}', ()),
        ('label_replace(x, "a", "$1", "b", "(.*)")', "", 'label_replace(x, "a", "$1", "b", "(.*)")', ()),
        ("topk($v, x)", "3", "topk(3, x)", ()),
        ('up{i=~"$v:$v"}', "h", 'up{i=~"h:h"}', ()),
        ("rate(x[$window_s])", "", "rate(x[1h])", ()),
        ("topk($v, x)", "", "topk(.*, x)", ("v",)),
        ('sum by (${v}) (rate(x{a=\'$v\', b="say \\"$v"}[$v])) > $__range_s', "", None, ("v",)),
        ("rate(x[$v]) + max_over_time(x[1h:$v])", "", "rate(x[1h]) + max_over_time(x[1h:1h])", ()),
    ],
)
def test_what_a_variable_stands_for(query: str, value: object, filled: str | None, lacks: tuple[str, ...]) -> None:
    variable = {"name": "v", "current": {"value": value}}
    model = {"templating": {"list": [variable]}, "panels": [{"title": "A", "targets": [{"expr": query}]}]}
    (found,) = panel_queries(model, "1h", {})
    assert found.lacks == lacks
    assert filled in {None, found.query}


def test_an_empty_dashboard_asks_nothing() -> None:
    assert panel_queries({}, "1h", {}) == panel_queries({"panels": None, "templating": {}}, "1h", {}) == []


CALLER, A, B = "c" * 16, "a" * 16, "b" * 16


@pytest.mark.parametrize(
    ("spans", "flaws"),
    [
        ([Span(A, CALLER, "gateway", "chat"), Span(B, A, "vllm", "run")], []),
        ([Span(A, CALLER, "gateway", "chat")], ["no span of vllm"]),
        ([Span(A, "", "gateway", "chat"), Span(B, "f" * 16, "vllm", "run")],
         ["the parent of a span of vllm: run is not in the trace"]),
    ],
)  # fmt: skip
def test_a_trace(spans: list[Span], flaws: list[str]) -> None:
    assert trace_flaws(spans, ["gateway", "vllm"], CALLER) == flaws


def test_both_apis_tell_the_same() -> None:
    spans = [Span(A, CALLER, "gateway", "chat"), Span(B, A, "vllm", "run")]
    processes = {f"p{i}": {"serviceName": span.service} for i, span in enumerate(spans)}
    jaeger = [
        {"spanID": s.span_id, "processID": f"p{i}", "operationName": s.name,
         "references": [{"refType": "CHILD_OF", "spanID": s.parent_id}]}
        for i, s in enumerate(spans)
    ]  # fmt: skip

    def batch(span: Span, ids: Any) -> dict[str, Any]:
        attributes = [{"key": "service.name", "value": {"stringValue": span.service}}]
        told = {"spanId": ids(span.span_id), "parentSpanId": ids(span.parent_id), "name": span.name}
        return {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [told]}]}

    def base64ed(text: str) -> str:
        return base64.b64encode(bytes.fromhex(text)).decode()

    assert spans_of_jaeger({"data": [{"spans": jaeger, "processes": processes}]}) == spans
    assert spans_of_otlp({"batches": [batch(span, str) for span in spans]}) == spans
    assert spans_of_otlp({"trace": {"resourceSpans": [batch(span, base64ed) for span in spans]}}) == spans
    assert spans_of_jaeger({"data": None}) == spans_of_otlp({}) == []
