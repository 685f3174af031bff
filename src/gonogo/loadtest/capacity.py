"""Where is the breaking point? Bracket it by doubling the rate, bisect the bracket, confirm what is left. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_MOST_TRIALS = 25
_CONFIRMATIONS = 3


class Held(StrEnum):
    """How a rate was borne."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"
    """A confirmation showed neither."""
    UNKNOWN = "unknown"
    """The generator was the bottleneck, or the run was broken off."""


@dataclass(frozen=True)
class Search:
    """Between which rates the breaking point is looked for, and how closely."""

    from_rate_per_s: float
    to_rate_per_s: float
    hold_s: float
    """How long each rate is kept up."""
    confirm_s: float
    """How long the rates that are told in the end are kept up once more; there the objectives must be decided."""
    resolution: float = 0.1
    """It is found when the bracket's upper end is at most so much above its lower one, as a share."""

    @property
    def most_s(self) -> float:
        """About how long it sends requests at most."""
        return self._steps * self.hold_s + _CONFIRMATIONS * self.confirm_s

    @property
    def most_trials(self) -> int:
        """About how many trials there are at most; after each of them the last answers are waited for."""
        return min(_MOST_TRIALS, math.ceil(self._steps) + _CONFIRMATIONS)

    @property
    def most_requests(self) -> int:
        """About how many requests it sends at most: the last doublings outweigh all before them."""
        return math.ceil(self.to_rate_per_s * (3 * self.hold_s + _CONFIRMATIONS * self.confirm_s))

    @property
    def _steps(self) -> float:
        doublings = math.log2(self.to_rate_per_s / self.from_rate_per_s)
        halvings = max(0.0, math.log2(1 / self.resolution))
        return 2 + doublings + halvings


@dataclass(frozen=True)
class Trial:
    """A rate that was tried."""

    rate_per_s: float
    held: Held
    told: str
    """What did not hold, or why nobody knows."""
    is_confirmation: bool = False
    is_decided: bool = False
    """It was shown, with confidence; otherwise it was only seen."""

    def __str__(self) -> str:
        word = "confirmation, " if self.is_confirmation else ""
        return f"{word}{self.rate_per_s:.4g} requests a second: held: {self.held} {self.told}".rstrip()


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
    """The rate that holds was shown to."""
    shown_to_break_per_s: float | None
    """The lowest rate that was shown to break: as soon as one is decided, what was only seen below it may be chance."""
    problem: str
    """Why the search ended before its end, or nothing."""
    trials: Sequence[Trial]

    def __str__(self) -> str:
        confirmed = "confirmed" if self.is_confirmed else "not confirmed"
        problem = f"; {self.problem}" if self.problem else ""
        return f"holds {self.holds_per_s:.4g} requests a second ({confirmed}), {self._above}{problem}"

    @property
    def _above(self) -> str:
        shown = self.shown_to_break_per_s
        if self.breaks_per_s is None:
            return "nothing broke it"
        seen = f"breaks at {self.breaks_per_s:.4g} ({self.binding}"
        if shown == self.breaks_per_s:
            return f"{seen}; confirmed)"
        return f"{seen}; not confirmed)" + (f", shown to break at {shown:.4g}" if shown is not None else "")


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
    if broken is None and (held is None or held.rate_per_s < search.to_rate_per_s):
        rate = search.from_rate_per_s if held is None else min(search.to_rate_per_s, held.rate_per_s * 2)
        return Next(rate, search.hold_s)
    if held and broken and broken.rate_per_s > held.rate_per_s * (1 + search.resolution):
        return Next(math.sqrt(held.rate_per_s * broken.rate_per_s), search.hold_s)
    confirmed = {trial.rate_per_s for trial in trials if trial.is_confirmation}
    if held is not None and held.rate_per_s not in confirmed:
        return Next(held.rate_per_s, search.confirm_s, is_confirmation=True)
    # what was bad for a moment may be good for long; what stays undecided leaves the next higher rate to be shown
    shown = _shown_to_break(trials)
    seen = {t.rate_per_s for t in _known(trials) if t.held is Held.NO and (shown is None or t.rate_per_s < shown)}
    unconfirmed = seen - confirmed
    return Next(min(unconfirmed), search.confirm_s, is_confirmation=True) if unconfirmed else None


def conclude(trials: Sequence[Trial]) -> Capacity:
    """What the trials come to."""
    held, broken = _bracket(trials)
    last = trials[-1]
    return Capacity(
        holds_per_s=held.rate_per_s if held else 0.0,
        breaks_per_s=broken.rate_per_s if broken else None,
        binding=broken.told if broken else "",
        is_confirmed=held is not None and held.is_confirmation,
        shown_to_break_per_s=_shown_to_break(trials),
        problem=f"at {last.rate_per_s:.4g} a second: {last.told}" if last.held is Held.UNKNOWN else "",
        trials=tuple(trials),
    )


def _bracket(trials: Sequence[Trial]) -> tuple[Trial | None, Trial | None]:
    """The highest rate that held below all that did not, and the lowest that did not.

    Of a rate that was tried twice the later trial counts, which is its confirmation.
    """
    known = _known(trials)
    broken = min((t for t in known if t.held is Held.NO), key=_rate, default=None)
    held = [t for t in known if t.held is Held.YES and (broken is None or _rate(t) < _rate(broken))]
    return max(held, key=_rate, default=None), broken


def _known(trials: Sequence[Trial]) -> Sequence[Trial]:
    """The last trial of each rate that showed, or let see, whether it holds."""
    return list({trial.rate_per_s: trial for trial in trials if trial.held in {Held.YES, Held.NO}}.values())


def _shown_to_break(trials: Sequence[Trial]) -> float | None:
    return min((_rate(t) for t in _known(trials) if t.held is Held.NO and t.is_decided), default=None)


def _rate(trial: Trial) -> float:
    return trial.rate_per_s
