"""How far a single attempt is on the bad side of an objective."""

import math
from collections.abc import Sequence

from gonogo.loadtest.attempt import Attempt
from gonogo.targets.load import LoadObjective


def over(objective: LoadObjective, attempt: Attempt, gaps_ms: Sequence[float]) -> tuple[float, float]:
    """The share of an attempt that is beyond the warning bound, and beyond the failing one; 0 or 1 but for gaps.

    NaN where there is nothing to measure: the first token of an answer that is no stream, the gaps of a single delta.
    A failed attempt violates every objective but those that leave failures to the objective on errors. Of one stream
    each gap depends on the others: the stream counts once, by the share of its gaps that are too long.
    """
    if attempt.failure:
        return (math.nan, math.nan) if objective.excludes_failures else (1.0, 1.0)
    if objective.metric == "goodput":
        bad = float(any(_figure(name, attempt, gaps_ms) > most for name, most in objective.within.items()))
        return bad, bad
    if objective.metric == "gap_ms":
        return _share_over(gaps_ms, objective.band.warn), _share_over(gaps_ms, objective.band.fail)
    if objective.metric == "errors":
        return 0.0, 0.0
    sign = 1 if objective.band.above else -1
    value = sign * _figure(objective.metric, attempt, gaps_ms)
    if math.isnan(value):
        return math.nan, math.nan
    return float(value > sign * objective.band.warn), float(value > sign * objective.band.fail)


def _share_over(gaps_ms: Sequence[float], bound_ms: float) -> float:
    return sum(gap > bound_ms for gap in gaps_ms) / len(gaps_ms) if gaps_ms else math.nan


def _figure(metric: str, attempt: Attempt, gaps_ms: Sequence[float]) -> float:
    match metric:
        case "latency_ms":
            return attempt.latency_ms
        case "ttft_ms":
            return attempt.ttft_ms
        case "gap_ms":  # the longest: where it is within its limit, all are
            return max(gaps_ms, default=0.0)
        case "stream_tokens_per_s":
            return attempt.tokens_per_s
    return math.nan
