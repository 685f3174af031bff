"""The statistics: known values, and error levels by simulation."""

import math
import random

import pytest

from gonogo.model import Outcome
from gonogo.objectives import (
    Band,
    attempts_needed,
    decide_level,
    decide_mean,
    decide_share,
    evidence_below,
    exact_interval,
)

ABOVE = Band(0.10, 0.15)
BELOW = Band(0.75, 0.65, above=False)


@pytest.mark.parametrize(
    ("band", "value", "outcome"),
    [
        (ABOVE, 0.10, Outcome.PASS),
        (ABOVE, 0.1001, Outcome.WARN),
        (ABOVE, 0.15, Outcome.WARN),
        (ABOVE, 0.1501, Outcome.FAIL),
        (BELOW, 0.75, Outcome.PASS),
        (BELOW, 0.70, Outcome.WARN),
        (BELOW, 0.649, Outcome.FAIL),
        (ABOVE, math.nan, Outcome.INCONCLUSIVE),
    ],
)
def test_band(band: Band, value: float, outcome: Outcome) -> None:
    assert band.judge(value) is outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.01, 0.09, Outcome.PASS),
        (0.01, 0.12, Outcome.WARN),
        (0.11, 0.14, Outcome.WARN),
        (0.01, 0.20, Outcome.INCONCLUSIVE),
        (0.12, 0.20, Outcome.INCONCLUSIVE),
        (0.16, 0.30, Outcome.FAIL),
    ],
)
def test_interval_in_band(low: float, high: float, outcome: Outcome) -> None:
    assert ABOVE.judge_interval(low, high) is outcome


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # R: binom.test(count, total)$conf.int
    [(0, 10, 0.0, 0.3084971), (3, 10, 0.0667395, 0.6524529), (10, 10, 0.6915029, 1.0), (50, 100, 0.3983211, 0.6016789)],
)
def test_exact_interval(count: int, total: int, low: float, high: float) -> None:
    assert exact_interval(count, total, 0.05) == pytest.approx((low, high), abs=1e-6)


def test_share_without_samples_is_inconclusive() -> None:
    assert decide_share(0, 0, ABOVE).outcome is Outcome.INCONCLUSIVE
    assert decide_share(0, 5, ABOVE).outcome is Outcome.INCONCLUSIVE
    assert decide_share(0, 60, ABOVE).outcome is Outcome.PASS
    assert decide_share(30, 60, ABOVE).outcome is Outcome.FAIL


def test_mean() -> None:
    assert decide_mean([0.9] * 29, BELOW).outcome is Outcome.INCONCLUSIVE
    assert decide_mean([0.9] * 30, BELOW).outcome is Outcome.PASS
    assert decide_mean([0.7] * 30, BELOW).outcome is Outcome.WARN
    assert decide_mean([0.4] * 30, BELOW).outcome is Outcome.FAIL


@pytest.mark.parametrize("limit", [0.5, 0.05, 0.01])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_attempts_needed_is_the_smallest_number_that_decides(limit: float, level: float) -> None:
    needed = attempts_needed(limit, level)
    assert decide_level(0, needed, Band(limit, limit), level).outcome is Outcome.PASS
    assert decide_level(0, needed - 1, Band(limit, limit), level).outcome is Outcome.INCONCLUSIVE


def test_p99_needs_what_the_design_says() -> None:
    assert 335 <= attempts_needed(0.01, 0.05) <= 984


@pytest.mark.parametrize(
    ("bad", "total", "outcome"),
    [
        (0, 0, Outcome.INCONCLUSIVE),
        (0, 10, Outcome.INCONCLUSIVE),
        (0, 200, Outcome.PASS),
        (20, 200, Outcome.WARN),
        (36, 200, Outcome.INCONCLUSIVE),
        (100, 200, Outcome.FAIL),
    ],
)
def test_level_bands(bad: float, total: float, outcome: Outcome) -> None:
    assert decide_level(bad, total, Band(0.05, 0.2), 0.05).outcome is outcome


@pytest.mark.parametrize("limit", [0.5, 0.05])
def test_false_decisions_stay_under_the_level_however_often_one_looks(limit: float) -> None:
    """At a share of exactly the limit, looking every five attempts, wrong decisions are as rare as the level says.

    The bound allows three standard errors of the simulation itself.
    """
    numbers, runs, level = random.Random(1), 300, 0.05
    bound = level + 3 * math.sqrt(level * (1 - level) / runs)
    false_passes = false_fails = 0
    for _ in range(runs):
        bad, outcomes = 0, set()
        for total in range(1, 301):
            bad += numbers.random() < limit
            if total % 5 == 0:
                outcomes.add(decide_level(bad, total, Band(limit, limit), level).outcome)
        false_passes += Outcome.PASS in outcomes
        false_fails += Outcome.FAIL in outcomes
    assert false_passes / runs <= bound
    assert false_fails / runs <= bound


def test_evidence_does_not_overflow() -> None:
    assert evidence_below(0, 1e6, 0.5) < math.inf
