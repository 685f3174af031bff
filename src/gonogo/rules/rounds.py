"""What a deployment that is watched after its promotion has shown so far, and what follows. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from gonogo.model import Outcome
from gonogo.objectives import Band, Decided, decide_level

LEAST_KNOWN = 0.9
"""The share of the rounds that must have been held, and have a figure; with less nothing is said of the whole time."""
BREAKS = 3
"""So many rounds in a row in which a figure is beyond its band end the watch: one alone may be an odd moment."""
MOST_BEYOND = 0.05
"""The share of all rounds that may be beyond, here and there."""
LEVEL = 0.01
"""The error level of shares, whenever they are decided: they are looked at after every round."""
UNCERTAINTY = "1 - confidence"


@dataclass(frozen=True)
class Round:
    """One look."""

    at_s: float
    """Unix time."""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    """Of Prometheus, by the objective's name; None where there is none, or no number."""
    asked: int = 0
    failed: int = 0
    """Prompts without an answer, or with one that cannot be read."""
    fallbacks: int = 0
    confidence: tuple[float, ...] = ()
    unable: str = ""
    """Why the gate's own side could not look; empty if it could."""


def decide_figure(rounds: Sequence[Round], name: str, band: Band, expected: int, *, is_notice: bool = False) -> Decided:
    """Decide a figure of Prometheus over all rounds: each value is exact, a single odd one does not fail.

    Args:
        rounds: all that were held.
        name: the objective's.
        band: of each value.
        expected: how many rounds there are to be.
        is_notice: it warns, and never fails.
    """
    known = [value for one in rounds if (value := one.figures.get(name)) is not None and math.isfinite(value)]
    outcomes = [band.judge(value) for value in known]
    beyond, streak = outcomes.count(Outcome.FAIL), _longest(outcomes)
    told = f"{name}: {len(known)} values, {beyond} beyond the band"
    told += f", the worst {(max if band.above else min)(known):g} ({band})" if known else ""
    if streak >= BREAKS or beyond > MOST_BEYOND * expected:
        return Decided(Outcome.WARN if is_notice else Outcome.FAIL, f"{told}, {streak} of them in a row")
    if len(known) < LEAST_KNOWN * expected:
        return Decided(Outcome.INCONCLUSIVE, f"{told}; {expected} were to be looked at, {LEAST_KNOWN:.0%} are needed")
    return Decided(Outcome.WARN if beyond or _is_often_near(outcomes) else Outcome.PASS, told)


def _longest(outcomes: Sequence[Outcome]) -> int:
    return max((len(list(group)) for outcome, group in groupby(outcomes) if outcome is Outcome.FAIL), default=0)


def _is_often_near(outcomes: Sequence[Outcome]) -> bool:
    return outcomes.count(Outcome.WARN) > MOST_BEYOND * len(outcomes)


def decide_fallbacks(rounds: Sequence[Round], band: Band, expected: int) -> Decided:
    """Decide the share of prompts in scope that fell back; one that got no answer fell back as well."""
    bad = sum(one.fallbacks + one.failed for one in rounds)
    return _decide(float(bad), sum(one.asked for one in rounds), band, rounds, expected)


def decide_confidence(rounds: Sequence[Round], band: Band, expected: int) -> Decided:
    """Decide the mean confidence, as that of its complement: what is in [0, 1] may be looked at after every round."""
    values = [1 - min(1.0, max(0.0, value)) for one in rounds for value in one.confidence]
    decided = _decide(math.fsum(values), len(values), Band(1 - band.warn, 1 - band.fail), rounds, expected)
    return Decided(decided.outcome, f"{UNCERTAINTY}: {decided.text}")


def _decide(bad: float, total: int, band: Band, rounds: Sequence[Round], expected: int) -> Decided:
    decided = decide_level(bad, total, band, LEVEL)
    held = sum(1 for one in rounds if one.asked)
    if decided.outcome is not Outcome.FAIL and held < LEAST_KNOWN * expected:
        told = f"{decided.text}; asked in {held} of {expected} rounds, {LEAST_KNOWN:.0%} are needed"
        return Decided(Outcome.INCONCLUSIVE, told)
    return decided
