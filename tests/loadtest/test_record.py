"""The record of a load run, and what is decided from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gonogo.loadtest.arrays import Series
from gonogo.loadtest.calibration import Calibration
from gonogo.loadtest.capacity import Held, Trial, conclude
from gonogo.loadtest.decisions import decide_course, decide_objective, needs, student, sums_ratio_interval
from gonogo.loadtest.record import Course, GeneratorHealth, LoadRecord, read_record
from gonogo.model import Outcome
from gonogo.objectives import Band
from gonogo.targets.load import LoadObjective

P95 = LoadObjective("latency_ms", Band(1000, 2000), 0.95)
P99 = LoadObjective("latency_ms", Band(1000, 2000), 0.99)
ERRORS = LoadObjective("errors", Band(0.05, 0.10))
HEALTHY = GeneratorHealth(intended=200, sent=200, lateness_p99_ms=3.0, cpu_share=0.1)


def spread(total: int, bad: int) -> Series:
    """So many bad attempts among all, evenly spread."""
    places = np.zeros(total)
    places[np.linspace(0, total - 1, bad).astype(int)] = 1.0
    return places


def course_of(total: int, over: dict[str, tuple[Series, Series]]) -> Course:
    """Twenty attempts a second, all alike, sent in time, none failed."""
    nothing = np.zeros(total)
    return Course(np.arange(total) / 20, np.full(total, 500.0), np.full(total, 100.0), nothing, nothing, over)


def record(
    warn: int = 0, fail: int = 0, failed: int = 0, generator: GeneratorHealth = HEALTHY, stopped: str = ""
) -> LoadRecord:
    course = course_of(
        180,
        {o.name: (spread(180, warn), spread(180, fail)) for o in (P95, P99)}
        | {ERRORS.name: (spread(180, failed), spread(180, failed))},
    )
    return LoadRecord(
        profile="p",
        seconds=10,
        attempts=180,
        warm_up_attempts=20,
        failures={"HTTP 5xx": failed} if failed else {},
        examples={},
        course=course,
        planned=180,
        percentiles={"latency_ms": {"p95": 500.0, "p99": 700.0}},
        histograms={},
        generator=generator,
        stopped_early=stopped,
    )


@pytest.mark.parametrize(
    ("run", "objective", "outcome"),
    [
        (record(), P95, Outcome.PASS),
        (record(warn=60), P95, Outcome.WARN),
        (record(warn=60, fail=60), P95, Outcome.FAIL),
        (record(warn=9, fail=9), P95, Outcome.INCONCLUSIVE),
        (record(), P99, Outcome.SKIP),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.1, own_failures=1)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.1, most_open=10_000)), P95, Outcome.INCONCLUSIVE),
        (
            record(generator=GeneratorHealth(200, 200, 1.0, 0.1, calibration=Calibration(1.0, 150.0, 2.0, 40.0))),
            P95,
            Outcome.INCONCLUSIVE,
        ),
        (
            record(generator=GeneratorHealth(200, 200, 1.0, 0.1, calibration=Calibration(0.2, 3.0, 2.0, 40.0))),
            P95,
            Outcome.PASS,
        ),
        (record(), ERRORS, Outcome.PASS),
        (record(failed=60), ERRORS, Outcome.FAIL),
        (record(failed=10), ERRORS, Outcome.INCONCLUSIVE),
        (record(stopped="401"), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 0, 0.0, 0.0)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 150, 1.0, 0.1)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 200, 500.0, 0.1)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.99)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.1, clock_step_ms=2000.0)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.1, clock_step_ms=5.0)), P95, Outcome.PASS),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.1, lag_p99_ms=300.0)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.1, lost=("worker 1",))), P95, Outcome.INCONCLUSIVE),
        (
            record(generator=GeneratorHealth(200, 200, 1.0, 0.1, mean_open=2.0, mean_open_by_latency=3.0)),
            P95,
            Outcome.INCONCLUSIVE,
        ),
        (
            record(generator=GeneratorHealth(200, 200, 1.0, 0.1, mean_open=2.0, mean_open_by_latency=2.1)),
            P95,
            Outcome.PASS,
        ),
        (  # in a short run one stall of the event loop shows
            record(
                generator=GeneratorHealth(
                    200, 200, 1.0, 0.1, mean_open=1.5, mean_open_by_latency=1.1, mean_open_uncounted=0.2
                )
            ),
            P95,
            Outcome.PASS,
        ),
    ],
)
def test_objective(run: LoadRecord, objective: LoadObjective, outcome: Outcome) -> None:
    assert decide_objective(run, objective, family=1).outcome is outcome


CAPACITY = LoadObjective("capacity_per_s", Band(10, 8, above=False))


@pytest.mark.parametrize(
    ("trials", "outcome"),
    [
        ([Trial(10.0, Held.YES, "", True, True), Trial(11.0, Held.NO, "errors", False, True)], Outcome.PASS),
        ([Trial(10.0, Held.YES, "", True, True)], Outcome.PASS),
        ([Trial(10.0, Held.YES, "")], Outcome.INCONCLUSIVE),
        ([Trial(4.0, Held.YES, "", True, True), Trial(5.0, Held.NO, "errors", False, True)], Outcome.FAIL),
        ([Trial(4.0, Held.YES, "", True, True), Trial(5.0, Held.NO, "errors")], Outcome.INCONCLUSIVE),
        ([Trial(4.0, Held.NO, "errors", False, True)], Outcome.FAIL),
        ([Trial(8.5, Held.YES, "", True, True), Trial(9.0, Held.NO, "errors", False, True)], Outcome.WARN),
    ],
)
def test_a_capacity_counts_as_far_as_it_was_confirmed(trials: list[Trial], outcome: Outcome) -> None:
    assert decide_objective(replace(record(), capacity=conclude(trials)), CAPACITY, 1).outcome is outcome


@pytest.mark.parametrize(
    ("bad", "band", "outcome"),
    [
        (0, Band(0.95, 0.90, above=False), Outcome.PASS),
        (12, Band(0.99, 0.85, above=False), Outcome.WARN),
        (60, Band(0.95, 0.90, above=False), Outcome.FAIL),
        (9, Band(0.95, 0.94, above=False), Outcome.INCONCLUSIVE),
    ],
)
def test_goodput_is_a_share_of_good_attempts(bad: int, band: Band, outcome: Outcome) -> None:
    objective = LoadObjective("goodput", band, within={"ttft_ms": 300.0})
    course = replace(record().course, over={"goodput": (spread(180, bad), spread(180, bad))})
    decided = decide_objective(replace(record(), course=course), objective, family=1)
    assert decided.outcome is outcome
    assert f"goodput = {1 - bad / 180:.2%} within ttft_ms ≤ 300" in decided.text


def test_a_stretch_that_is_too_bad_fails_however_good_the_whole_is() -> None:
    sustained = replace(P95, for_s=2.0)
    over = np.zeros(1000)
    over[500:520] = 1.0  # one second out of fifty
    course = course_of(1000, {P95.name: (over, over)})
    run = replace(record(), course=course, attempts=1000, planned=900)
    assert decide_objective(run, P95, family=1).outcome is Outcome.PASS
    decided = decide_objective(run, sustained, family=1)
    assert (decided.outcome, "over 2 s on end 50.00%" in decided.text) == (Outcome.FAIL, True)
    assert decide_objective(run, replace(P95, for_s=60.0), family=1).outcome is Outcome.PASS  # not one whole stretch


def test_a_thin_stretch_does_not_hide_a_bad_one() -> None:
    sent_s = np.concatenate([np.arange(0, 30, 0.25), np.arange(30, 40, 0.025), np.arange(40, 70, 0.25)])
    over = np.zeros(len(sent_s))
    over[120:520:5] = 1.0  # a fifth of 400 within ten seconds
    over[524:560:4] = 1.0  # and a larger share of 40 in the calm after it
    run = replace(course_of(len(sent_s), {P95.name: (over, over)}), intended_s=sent_s)
    decided = decide_course(run, replace(P95, for_s=10.0), 600, 0.05)
    assert (decided.outcome, "over 10 s on end" in decided.text) == (Outcome.FAIL, True), decided.text


def test_a_short_run_without_any_failure_verifies_no_small_share_and_warns_of_none() -> None:
    errors, none = LoadObjective("errors", Band(0.01, 0.05)), np.zeros(122)
    decided = decide_course(course_of(122, {"errors": (none, none)}), errors, 122, 0.05)
    assert (decided.outcome, decided.text) == (Outcome.SKIP, "unsupported: 122 attempts, at least 344 are needed")
    some = spread(122, 4)
    decided = decide_course(course_of(122, {"errors": (some, some)}), replace(errors, band=Band(0.01, 0.2)), 122, 0.05)
    assert decided.outcome is Outcome.WARN


def test_what_was_decided_on_the_way_stays_decided() -> None:
    over = np.concatenate([np.zeros(100), spread(80, 12)])
    course = replace(record().course, over={P95.name: (over, over)})
    early = replace(record(), course=course, decided={P95.name: 100})
    decided = decide_objective(early, P95, family=1)
    assert (decided.outcome, "decided after 100 of 180 requests" in decided.text) == (Outcome.PASS, True)
    assert decide_objective(replace(early, decided={}), P95, family=1).outcome is Outcome.INCONCLUSIVE


def test_a_pass_on_the_way_does_not_outlive_what_all_attempts_show() -> None:
    over = np.concatenate([np.zeros(100), np.ones(80)])
    course = replace(record().course, over={P95.name: (over, over)})
    assert (
        decide_objective(replace(record(), course=course, decided={P95.name: 100}), P95, family=1).outcome
        is Outcome.FAIL
    )


def test_a_failure_on_the_way_stays_one() -> None:
    over = np.concatenate([np.ones(10), np.zeros(170)])
    course = replace(record().course, over={P95.name: (over, over)})
    assert (
        decide_objective(replace(record(), course=course, decided={P95.name: 10}), P95, family=1).outcome
        is Outcome.FAIL
    )


def test_the_worst_of_many_stretches_is_bad_by_chance() -> None:
    numbers, sustained, failed = np.random.default_rng(9), replace(P95, for_s=4.0), 0
    for _ in range(50):
        over = (numbers.random(2000) < 0.04).astype(float)
        course = course_of(2000, {P95.name: (over, over)})
        run = replace(record(), course=course, attempts=2000, planned=900)
        failed += decide_objective(run, sustained, family=1).outcome is Outcome.FAIL
    assert failed <= 5


def test_a_first_request_that_failed_is_no_cold_start_to_be_unsure_of() -> None:
    run = replace(record(), cold_start_ms=None, cold_start_failed=True)
    assert decide_objective(run, LoadObjective("cold_start_ms", Band(1000, 2000)), family=1).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("cold_ms", "outcome"),
    [(900.0, Outcome.PASS), (1500.0, Outcome.WARN), (3000.0, Outcome.FAIL), (None, Outcome.INCONCLUSIVE)],
)
def test_a_cold_start_is_the_one_value_that_it_is(cold_ms: float | None, outcome: Outcome) -> None:
    objective = LoadObjective("cold_start_ms", Band(1000, 2000))
    assert decide_objective(replace(record(), cold_start_ms=cold_ms), objective, family=1).outcome is outcome


def rows(good: int, seconds: int = 60, **more: float) -> tuple[dict[str, float], ...]:
    return tuple({"second": s, "good": good + s % 3 - 1, "tokens": 50.0 * good, **more} for s in range(seconds))


@pytest.mark.parametrize(
    ("metric", "series", "told", "outcome"),
    [
        ("requests_per_s", rows(10), True, Outcome.PASS),
        ("requests_per_s", rows(7), True, Outcome.WARN),
        ("requests_per_s", rows(3), True, Outcome.FAIL),
        ("requests_per_s", rows(10, seconds=15), True, Outcome.SKIP),
        ("tokens_per_s", rows(1), True, Outcome.PASS),
        ("cost_per_1000_good", rows(10, cost=0.05), True, Outcome.PASS),
        ("cost_per_1000_good", rows(10, cost=0.2), True, Outcome.FAIL),
        ("cost_per_1000_good", rows(10, cost=0.05), False, Outcome.INCONCLUSIVE),
    ],
)
def test_rates(metric: str, series: tuple[dict[str, float], ...], told: bool, outcome: Outcome) -> None:
    band = Band(8, 12) if metric.startswith("cost") else Band(8, 5, above=False)
    run = replace(record(), series=series, sending_s=len(series), warm_up_s=2.0, tokens_told=told)
    assert decide_objective(run, LoadObjective(metric, band), family=1).outcome is outcome


def test_no_good_answer_at_all_has_no_cost_and_fails() -> None:
    run = replace(record(), series=rows(0, cost=1.0), sending_s=60.0, tokens_told=True)
    run = replace(run, series=tuple({**row, "good": 0} for row in run.series))
    assert decide_objective(run, LoadObjective("cost_per_1000_good", Band(8, 12)), family=1).outcome is Outcome.FAIL


def test_the_interval_of_a_rate_covers_it() -> None:
    numbers, covered = np.random.default_rng(5), 0
    for _ in range(300):
        lower = numbers.poisson(20.0, 100).astype(float)
        _, low, high = sums_ratio_interval(lower * 3 + numbers.normal(0, 2, 100), lower, 0.05)
        covered += low <= 3 <= high
    assert 0.92 <= covered / 300 <= 0.985


@pytest.mark.parametrize(("share", "freedom", "value"), [(0.975, 9, 2.262), (0.995, 9, 3.250), (0.9995, 9, 4.781)])
def test_students_quantiles(share: float, freedom: int, value: float) -> None:
    assert student(share, freedom) == pytest.approx(value, rel=0.02)  # the usual tables


def test_too_few_attempts_are_called_unsupported() -> None:
    assert "unsupported: 180 attempts" in decide_objective(record(), P99, family=1).text
    assert needs(P99, 1) > 180 > needs(P95, 1)
    assert needs(P95, 5) > needs(P95, 1)


def test_a_record_that_tells_no_lateness_was_sent_in_time() -> None:
    kept = record().course.as_json()
    del kept["late_ms"]
    assert Course.from_json(kept).as_json() == record().course.as_json()


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    written = record(warn=1)
    written.write(tmp_path / "r.json")
    found = read_record(tmp_path / "r.json")
    assert replace(found, course=written.course) == written
    assert found.course.as_json() == written.course.as_json()
    assert found.course.over[P95.name][0].sum() == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"exceedances": {}}'])
def test_a_file_that_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_record(tmp_path / "r.json")
