"""What every probe is given: where to record, what may be spent, what must be masked."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gonogo.model import Observation
from gonogo.redaction import Redactor


def _spend_nothing(_requests: int, _tokens: int) -> None:
    """No budget."""


def _for_ever() -> float:
    """No limit."""
    return math.inf


def _say_nothing(_told: object) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class ProbeContext:
    """The surroundings of a probe."""

    record: Callable[[Observation], None]
    """Called with each observation before the probe returns."""
    redactor: Redactor
    spend: Callable[[int, int], None] = _spend_nothing
    """Called with (requests, tokens) before they are used; raises `BudgetExhaustedError` when they are not there."""
    progress: Callable[[str], None] = _say_nothing
    """Called with a short text while something takes long: shown on a terminal."""
    remaining_s: Callable[[], float] = _for_ever
    """How long a request may still take, so that the run ends in time; a request that this cuts off is no finding."""
    searched: Callable[[Sequence[str]], None] = _say_nothing
    """Called for each answer that was searched for secrets, with what is wrong with it; they are masked only then."""
