"""What Prometheus tells of itself, and the figures that it computes."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from gonogo.model import Outcome
from gonogo.objectives import Band
from gonogo.rules.watching import (
    LoadedRule,
    Scraped,
    Value,
    bucket_flaws,
    decide_window,
    decide_windows,
    down,
    not_loaded,
    of_job,
    unevaluated,
    unknown,
    unwell,
)
from gonogo.targets.monitoring import WindowObjective

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
UP, DOWN = Scraped("router", "a:1", "up", ""), Scraped("vllm", "b:1", "down", "connection refused")
NEW = Scraped("vllm", "c:1", "unknown", "")


@pytest.mark.parametrize(
    ("targets", "of", "flaws"),
    [
        ([UP], "", []),
        ([UP], "router", []),
        ([UP, DOWN], "router", []),
        ([UP, DOWN], "", ["vllm b:1 is down: connection refused"]),
        ([UP], "vllm", ["the job vllm has no target"]),
        ([], "", ["Prometheus scrapes nothing"]),
        ([NEW], "vllm", []),
    ],
)
def test_targets_that_are_down(targets: list[Scraped], of: str, flaws: list[str]) -> None:
    assert down(targets, of) == flaws


def test_what_was_not_scraped_yet_is_told() -> None:
    assert unknown([UP, NEW], "") == ["vllm c:1"]
    assert unknown([UP, NEW], "router") == []


def rule(name: str = "r", health: str = "ok", error: str = "", age_s: float | None = 10.0, **labels: str) -> LoadedRule:
    evaluated = NOW - timedelta(seconds=age_s) if age_s is not None else None
    return LoadedRule(name, "g", is_alert=name[0].isupper(), labels=labels, health=health, error=error,
                      evaluated=evaluated, interval_s=30.0)  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "flaws"),
    [
        ([rule()], []),
        ([rule(age_s=None, health="unknown")], []),
        ([rule(health="err", error="many-to-many")], ["g/r fails: many-to-many"]),
        ([rule(age_s=94)], []),
        ([rule(age_s=200)], ["g/r was last evaluated 200 s ago, its interval is 30 s"]),
    ],
)
def test_rules_that_are_not_evaluated(rules: list[LoadedRule], flaws: list[str]) -> None:
    assert unwell(rules, NOW) == flaws


def test_rules_that_were_never_evaluated_are_told() -> None:
    assert unevaluated([rule(), rule("new", health="unknown", age_s=None)]) == ["g/new"]


def test_series_of_another_job_do_not_count() -> None:
    values = [Value({"job": "a"}, 1.0), Value({"job": "b"}, 2.0), Value({}, 3.0)]
    assert [value.value for value in of_job(values, "a")] == [1.0, 3.0]
    assert of_job(values, "") == values


def test_an_alert_must_be_loaded_with_its_severity() -> None:
    rules = [rule("Down", severity="page"), rule("up")]
    assert not_loaded(rules, "Down", "page") == not_loaded(rules, "Down", "") == []
    assert not_loaded(rules, "Down", "critical") == ["Down has the severity page, not critical"]
    assert not_loaded(rules, "Gone", "") == ["the alert Gone is not loaded"]
    assert not_loaded(rules, "up", "") == ["the alert up is not loaded"]  # a recording rule alerts nobody


def buckets(**counts: float) -> list[Value]:
    return [Value({"__name__": "h_bucket", "le": le[1:].replace("_", "."), "m": "x"}, n) for le, n in counts.items()]


@pytest.mark.parametrize(
    ("found", "flaws"),
    [
        (buckets(b0_5=1, b1=2, b2=2, bInf=3), []),
        (buckets(b1_0=2, b2_0=2, bInf=3), []),
        (buckets(b5=1, bInf=3), ['h{m="x"} has no bucket at 1, 2']),
        (buckets(b1=2, b2=2), ['h{m="x"} has no bucket +Inf']),
        (buckets(b1=2, b2=1, bInf=3), ['h{m="x"}: a higher bucket holds fewer than a lower one']),
    ],
)
def test_buckets(found: list[Value], flaws: list[str]) -> None:
    assert bucket_flaws("h", found, (1.0, 2.0)) == flaws


LATENCY = WindowObjective("p95", "q", Band(1.0, 2.0), "s", is_notice=False)
CONFIDENCE = WindowObjective("confidence", "q", Band(0.8, 0.7, above=False), "", is_notice=False)
REQUESTS = WindowObjective("a day", "q", Band(200, 300), "", is_notice=True)
NAN, ONE = Value({}, math.nan), {"model": "a"}


@pytest.mark.parametrize(
    ("objective", "values", "outcome", "told"),
    [
        (LATENCY, [Value({}, 0.5)], Outcome.PASS, "p95 = 0.5 s (pass ≤ 1, fail > 2)"),
        (LATENCY, [Value({}, 1.5)], Outcome.WARN, "p95 = 1.5 s"),
        (LATENCY, [Value({}, 3.0)], Outcome.FAIL, "p95 = 3 s"),
        (LATENCY, [Value({}, math.inf)], Outcome.FAIL, "p95 = inf"),
        (LATENCY, [], Outcome.INCONCLUSIVE, "no series"),
        (LATENCY, [NAN], Outcome.INCONCLUSIVE, "NaN: nothing happened"),
        (LATENCY, [NAN, Value({}, 3.0)], Outcome.FAIL, "p95 = 3 s"),
        (LATENCY, [Value(ONE, 0.5), Value({"model": "b"}, 3.0)], Outcome.FAIL, 'the worst of 2 at {model="b"} 3'),
        (CONFIDENCE, [Value(ONE, 0.9), Value({"model": "b"}, 0.6)], Outcome.FAIL, 'at {model="b"} 0.6'),
        (REQUESTS, [Value({}, 250)], Outcome.WARN, "a day = 250"),
        (REQUESTS, [Value({}, 5000)], Outcome.WARN, "a day = 5000"),
        (REQUESTS, [], Outcome.INCONCLUSIVE, "no series"),
    ],
)
def test_figures_of_a_window(objective: WindowObjective, values: list[Value], outcome: Outcome, told: str) -> None:
    decided = decide_window(objective, values)
    assert decided.outcome is outcome
    assert told in decided.text


GOOD, WARNS, BAD = ([Value({}, number)] for number in (0.5, 1.5, 3.0))


@pytest.mark.parametrize(
    ("before", "now", "outcome", "told"),
    [
        (GOOD, GOOD, Outcome.PASS, "p95 = 0.5 s"),
        (BAD, GOOD, Outcome.FAIL, "p95 = 3 s"),
        (GOOD, WARNS, Outcome.PASS, "p95 = 0.5 s"),
        (WARNS, GOOD, Outcome.WARN, "p95 = 1.5 s"),
        (GOOD, BAD, Outcome.WARN, "p95 = 3 s (pass ≤ 1, fail > 2); when the checks began p95 = 0.5 s"),
        (WARNS, [], Outcome.WARN, "p95 = 1.5 s"),
        ([], GOOD, Outcome.PASS, "p95 = 0.5 s"),
        ([NAN], WARNS, Outcome.WARN, "p95 = 1.5 s"),
        (
            [NAN],
            BAD,
            Outcome.INCONCLUSIVE,
            "p95 = 3 s (pass ≤ 1, fail > 2); nothing was known of it when the checks began",
        ),
        ([], [NAN], Outcome.INCONCLUSIVE, "NaN"),
    ],
)
def test_what_a_run_does_itself_is_no_finding(
    before: list[Value], now: list[Value], outcome: Outcome, told: str
) -> None:
    decided = decide_windows(LATENCY, before, now)
    assert (decided.outcome, told in decided.text) == (outcome, True), decided
