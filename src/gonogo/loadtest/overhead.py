"""What a gateway adds: the same question through it and past it, pair by pair. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gonogo.model import Outcome
from gonogo.objectives import Band, Decided

FEWEST_PAIRS = 20
_RESAMPLES = 2000
_SEED = 20
_LEVEL = 0.05


@dataclass(frozen=True)
class Pair:
    """Times to the first token of one question."""

    through_ms: float
    direct_ms: float
    told_ms: float | None = None
    """What the gateway itself says that it added."""


def decide_overhead(pairs: Sequence[Pair], band: Band) -> Decided:
    """Decide the median of what the gateway adds, by the percentile bootstrap over pairs (seeded).

    The median of the differences, not the difference of the medians: a model that gets slower meanwhile is slower for
    both of a pair.
    """
    if len(pairs) < FEWEST_PAIRS:
        return Decided(Outcome.INCONCLUSIVE, f"{len(pairs)} pairs, at least {FEWEST_PAIRS} are needed")
    added = np.asarray([pair.through_ms - pair.direct_ms for pair in pairs])
    numbers = np.random.default_rng(_SEED)
    medians = np.median(numbers.choice(added, (_RESAMPLES, len(added))), axis=1)
    low, high = (float(value) for value in np.quantile(medians, [_LEVEL / 2, 1 - _LEVEL / 2]))
    told = [pair.told_ms for pair in pairs if pair.told_ms is not None]
    itself = f"; by its own account {statistics.median(told):.1f} ms" if told else ""
    text = f"the gateway adds {float(np.median(added)):.1f} ms to the first token, interval {low:.1f} to {high:.1f}"
    return Decided(band.judge_interval(low, high), f"{text} over {len(pairs)} pairs ({band}){itself}")
