"""What a deployment that is watched after its promotion has shown so far, and what follows. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from gonogo.model import Outcome
from gonogo.objectives import Band, Decided, decide_level, decide_mean

LEAST_KNOWN = 0.9
"""The share of the rounds that must have been held, and have a figure; with less nothing is said of the whole time."""
BREAKS = 3
"""So many rounds in a row in which a figure is beyond its band end the watch: one alone may be an odd moment."""
MOST_BEYOND = 0.05
"""The share of all rounds that may be beyond, here and there."""
LEVEL = 0.01
"""The error level of a share that ends the watch before its time: it is looked at after every round."""
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
    """Answers that fell back, or do not say whether."""
    tells: int = 0
    """Answers that say whether they fell back."""
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
    values = [one.figures.get(name) for one in rounds]
    known = [value for value in values if value is not None and not math.isnan(value)]
    outcomes = [band.judge(value) for value in known]
    beyond = outcomes.count(Outcome.FAIL)
    streak = _longest([band.judge(math.nan if value is None else value) for value in values])
    told = f"{name}: {len(known)} values, {beyond} beyond the band"
    told += f", the worst {(max if band.above else min)(known):g} ({band})" if known else ""
    if streak >= BREAKS or beyond > max(1.0, MOST_BEYOND * expected):
        return Decided(Outcome.WARN if is_notice else Outcome.FAIL, f"{told}, {streak} of them in a row")
    if len(known) < LEAST_KNOWN * expected:
        return Decided(Outcome.INCONCLUSIVE, f"{told}; {expected} were to be looked at, {LEAST_KNOWN:.0%} are needed")
    return Decided(Outcome.WARN if beyond or _is_often_near(outcomes) else Outcome.PASS, told)


def _longest(outcomes: Sequence[Outcome]) -> int:
    return max((len(list(group)) for outcome, group in groupby(outcomes) if outcome is Outcome.FAIL), default=0)


def _is_often_near(outcomes: Sequence[Outcome]) -> bool:
    return outcomes.count(Outcome.WARN) > MOST_BEYOND * len(outcomes)


def tells_fallbacks(rounds: Sequence[Round]) -> bool:
    """Whether any answer says if it fell back, or none came at all."""
    return not _were_answered(rounds) or any(one.tells for one in rounds)


def tells_confidence(rounds: Sequence[Round]) -> bool:
    """Whether any answer says how sure it is, or none came at all."""
    return not _were_answered(rounds) or any(one.confidence for one in rounds)


def _were_answered(rounds: Sequence[Round]) -> bool:
    return any(one.asked > one.failed for one in rounds)


def decide_fallbacks(rounds: Sequence[Round], band: Band, expected: int) -> Decided:
    """Decide the share of prompts in scope that fell back; one that got no answer fell back as well.

    So did one that says nothing of it where others do: the rates of the suite `output` count it so too.
    """
    return _decide([(one.fallbacks + one.failed) / one.asked for one in rounds if one.asked], band, expected)


def decide_confidence(rounds: Sequence[Round], band: Band, expected: int) -> Decided:
    """Decide the mean confidence, by its complement: what is in [0, 1] may be looked at after every round."""
    held = [one.confidence for one in rounds if one.confidence]
    shares = [1 - min(1.0, max(0.0, math.fsum(values) / len(values))) for values in held]
    decided = _decide(shares, Band(1 - band.warn, 1 - band.fail), expected)
    return Decided(decided.outcome, f"{UNCERTAINTY}: {decided.text}")


def _decide(shares: Sequence[float], band: Band, expected: int) -> Decided:
    """Decide a figure of which each round has one, in [0, 1]: prompts of one round fail together.

    Before all rounds are held only a fail is decided, by a test that may be looked at after each of them; in the end by
    the bootstrap interval of the rounds.
    """
    early = decide_level(math.fsum(shares), len(shares), band, LEVEL)
    if early.outcome is Outcome.FAIL:
        return early
    if len(shares) < LEAST_KNOWN * expected:
        told = f"{len(shares)} of {expected} rounds have a figure, {LEAST_KNOWN:.0%} are needed"
        return Decided(Outcome.INCONCLUSIVE, told)
    return decide_mean(shares, band)
