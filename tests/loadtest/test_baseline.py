"""Runs against a run that was kept: what is the same is not called slower, what is slower is, and what cannot be compared is not."""

from dataclasses import replace

import numpy as np
import pytest

from gonogo.loadtest.arrays import Series
from gonogo.loadtest.baseline import decide_against, quantile_ratio_interval
from gonogo.loadtest.capacity import Held, Trial, conclude
from gonogo.loadtest.record import Course, GeneratorHealth, LoadRecord
from gonogo.model import Outcome
from gonogo.objectives import Band
from gonogo.targets.load import LoadObjective

P50 = LoadObjective("latency_ms", Band(1.1, 2.0), 0.5)
P95 = LoadObjective("ttft_ms", Band(1.1, 2.0), 0.95)
HEALTHY = GeneratorHealth(intended=1000, sent=1000, lateness_p99_ms=3.0, cpu_share=0.1)


def latencies(seed: int, times: float = 1.0, total: int = 1000) -> Series:
    """Autocorrelated, as queues make them."""
    numbers, course, at = np.random.default_rng(seed), np.empty(total), 0.0
    for i, step in enumerate(numbers.standard_normal(total) * 0.6):
        at = 0.8 * at + step
        course[i] = at
    return times * 500 * np.exp(0.2 * course)


def run(
    values: Series, failed: int = 0, asked: str = "a", generator: GeneratorHealth = HEALTHY, late_ms: float = 0.0
) -> LoadRecord:
    bad = np.zeros(len(values))
    bad[:failed] = 1.0
    course = Course(np.arange(len(values)) / 10, values, values / 4, bad, np.full(len(values), late_ms), {})
    return LoadRecord(
        profile="p", seconds=100.0, attempts=len(values), warm_up_attempts=0, failures={}, examples={}, course=course,
        planned=len(values), percentiles={}, histograms={}, generator=generator, asked=asked,
        sending_s=(len(values) - 1) / 10,
    )  # fmt: skip


BASELINE = run(latencies(1))


@pytest.mark.parametrize(
    ("now", "objective", "outcome"),
    [
        (run(latencies(2)), P50, Outcome.PASS),
        (run(latencies(2, 1.5)), P50, Outcome.WARN),
        (run(latencies(2, 3.0)), P50, Outcome.FAIL),
        (run(latencies(2, 3.0)), P95, Outcome.FAIL),
        (run(latencies(2, 2.4)), P95, Outcome.FAIL),
        (run(latencies(2, 2.4), late_ms=90.0), P95, Outcome.INCONCLUSIVE),
        (run(latencies(2, 2.0)), P50, Outcome.INCONCLUSIVE),
        (run(latencies(2), failed=300), P95, Outcome.FAIL),
        (run(latencies(2)[:50]), P95, Outcome.SKIP),
        (replace(run(latencies(2)), capacity=conclude([Trial(1.0, Held.YES, "")])), P50, Outcome.INCONCLUSIVE),
        (run(latencies(2), asked="b"), P50, Outcome.INCONCLUSIVE),
        (replace(run(latencies(2)), stopped_early="Ctrl-C"), P50, Outcome.INCONCLUSIVE),
        (run(latencies(2), generator=GeneratorHealth(1000, 500, 3.0, 0.1)), P50, Outcome.INCONCLUSIVE),
    ],
)
def test_against_a_baseline(now: LoadRecord, objective: LoadObjective, outcome: Outcome) -> None:
    decided = decide_against(now, BASELINE, objective, 0.05)
    assert decided.outcome is outcome, decided.text


def test_a_baseline_that_failed_itself_proves_nothing() -> None:
    assert decide_against(run(latencies(2)), run(latencies(1), failed=100), P95, 0.05).outcome is Outcome.INCONCLUSIVE


def test_a_run_that_ended_early_is_compared_so_far_as_it_went() -> None:
    """Of a profile whose rate rises, the beginning is quick in every run: that is no improvement, nor its end a fault."""
    rising = latencies(1) * np.linspace(1, 6, 1000)
    whole, begun = run(rising), run(latencies(2)[:400] * np.linspace(1, 6, 1000)[:400])
    for now, then in ((whole, begun), (begun, whole)):
        decided = decide_against(now, then, replace(P50, band=Band(1.4, 2.0)), 0.05)
        assert decided.outcome is Outcome.PASS, decided.text


def test_it_says_by_how_much() -> None:
    text = decide_against(run(latencies(2, 3.0)), BASELINE, P50, 0.05).text
    assert "times the baseline's" in text
    assert "(pass ≤ 1.1, fail > 2)" in text


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_interval_covers_the_true_ratio(share: float) -> None:
    """Percentile intervals over blocks of dependent attempts are a little too narrow; by how much is bounded here."""
    runs = 20
    intervals = [quantile_ratio_interval(latencies(2 * i, 1.3), latencies(2 * i + 1), share, 0.05) for i in range(runs)]
    assert sum(low <= 1.3 <= high for low, high in intervals) / runs >= 0.8
