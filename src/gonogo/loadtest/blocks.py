"""Is the share of bad attempts within its limit, where one attempt's fate depends on its neighbours'?

Latencies under load come in bursts, so attempts are no independent samples: taken as such, or with an effective sample
size plugged in, a run too short to have seen a burst passes falsely in a third of all cases and more. Attempts in the
order of their intended moments are therefore averaged over blocks (batch means: Law and Kelton, Simulation Modeling and
Analysis, section 9.5), and the block means are what anytime-valid evidence is gathered from.

A block is as long as the plan affords, with twice the blocks that a decision needs at the very least; that is chosen
before the data are seen. Bursts up to the length of a block keep the stated error level; of longer ones a run can only
tell if it saw them, which is why the block's length is told with each decision. Where the data show more dependence
than that (neighbouring blocks are alike, in their latencies or in their bad shares), blocks are joined two by two, and
one that is still too short for that says so. On the way few blocks, or blocks that are alike, fail nothing unless more
is bad already than the whole planned run may have: the rest of the run may make up for a stall at its beginning.
`tests/loadtest/test_blocks.py` shows the error level by simulation, for independent, autocorrelated and bursty series.

A short run (a smoke test of some seconds) affords no blocks: its attempts are counted one by one, and it says so. What
it passes may fail in a longer run; what it fails has failed.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from gonogo.loadtest.arrays import Series
from gonogo.model import Outcome

FIRST_LOOK = 50
"""After so many attempts decisions are looked for on the way for the first time."""
_GROWTH = 1.05
_SPARE = 2.0
"""So many times the blocks that a decision without any bad attempt needs: half of the allowed share still passes."""
_ALTERNATIVES = 20
_ALIKE = 2.58
"""Blocks are taken for alike beyond so many standard errors of a correlation of nothing (one-sided, 0.5 %)."""
_SHORT = 1000
"""A run that is planned with fewer attempts has no blocks."""
_FEWEST = 8
"""Fewer blocks cannot be asked for their correlation."""
_FEWEST_TO_FAIL = 16
"""Fewer blocks may all have been hit by one stall."""


@dataclass(frozen=True)
class Judged:
    """The decision, and how it came about."""

    outcome: Outcome
    blocks: int
    attempts_a_block: int
    alike: bool
    """Blocks are still alike, and there are too few to join them further."""

    @property
    def told(self) -> str:
        """In words: over what was decided."""
        what = f"{self.blocks} blocks of {self.attempts_a_block} attempts"
        what = what if self.attempts_a_block > 1 else f"{self.blocks} attempts one by one"
        return what + (", which depend on each other" if self.alike else "")


@cache
def attempts_needed(limit: float, level: float) -> int:
    """The smallest number of attempts, none bad, that shows a share of at most `limit`; 0 < `limit` < 1."""
    low, high = 1, 1
    while mean_evidence_below(np.zeros(high), limit) < 1 / level:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if mean_evidence_below(np.zeros(middle), limit) >= 1 / level else (middle + 1, high)
    return high


def next_look(attempts: int) -> int:
    """After how many attempts decisions are looked for again."""
    return math.ceil(attempts * _GROWTH)


def decide_blocks(  # noqa: PLR0913 (three series, and what says what is decided)
    over_warn: Series,
    over_fail: Series,
    values: Series,
    *,
    planned: int,
    limit: float,
    level: float,
    may_be_made_up: bool = False,
) -> Judged:
    """Decide whether the share of bad attempts is at most `limit`; at any time, as often as one likes.

    Args:
        over_warn: of each attempt, in the order of intended moments: how far it is over the warning bound, 0 to 1.
        over_fail: the same of the failing bound; nowhere more than `over_warn`.
        values: its latency, or whatever shows how the attempts depend on each other; positive.
        planned: how many such attempts the whole run is to have: the blocks' length follows from it, not from `values`.
        limit: the allowed share, for a p95 objective 0.05.
        level: the error level.
        may_be_made_up: more attempts are to come, which may make up for one stall: it is no fail yet.
    """
    is_short = planned < _SHORT
    size = 1 if is_short else max(1, math.floor(planned / (attempts_needed(limit, level) * _SPARE)))
    shown = np.log(np.maximum(values, 1e-9))
    while True:
        count = len(values) // size
        alike = any(are_alike(series, size) for series in (shown, over_warn, over_fail))
        if not alike or is_short or count // 2 < _FEWEST:
            break
        size *= 2
    outcome = _outcome(means_of(over_warn, size), means_of(over_fail, size), limit, level)
    may_be_a_stall = not is_short and (alike or count < _FEWEST_TO_FAIL) and over_fail.sum() <= limit * planned
    if outcome is Outcome.FAIL and may_be_a_stall and may_be_made_up:
        outcome = Outcome.INCONCLUSIVE
    return Judged(outcome, count, size, alike)


def _outcome(warn: Series, fail: Series, limit: float, level: float) -> Outcome:
    """What the evidence of the block means comes to, with a warning band between two bounds."""
    if mean_evidence_above(fail, limit) >= 1 / level:
        return Outcome.FAIL
    if mean_evidence_below(warn, limit) >= 1 / level:
        return Outcome.PASS
    return Outcome.WARN if mean_evidence_below(fail, limit) >= 1 / level else Outcome.INCONCLUSIVE


def mean_evidence_below(means: Series, limit: float) -> float:
    """Evidence (e-value) against "the mean is at least `limit`": large means that it is smaller.

    Each alternative bets against each block mean, which lies between 0 and 1 (Waudby-Smith and Ramdas 2024, Journal of
    the Royal Statistical Society B 86, https://doi.org/10.1093/jrsssb/qkad009); of attempts that are either bad or not
    it is the likelihood ratio of `gonogo.objectives`. Half of the mixture is on (almost) never bad.
    """
    lower = limit * np.arange(1, _ALTERNATIVES) / _ALTERNATIVES
    rarely, *spread = _capitals(means, np.concatenate([[limit * 1e-3], lower]), limit)
    return float(rarely + np.mean(spread)) / 2


def mean_evidence_above(means: Series, limit: float) -> float:
    """Evidence (e-value) against "the mean is at most `limit`": large means that it is greater."""
    upper = limit + (1 - limit) * (np.arange(1, _ALTERNATIVES) / _ALTERNATIVES) ** 2
    return float(np.mean(_capitals(means, upper, limit)))


def _capitals(means: Series, alternatives: Series, limit: float) -> Series:
    """What bets on each alternative have made of 1; capped against overflow."""
    values, counts = np.unique(means, return_counts=True)  # most blocks are alike: nothing bad in them
    gains = np.outer(alternatives / limit, values) + np.outer((1 - alternatives) / (1 - limit), 1 - values)
    found: Series = np.exp(np.minimum(700.0, np.log(gains) @ counts))
    return found


def means_of(series: Series, size: int) -> Series:
    """The means of consecutive blocks; what is left at the end is no block."""
    count = len(series) // size
    means: Series = series[: count * size].reshape(count, size).mean(axis=1)
    return means


def are_alike(series: Series, size: int) -> bool:
    """Whether consecutive blocks depend on each other.

    They vary more than blocks of independent attempts would, and neighbours vary together (lag-1 autocorrelation).
    """
    means = means_of(series, size)
    count = len(means)
    if count < _FEWEST:
        return False
    centred = means - means.mean()
    squares, spread = float(centred @ centred), float(series.var())
    if spread == 0 or (size > 1 and squares / count * size < spread):  # blocks of one vary as their attempts do
        return False
    return float(centred[1:] @ centred[:-1]) / squares > _ALIKE / math.sqrt(count)
