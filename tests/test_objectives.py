"""The statistics: known values, and error levels by simulation."""

import itertools
import math
import random

import numpy as np
import pytest

from gonogo.model import Outcome
from gonogo.objectives import (
    Band,
    decide_drop,
    decide_level,
    decide_mean,
    decide_share,
    evidence_above,
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
    [
        (0, 10, 0.0, 0.3084971),
        (1, 20, 0.0012651, 0.2487328),
        (3, 10, 0.0667395, 0.6524529),
        (10, 10, 0.6915029, 1.0),
        (50, 100, 0.3983211, 0.6016789),
    ],
)
def test_exact_interval(count: int, total: int, low: float, high: float) -> None:
    assert exact_interval(count, total, 0.05) == pytest.approx((low, high), abs=1e-6)


def test_share_without_samples_is_inconclusive() -> None:
    assert decide_share(0, 0, ABOVE).outcome is Outcome.INCONCLUSIVE
    assert decide_share(0, 5, ABOVE).outcome is Outcome.INCONCLUSIVE
    assert decide_share(0, 60, ABOVE).outcome is Outcome.PASS
    assert decide_share(30, 60, ABOVE).outcome is Outcome.FAIL


def test_what_is_decided_is_told_with_its_interval() -> None:
    told = decide_share(3, 10, ABOVE).text
    assert told == "3 of 10 = 30.0%, interval 6.7% to 65.2% at 95%; pass ≤ 0.1, fail > 0.15"
    told = decide_mean([0.6, 0.9] * 20, BELOW).text
    assert told == "mean 0.750 of 40, interval 0.705 to 0.795 at 95%; pass ≥ 0.75, fail < 0.65"
    told = decide_drop(30, lambda draws: np.full(len(draws), 0.02), ABOVE).text
    assert told == "a drop of +0.020 over 30 prompts, interval -0.080 to +0.120 at 95%; pass ≤ 0.1, fail > 0.15"
    told = decide_level(20, 200, Band(0.05, 0.2), 0.05).text
    assert told == "20 of 200 = 10.0% at level 0.05; pass ≤ 0.05, fail > 0.2"


def test_a_drop_needs_as_many_prompts_as_a_mean() -> None:
    told = decide_drop(29, lambda draws: np.zeros(len(draws)), ABOVE)
    assert (told.outcome, told.text) == (Outcome.INCONCLUSIVE, "29 prompts in common, at least 30 are needed")
    assert decide_drop(31, lambda draws: np.zeros(len(draws)), ABOVE).outcome is Outcome.PASS


def test_a_drop_is_drawn_over_prompts() -> None:
    """Half of 300 prompts lose all: the interval is that of a share, and what no prompt showed adds nothing to it."""
    told = decide_drop(300, lambda draws: draws[:, ::2].sum(axis=1) / 300, Band(0.44, 0.45)).text
    assert "interval +0.443 to +0.560" in told


def test_the_interval_of_a_drop_leaves_as_many_resamples_out_on_either_side() -> None:
    """The drop seen is 0, those of the thousand resamples are 0.001 to 1: 25 of them are above the interval."""
    drops = itertools.count()
    assert (
        "to +0.975 at 95%" in decide_drop(30, lambda draws: np.array([next(drops) / 1000 for _ in draws]), ABOVE).text
    )


def test_mean() -> None:
    assert decide_mean([0.9] * 29, BELOW).outcome is Outcome.INCONCLUSIVE
    assert decide_mean([0.9] * 30, BELOW).outcome is Outcome.PASS
    assert decide_mean([0.7] * 30, BELOW).outcome is Outcome.WARN
    assert decide_mean([0.4] * 30, BELOW).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("bad", "total", "outcome"),
    [
        (0, 0, Outcome.INCONCLUSIVE),
        (0, 10, Outcome.INCONCLUSIVE),
        (0, 67, Outcome.WARN),
        (0, 68, Outcome.PASS),
        (0, 200, Outcome.PASS),
        (20, 200, Outcome.WARN),
        (36, 200, Outcome.INCONCLUSIVE),
        (100, 200, Outcome.FAIL),
    ],
)
def test_level_bands(bad: float, total: float, outcome: Outcome) -> None:
    assert decide_level(bad, total, Band(0.05, 0.2), 0.05).outcome is outcome


def test_a_limit_of_all_is_never_broken() -> None:
    assert decide_level(10, 10, Band(0.5, 1.0), 0.05).outcome is Outcome.WARN


def test_a_failure_is_shown_as_soon_as_the_level_allows() -> None:
    for bad in range(101):
        is_shown = evidence_above(bad, 100, 0.1) >= 1 / 0.05
        assert (decide_level(bad, 100, Band(0.1, 0.1), 0.05).outcome is Outcome.FAIL) == is_shown


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


def test_evidence_of_single_attempts() -> None:
    """By hand: the mean over the mixture of each alternative's likelihood, relative to the limit of a half."""
    assert evidence_below(0, 1, 0.5) == pytest.approx((2.0 + 1.5) / 2)
    assert evidence_below(1, 1, 0.5) == pytest.approx((0.0 + 0.5) / 2)
    assert evidence_above(1, 1, 0.5) + evidence_above(0, 1, 0.5) == pytest.approx(2.0)
    assert evidence_above(1, 1, 0.5) == pytest.approx(1 + 79 / 240)  # the mean of 39 squares of 1/40, 2/40, ...


def test_evidence_does_not_overflow() -> None:
    assert evidence_above(1e6, 1e6, 0.5) < math.inf
    assert evidence_below(0, 1e6, 0.5) < math.inf
