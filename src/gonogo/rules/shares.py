"""Is a share of requests what it is configured to be: an equivalence test, looked at as often as one likes.

Not significance ("no difference was found" is what too few requests always say) but equivalence (TOST, Schuirmann 1987,
https://doi.org/10.1007/BF01068419): the share must be shown to lie within a margin around its weight. Both sides are
decided by the anytime-valid evidence of `gonogo.objectives`, so requests can be sent until it is decided.
"""

from collections.abc import Mapping

from gonogo.model import Outcome
from gonogo.objectives import Decided, evidence_above, evidence_below, exact_interval

LEVEL = 0.01
_PART = 0.75
"""Of a small share the margin is no more than this part: else one that gets nothing were within the margin."""


def shares_of(weights: Mapping[str, float]) -> dict[str, float]:
    """The share of requests that each weight means."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def is_too_few(count: int, total: int, share: float) -> bool:
    """Whether so few of all requests cannot have had this chance each: the exact interval lies below it."""
    return total > 0 and exact_interval(count, total, 2 * LEVEL)[1] < share


def decide_within(count: int, total: int, share: float, margin: float, level: float = LEVEL) -> Decided:
    """Whether a share lies within `margin` of what it should be; inconclusive as long as that is not shown.

    Args:
        count: requests that went there.
        total: of all.
        share: what it should be, 0 to 1.
        margin: how far it may be off; of small shares (and of what is left of large ones) three quarters at most.
        level: the error level of each side.
    """
    margin = min(margin, _PART * share, _PART * (1 - share)) if 0 < share < 1 else margin
    low, high = share - margin, share + margin
    text = f"{count} of {total} requests = {count / total if total else 0:.1%}, wanted {share:.1%} ± {margin:.1%}"
    if total == 0:
        return Decided(Outcome.INCONCLUSIVE, "no request")
    within = (high >= 1 or evidence_below(count, total, high) >= 1 / level) and (
        low <= 0 or evidence_above(count, total, low) >= 1 / level
    )
    beyond = (high < 1 and evidence_above(count, total, high) >= 1 / level) or (
        low > 0 and evidence_below(count, total, low) >= 1 / level
    )
    if beyond:
        return Decided(Outcome.FAIL, text)
    return Decided(Outcome.PASS, text) if within else Decided(Outcome.INCONCLUSIVE, f"{text}: undecided")
