"""Is a run slower than one that was kept? Ratios of quantiles, with the interval that two runs can support. Pure."""

from typing import Literal

import numpy as np

from gonogo.errors import InconclusiveError
from gonogo.loadtest.arrays import Series
from gonogo.loadtest.blocks import attempts_needed
from gonogo.loadtest.record import LoadRecord, read_record
from gonogo.model import Outcome
from gonogo.objectives import Band, Decided
from gonogo.targets.load import Baseline, LoadObjective

_BLOCKS = 50
"""Attempts under load depend on their neighbours: whole stretches are drawn, fifty make up a run."""
_FEWEST = 100
_RESAMPLES = 1000
_ROUNDED_S = 0.01
"""Moments in a record are of single precision."""
_SEED = 20


def read_baseline(baseline: Baseline) -> LoadRecord:
    """The run that was kept.

    Raises:
        InconclusiveError: it cannot be read.
    """
    try:
        return read_record(baseline.record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InconclusiveError(f"the baseline {baseline.record} cannot be read: {error!r}") from error


def decide_against(record: LoadRecord, baseline: LoadRecord, objective: LoadObjective, level: float) -> Decided:
    """Decide the ratio of a quantile to the baseline's.

    The interval is the percentile bootstrap's over blocks of consecutive attempts (Kuensch 1989, Annals of Statistics
    17), both runs drawn anew each time. Failed attempts count as endlessly slow.

    Args:
        record: the run.
        baseline: the run that was kept.
        objective: a quantile of `latency_ms` or `ttft_ms`, its band over the ratio run / baseline.
        level: the error level.
    """
    assert objective.quantile is not None
    why = _incomparable(record, baseline)
    if why:
        return Decided(Outcome.INCONCLUSIVE, f"not comparable with the baseline: {why}")
    # the same profile sends the same requests at the same moments: of a run that ended early, so far as it went
    until_s = min(record.sending_s, baseline.sending_s)
    now, then = (_values(run, objective.metric, until_s) for run in (record, baseline))
    needed = max(_FEWEST, attempts_needed(1 - objective.quantile, level))  # fewer may not show what is so rare
    if min(len(now), len(then)) < needed:
        return Decided(Outcome.SKIP, f"unsupported: {len(now)} and {len(then)} attempts, at least {needed} are needed")
    if not np.isfinite(quantile(then, objective.quantile)):
        return Decided(Outcome.INCONCLUSIVE, f"the baseline's own {objective.name} is that of failed attempts")
    low, high = quantile_ratio_interval(now, then, objective.quantile, level)
    outcome, told = objective.band.judge_interval(low, high), _told(now, then, objective, (low, high))
    if outcome is Outcome.FAIL:  # latencies count from when a request was to be sent: is it our own lateness?
        least, _ = quantile_ratio_interval(
            _values(record, objective.metric, until_s, "sent"), then, objective.quantile, level
        )
        if objective.band.judge_interval(least, high) is not Outcome.FAIL:
            return Decided(Outcome.INCONCLUSIVE, f"{told}; requests were sent late, which may be all of it")
    return Decided(outcome, told)


def quantile(values: Series, share: float) -> float:
    """The smallest value that so many are not above."""
    return float(np.quantile(values, share, method="inverted_cdf"))


def quantile_ratio_interval(now: Series, then: Series, share: float, level: float) -> tuple[float, float]:
    """Within which bounds the ratio of two runs' quantiles lies; seeded, so that a rerun says the same."""
    numbers = np.random.default_rng(_SEED)
    ratios = [_drawn(now, share, numbers) / _drawn(then, share, numbers) for _ in range(_RESAMPLES)]
    low, high = np.quantile(ratios, [level / 2, 1 - level / 2], method="inverted_cdf")
    return float(low), float(high)


def _drawn(values: Series, share: float, numbers: np.random.Generator) -> float:
    size = -(-len(values) // _BLOCKS)
    starts = numbers.integers(0, len(values), -(-len(values) // size))
    places = (starts[:, None] + np.arange(size)[None, :]).ravel() % len(values)
    return quantile(values[places], share)


def _values(record: LoadRecord, metric: str, until_s: float, since: Literal["intended", "sent"] = "intended") -> Series:
    course = record.course
    values = course.latency_ms if metric == "latency_ms" else course.ttft_ms
    every = np.where(course.failed > 0, np.inf, values if since == "intended" else values - course.late_ms)
    return every[~np.isnan(every) & (course.intended_s <= until_s + _ROUNDED_S)]


def _incomparable(record: LoadRecord, baseline: LoadRecord) -> str:
    """Why two runs cannot be compared; empty if they can."""
    for name, run in (("this run", record), ("the baseline", baseline)):
        if run.problem:
            return f"{name} is not valid: {run.problem}"
        if run.capacity is not None:
            return f"{name} was a search for the breaking point, each trial with another rate"
    if record.asked != baseline.asked:
        return f"it asked something else (profile {baseline.profile}, another text or another model)"
    return ""


def _told(now: Series, then: Series, objective: LoadObjective, interval: tuple[float, float]) -> str:
    assert objective.quantile is not None
    seen, was = quantile(now, objective.quantile), quantile(then, objective.quantile)
    band: Band = objective.band
    times = f"{seen / was:.2f} times the baseline's {was:.1f} ms"
    return f"{objective.name} = {seen:.1f} ms, {times}, interval {interval[0]:.2f} to {interval[1]:.2f} ({band})"
