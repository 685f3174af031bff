"""Thresholds, bands and the statistics that decide them. Pure: numbers in, decisions out.

Two families of decisions, both three-valued (a band adds a fourth, *warn*):

* `decide_share`, `decide_mean`, `decide_drop`: a fixed number of samples, one look (the answers to a conversation set);
* `decide_level`: anytime-valid, may be looked at after every round (watch); so are the decisions on blocks of load
  (`gonogo.loadtest.blocks`). They multiply likelihood ratios of a mixture of alternatives against the limit; for
  variables in [0, 1] such a product is a non-negative supermartingale under the null, so by Ville's inequality it
  exceeds 1/level with probability of at most `level`, however often one looks (Howard, Ramdas, McAuliffe, Sekhon 2021,
  https://arxiv.org/abs/1810.08240; Waudby-Smith and Ramdas 2024, https://arxiv.org/abs/2010.09686). By convexity it
  holds for block means as it does for single attempts.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gonogo.model import Outcome

Draws = NDArray[np.float64]
"""Resamples of n things: one row for each, which tells how often each thing was drawn; n in all."""
Figures = NDArray[np.float64]
"""One figure for each resample."""

MINIMUM_FOR_MEAN = 30
_RESAMPLES = 1000
_AT_A_TIME = 100
"""Resamples that are held in memory together: eight bytes for each prompt of each."""
_ALTERNATIVES = 40
_LEAST_SHARE = 1e-6
"""A limit of zero allows none; likelihoods need something to divide by."""


@dataclass(frozen=True)
class Band:
    """Pass, warn, fail by a number: `above` means that large values are bad.

    With ``above=True`` a value of at most `warn` passes, one over `fail` fails, between them it warns; with
    ``above=False`` the other way round. ``warn == fail`` leaves no warning band.
    """

    warn: float
    fail: float
    above: bool = True

    def judge(self, value: float) -> Outcome:
        """The outcome for an exactly known value; NaN is inconclusive."""
        if math.isnan(value):
            return Outcome.INCONCLUSIVE
        is_beyond = operator.gt if self.above else operator.lt
        if not is_beyond(value, self.warn):
            return Outcome.PASS
        return Outcome.FAIL if is_beyond(value, self.fail) else Outcome.WARN

    def judge_interval(self, low: float, high: float) -> Outcome:
        """The outcome for a value known to lie in an interval; inconclusive when pass and fail are both possible.

        An interval that reaches from pass into the warning band warns: it does not fail, and a pass is not shown.
        """
        outcomes = {self.judge(low), self.judge(high)}
        if len(outcomes) == 1:
            return outcomes.pop()
        if outcomes == {Outcome.PASS, Outcome.WARN}:
            return Outcome.WARN
        return Outcome.INCONCLUSIVE

    def __str__(self) -> str:
        sides = ("≤", ">") if self.above else ("≥", "<")
        return f"pass {sides[0]} {self.warn:g}, fail {sides[1]} {self.fail:g}"


@dataclass(frozen=True)
class Decided:
    """An outcome with the sentence that explains it."""

    outcome: Outcome
    text: str


def decide_share(count: int, total: int, band: Band, level: float = 0.05) -> Decided:
    """Decide a proportion by its exact (Clopper-Pearson) interval of confidence 1 - `level`."""
    if total == 0:
        return Decided(Outcome.INCONCLUSIVE, "no sample")
    low, high = exact_interval(count, total, level)
    text = f"{count} of {total} = {count / total:.1%}, interval {low:.1%} to {high:.1%} at {1 - level:.0%}; {band}"
    return Decided(band.judge_interval(low, high), text)


def exact_interval(count: int, total: int, level: float) -> tuple[float, float]:
    """The Clopper-Pearson interval of a proportion (Biometrika 26, 1934), two-sided with error `level`."""
    low = 0.0 if count == 0 else _bisect(lambda p: 1 - _binomial_cdf(count - 1, total, p) < level / 2)
    high = 1.0 if count == total else _bisect(lambda p: _binomial_cdf(count, total, p) > level / 2)
    return low, high


def decide_mean(values: Sequence[float], band: Band, level: float = 0.05) -> Decided:
    """Decide a mean by its percentile bootstrap interval (seeded, so that a rerun says the same).

    Values of one prompt depend on each other: give their mean, one value for each prompt.
    """
    total = len(values)
    if total < MINIMUM_FOR_MEAN:
        return Decided(Outcome.INCONCLUSIVE, f"{total} samples, at least {MINIMUM_FOR_MEAN} are needed")
    array = np.asarray(values, dtype=np.float64)
    low, high = _bootstrap(total, lambda draws: draws @ array / total, level)
    text = f"mean {sum(values) / total:.3f} of {total}, interval {low:.3f} to {high:.3f} at {1 - level:.0%}; {band}"
    return Decided(band.judge_interval(low, high), text)


def decide_drop(total: int, drop_of: Callable[[Draws], Figures], band: Band, level: float = 0.05) -> Decided:
    """Decide how much worse a candidate is than a baseline, over the same prompts (paired).

    The interval is the percentile bootstrap over prompts (all answers to one prompt are drawn together), and at least
    three in `total` wide to both sides: what no prompt showed may still happen that often (the rule of three, Hanley
    and Lippman-Hand 1983, JAMA 249). So two runs with the same answers differ by nothing, but not surely by nothing.

    Args:
        total: how many prompts.
        drop_of: the drop of a figure, baseline minus candidate, for each row of draws.
        band: of the drop.
        level: the error level.
    """
    if total < MINIMUM_FOR_MEAN:
        return Decided(Outcome.INCONCLUSIVE, f"{total} prompts in common, at least {MINIMUM_FOR_MEAN} are needed")
    seen = float(drop_of(np.ones((1, total)))[0])
    low, high = _bootstrap(total, drop_of, level)
    low, high = min(low, seen - 3 / total), max(high, seen + 3 / total)
    text = f"a drop of {seen:+.3f} over {total} prompts, interval {low:+.3f} to {high:+.3f} at {1 - level:.0%}; {band}"
    return Decided(band.judge_interval(low, high), text)


def _bootstrap(total: int, figure_of: Callable[[Draws], Figures], level: float) -> tuple[float, float]:
    """The percentile interval of a figure over `total` things (Efron 1979)."""
    numbers, shares = np.random.default_rng(total), np.full(total, 1 / total)
    draws = (numbers.multinomial(total, shares, _AT_A_TIME) for _ in range(_RESAMPLES // _AT_A_TIME))
    figures = np.sort(np.concatenate([figure_of(some.astype(np.float64)) for some in draws]))
    return float(figures[int(_RESAMPLES * level / 2)]), float(figures[int(_RESAMPLES * (1 - level / 2)) - 1])


def decide_level(bad: float, total: float, band: Band, level: float) -> Decided:
    """Decide a share, or the mean of figures in [0, 1], against a band; anytime-valid, of any number of samples.

    Args:
        bad: how many, or the sum of the figures.
        total: of how many.
        band: of the share; large values are bad.
        level: the error level of each decision, at whatever time it is made.
    """
    below = {limit: _shown_below(bad, total, limit, level) for limit in (band.warn, band.fail)}
    if total and band.fail < 1 and evidence_above(bad, total, max(band.fail, _LEAST_SHARE)) >= 1 / level:
        outcome = Outcome.FAIL
    elif below[band.warn]:
        outcome = Outcome.PASS
    else:
        outcome = Outcome.WARN if below[band.fail] else Outcome.INCONCLUSIVE
    share = bad / total if total else math.nan
    return Decided(outcome, f"{bad:.4g} of {total:g} = {share:.1%} at level {level:g}; {band}")


def _shown_below(bad: float, total: float, limit: float, level: float) -> bool:
    return limit >= 1 or (limit > 0 and evidence_below(bad, total, limit) >= 1 / level)


def evidence_below(bad: float, total: float, limit: float) -> float:
    """Evidence (e-value) against "the share is at least `limit`": large means that it is smaller.

    Half of the mixture is on "never bad", so that runs without a violation are decided soon.
    """
    lower = [limit * j / _ALTERNATIVES for j in range(1, _ALTERNATIVES)]
    spread = sum(_ratio(q, bad, total, limit) for q in lower) / len(lower)
    return (_ratio(0.0, bad, total, limit) + spread) / 2


def evidence_above(bad: float, total: float, limit: float) -> float:
    """Evidence (e-value) against "the share is at most `limit`": large means that it is greater."""
    upper = [limit + (1 - limit) * (j / _ALTERNATIVES) ** 2 for j in range(1, _ALTERNATIVES)]
    return sum(_ratio(q, bad, total, limit) for q in upper) / len(upper)


def _ratio(alternative: float, bad: float, total: float, limit: float) -> float:
    """Likelihood of `bad` in `total` under the alternative, relative to the limit; capped against overflow."""
    if alternative == 0.0 and bad > 0:
        return 0.0
    hit = bad * math.log(alternative / limit) if bad else 0.0
    return math.exp(min(700.0, hit + (total - bad) * math.log((1 - alternative) / (1 - limit))))


def _binomial_cdf(count: int, total: int, share: float) -> float:
    """For a share between 0 and 1, neither included."""
    return math.fsum(
        math.exp(
            math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
            + k * math.log(share) + (total - k) * math.log1p(-share)
        )
        for k in range(count + 1)
    )  # fmt: skip


def _bisect(still_low: Callable[[float], bool]) -> float:
    """The number in [0, 1] at which `still_low` turns from true to false."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if still_low(middle) else (low, middle)
    return (low + high) / 2
