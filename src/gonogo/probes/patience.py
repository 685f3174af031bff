"""HTTP 429 is no finding where nothing was to be exhausted: it is waited out, as a polite client would."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from gonogo.errors import InconclusiveError
from gonogo.rules.limits import asked_wait_s

TOO_MANY = 429
_MAX_PAUSE_S = 20.0
_MAX_PAUSES = 2


class Answer(Protocol):
    """What of an answer says whether to come back."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers, their names in lower case."""


_A = TypeVar("_A", bound=Answer)


def is_refused(answer: Answer) -> bool:
    """Whether it is refused for too many requests."""
    return answer.status == TOO_MANY


def asked_pause_s(answer: Answer, otherwise_s: float = 1.0) -> float:
    """The seconds that ``Retry-After`` asks for; `otherwise_s` where it asks for none."""
    asked = asked_wait_s(answer.headers.get("retry-after", ""))
    return otherwise_s if asked is None else asked


def patiently(
    send: Callable[[], _A],
    who: str,
    remaining_s: Callable[[], float] = lambda: math.inf,
    refused: Callable[[_A], bool] = is_refused,
) -> _A:
    """What is answered, once refusals for too many requests are waited out, as long as there is time.

    Raises:
        InconclusiveError: `who` goes on to answer 429.
    """
    for _ in range(_MAX_PAUSES):
        answer = send()
        pause_s = min(_MAX_PAUSE_S, asked_pause_s(answer))
        if not refused(answer):
            return answer
        if pause_s >= remaining_s():
            raise InconclusiveError(f"{who} answers 429 (rate limited), and the run has no time left to wait")
        time.sleep(pause_s)
    if refused(answer := send()):
        raise InconclusiveError(f"{who} answers 429 (rate limited) although nothing was to be exhausted")
    return answer
