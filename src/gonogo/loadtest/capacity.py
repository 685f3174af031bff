"""Where is the breaking point? Bracket it by doubling the rate, bisect the bracket, confirm what is left. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_MOST_TRIALS = 25


class Held(StrEnum):
    """How a rate was borne."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """The generator was the bottleneck, the run was broken off, or a confirmation could not be decided."""


@dataclass(frozen=True)
class Search:
    """Between which rates the breaking point is looked for, and how closely."""

    from_rate_per_s: float
    to_rate_per_s: float
    hold_s: float
    """How long each rate is kept up."""
    confirm_s: float
    """How long the rate that is told in the end is kept up once more; there its objectives must be decided."""
    resolution: float = 0.1
    """It is found when the bracket's upper end is at most so much above its lower one, as a share."""

    @property
    def most_s(self) -> float:
        """About how long it takes at most."""
        doublings = math.log2(self.to_rate_per_s / self.from_rate_per_s)
        halvings = max(0.0, math.log2(1 / self.resolution))
        return (2 + doublings + halvings) * self.hold_s + 2 * self.confirm_s

    @property
    def most_requests(self) -> int:
        """About how many requests it sends at most: the last doublings outweigh all before them."""
        return math.ceil(self.to_rate_per_s * (3 * self.hold_s + 2 * self.confirm_s))


@dataclass(frozen=True)
class Trial:
    """A rate that was tried."""

    rate_per_s: float
    held: Held
    told: str
    """What did not hold, or why nobody knows."""
    is_confirmation: bool = False


@dataclass(frozen=True)
class Capacity:
    """What was found: the rate that holds, and the one that does not."""

    holds_per_s: float
    """0 where not even the lowest rate held."""
    breaks_per_s: float | None
    """None where nothing broke up to the highest rate, or up to what the generator could do."""
    binding: str
    """The objective that does not hold at the upper one."""
    is_confirmed: bool
    problem: str
    """Why the search ended before its end, or nothing."""
    trials: Sequence[Trial]

    def __str__(self) -> str:
        above = f"breaks at {self.breaks_per_s:.4g} ({self.binding})" if self.breaks_per_s else "nothing broke it"
        confirmed = "confirmed" if self.is_confirmed else "not confirmed"
        problem = f"; {self.problem}" if self.problem else ""
        return f"holds {self.holds_per_s:.4g} requests a second ({confirmed}), {above}{problem}"


@dataclass(frozen=True)
class Next:
    """What is to be tried next."""

    rate_per_s: float
    seconds: float
    is_confirmation: bool = False


def next_trial(search: Search, trials: Sequence[Trial]) -> Next | None:
    """What is to be tried after these trials; None: the search is over."""
    if (trials and trials[-1].held is Held.UNKNOWN) or len(trials) >= _MOST_TRIALS:
        return None
    held, broken = _bracket(trials)
    if broken is None:
        if held < search.to_rate_per_s:
            rate = min(search.to_rate_per_s, held * 2) if held else search.from_rate_per_s
            return Next(rate, search.hold_s)
    elif held == 0:
        return None
    elif broken > held * (1 + search.resolution):
        return Next(math.sqrt(held * broken), search.hold_s)
    if any(trial.is_confirmation and trial.rate_per_s == held for trial in trials):
        return None
    return Next(held, search.confirm_s, is_confirmation=True)


def conclude(trials: Sequence[Trial]) -> Capacity:
    """What the trials come to."""
    held, broken = _bracket(trials)
    binding = next((trial.told for trial in trials if trial.held is Held.NO and trial.rate_per_s == broken), "")
    last = trials[-1]
    return Capacity(
        holds_per_s=held,
        breaks_per_s=broken,
        binding=binding,
        is_confirmed=any(t.is_confirmation and t.held is Held.YES and t.rate_per_s == held for t in trials),
        problem=f"at {last.rate_per_s:.4g} a second: {last.told}" if last.held is Held.UNKNOWN else "",
        trials=tuple(trials),
    )


def _bracket(trials: Sequence[Trial]) -> tuple[float, float | None]:
    """The highest rate that held below all that did not (0: none), and the lowest that did not."""
    broken = min((trial.rate_per_s for trial in trials if trial.held is Held.NO), default=None)
    held = [trial.rate_per_s for trial in trials if trial.held is Held.YES]
    return max((rate for rate in held if broken is None or rate < broken), default=0.0), broken
