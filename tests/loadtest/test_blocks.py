"""The error level holds by simulation: a deployment that is a little too bad is hardly ever passed, whatever the series.

"A little too bad" is 1.2 times the allowed share. The series are independent, autocorrelated (AR(1) of the logarithm, as
queues make them), and on and off (bursts: stalls, garbage collections, a neighbour's job).
"""

from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from gonogo.loadtest.blocks import FIRST_LOOK, are_alike, attempts_needed, decide_blocks, means_of, next_look
from gonogo.model import Outcome
from gonogo.objectives import Band, decide_level

Make = Callable[[np.random.Generator, int, float], NDArray[np.float64]]
RUNS, LEVEL, BOUND_MS = 300, 0.05, 2000.0
STRETCH = 50
"""Attempts of an autocorrelated series that are made at once; each series has a multiple of it."""


def independent(numbers: np.random.Generator, total: int, share: float) -> NDArray[np.float64]:
    return np.where(numbers.random(total) < share, 3000.0, 1000.0) * _noise(numbers, total)


def autocorrelated(phi: float) -> Make:
    ages = np.subtract.outer(np.arange(STRETCH), np.arange(STRETCH))
    carried = np.tril(phi ** np.abs(ages))  # what is left of each step later, a stretch of them at a time
    fading = phi ** np.arange(1, STRETCH + 1)

    def make(numbers: np.random.Generator, total: int, share: float) -> NDArray[np.float64]:
        steps, at = numbers.standard_normal(total) * (1 - phi**2) ** 0.5, float(numbers.standard_normal())
        stretches = []
        for stretch in steps.reshape(-1, STRETCH):
            stretches.append(carried @ stretch + fading * at)
            at = float(stretches[-1][-1])
        course = np.concatenate(stretches)
        found: NDArray[np.float64] = BOUND_MS * np.exp(0.3 * (course - NormalDist().inv_cdf(1 - share)))
        return found

    return make


def bursty(length: float) -> Make:
    def make(numbers: np.random.Generator, total: int, share: float) -> NDArray[np.float64]:
        bad, i, is_bad = np.zeros(total, dtype=bool), 0, bool(numbers.random() < share)
        while i < total:
            stretch = int(numbers.exponential(length if is_bad else length * (1 - share) / share)) + 1
            bad[i : i + stretch] = is_bad
            i, is_bad = i + stretch, not is_bad
        return np.where(bad, 3000.0, 1000.0) * _noise(numbers, total)

    return make


def _noise(numbers: np.random.Generator, total: int) -> NDArray[np.float64]:
    noise: NDArray[np.float64] = np.exp(0.1 * numbers.standard_normal(total))
    return noise


def shares(make: Make, total: int, limit: float, share: float, runs: int = RUNS) -> dict[Outcome, float]:
    numbers, found = np.random.default_rng(7), dict.fromkeys(Outcome, 0)
    for _ in range(runs):
        values = make(numbers, total, share)
        over = (values > BOUND_MS).astype(float)
        found[decide_blocks(over, over, values, planned=total, limit=limit, level=LEVEL).outcome] += 1
    return {outcome: count / runs for outcome, count in found.items()}


HONEST: list[tuple[str, Make, int, float]] = [
    ("independent, a short run", independent, 150, 0.05),
    ("independent", independent, 3000, 0.01),
    ("autocorrelated", autocorrelated(0.9), 3000, 0.05),
    ("strongly autocorrelated", autocorrelated(0.99), 3000, 0.01),
    ("strongly autocorrelated, a long run", autocorrelated(0.99), 12000, 0.05),
    ("bursts shorter than a block", bursty(10), 6000, 0.05),
    ("bursts as long as a block", bursty(40), 9000, 0.05),
]


@pytest.mark.parametrize(("make", "total", "limit"), [case[1:] for case in HONEST], ids=[case[0] for case in HONEST])
def test_what_is_too_bad_is_hardly_ever_passed(make: Make, total: int, limit: float) -> None:
    found = shares(make, total, limit, 1.2 * limit)
    # 300 runs at 5 %: up to 24 by chance (99 %)
    assert found[Outcome.PASS] <= 24 / RUNS
    assert shares(make, total, limit, limit / 1.2)[Outcome.FAIL] <= 24 / RUNS


def looks(series: NDArray[np.float64], limit: float) -> Iterator[tuple[int, Outcome]]:
    """What a run (`Tally`) sees on its way: after how many attempts, and what is decided; the last look is the end's."""
    over, total, count = (series > BOUND_MS).astype(float), len(series), FIRST_LOOK
    while True:
        seen, goes_on = (over[:count], over[:count], series[:count]), count < total
        found = decide_blocks(*seen, planned=total, limit=limit, level=LEVEL, may_be_made_up=goes_on)
        yield min(count, total), found.outcome
        if not goes_on:
            return
        count = next_look(count)


LOOKED_AT = [HONEST[0], HONEST[2], HONEST[5]]


@pytest.mark.parametrize(
    ("make", "total", "limit"), [case[1:] for case in LOOKED_AT], ids=[case[0] for case in LOOKED_AT]
)
def test_looking_on_the_way_passes_hardly_more(make: Make, total: int, limit: float) -> None:
    numbers = np.random.default_rng(11)
    # 100 runs at 5 %: up to 10 by chance (99 %); all seven series with 300 runs: 0, 1, 0, 0, 0, 6 and 7 were seen
    runs = [looks(make(numbers, total, 1.2 * limit), limit) for _ in range(100)]
    assert sum(any(outcome is Outcome.PASS for _, outcome in run) for run in runs) <= 10


LONGER_THAN_BLOCKS = {"autocorrelated": autocorrelated(0.99), "bursts": bursty(100)}


@pytest.mark.parametrize("make", LONGER_THAN_BLOCKS.values(), ids=LONGER_THAN_BLOCKS)
def test_looking_on_the_way_hardly_ever_fails_what_is_good(make: Make) -> None:
    numbers = np.random.default_rng(5)
    runs = [looks(make(numbers, 6000, 0.05 / 1.2), 0.05) for _ in range(200)]
    # 200 runs at 5 %: up to 18 by chance (99 %); 11 and 10 are seen, 22 and 28 where a stall may fail the run
    assert sum(any(outcome is Outcome.FAIL for _, outcome in run) for run in runs) <= 18


def decisions(stall: int, total: int) -> list[tuple[int, Outcome]]:
    """What is decided where the first attempts are bad; the latencies rise all the while, so that blocks are alike."""
    rising = np.exp(0.3 * np.linspace(0, 1, total)) * _noise(np.random.default_rng(3), total)
    series = np.where(np.arange(total) < stall, 3000.0, 500.0) * rising
    return [(count, outcome) for count, outcome in looks(series, 0.05) if outcome is not Outcome.INCONCLUSIVE]


def test_a_stall_at_the_beginning_is_made_up_for() -> None:
    assert {outcome for _, outcome in decisions(100, 20_000)} == {Outcome.PASS}


def test_a_stall_of_nearly_all_that_may_be_bad_is_no_fail() -> None:
    assert decisions(250, 6000) == []


def test_an_outage_fails_as_soon_as_nothing_can_make_up_for_it() -> None:
    (count, outcome), *_ = decisions(6000, 6000)
    assert (300 < count < 330, outcome) == (True, Outcome.FAIL)


def test_single_attempts_taken_for_independent_would_pass_it() -> None:
    """Why there are blocks at all."""
    numbers, passed = np.random.default_rng(7), 0
    for _ in range(RUNS):
        over = float((autocorrelated(0.99)(numbers, 3000, 0.06) > BOUND_MS).sum())
        passed += decide_level(over, 3000, Band(0.05, 0.05), LEVEL).outcome is Outcome.PASS
    assert passed / RUNS > 0.2


@pytest.mark.parametrize(("total", "share"), [(3000, 0.0), (3000, 0.01), (12000, 0.015)])
def test_what_is_good_is_passed_and_what_is_bad_is_failed(total: int, share: float) -> None:
    assert shares(independent, total, 0.05, share, runs=50)[Outcome.PASS] >= 0.9
    assert shares(independent, total, 0.05, 0.15, runs=50)[Outcome.FAIL] >= 0.9


def test_blocks_that_depend_on_each_other_are_joined() -> None:
    numbers = np.random.default_rng(1)
    series = autocorrelated(0.99)(numbers, 3000, 0.05)
    over = (series > BOUND_MS).astype(float)
    joined = decide_blocks(over, over, series, planned=3000, limit=0.05, level=LEVEL)
    alone = decide_blocks(over * 0, over * 0, independent(numbers, 3000, 0.0), planned=3000, limit=0.05, level=LEVEL)
    assert joined.attempts_a_block >= 4 * alone.attempts_a_block
    assert alone.outcome is Outcome.PASS
    assert f"blocks of {alone.attempts_a_block} attempts" in alone.told


def test_a_short_run_counts_its_attempts_one_by_one_and_says_so() -> None:
    numbers = np.random.default_rng(1)
    values = np.exp(0.1 * autocorrelated(0.9)(numbers, 150, 0.05) / BOUND_MS)
    judged = decide_blocks(values * 0, values * 0, values, planned=150, limit=0.05, level=LEVEL)
    assert judged.outcome is Outcome.PASS
    assert judged.told == "150 attempts one by one, which depend on each other"


@pytest.mark.parametrize("limit", [0.5, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_attempts_needed_is_the_smallest_number_that_decides(limit: float, level: float) -> None:
    needed = attempts_needed(limit, level)

    def outcome(attempts: int) -> Outcome:
        good, values = np.zeros(attempts), np.ones(attempts)
        return decide_blocks(good, good, values, planned=attempts, limit=limit, level=level).outcome

    assert (outcome(needed), outcome(needed - 1)) == (Outcome.PASS, Outcome.INCONCLUSIVE)


def test_p99_needs_what_the_design_says() -> None:
    assert 335 <= attempts_needed(0.01, 0.05) <= 984


def test_a_run_without_attempts_decides_nothing() -> None:
    nothing = np.zeros(0)
    judged = decide_blocks(nothing, nothing, nothing, planned=0, limit=0.05, level=LEVEL)
    assert (judged.outcome, judged.blocks) == (Outcome.INCONCLUSIVE, 0)
    assert not are_alike(np.ones(100), 2)
    assert list(means_of(np.arange(5.0), 2)) == [0.5, 2.5]
