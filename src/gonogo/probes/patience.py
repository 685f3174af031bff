"""HTTP 429 is no finding where nothing was to be exhausted: it is waited out, as a polite client would."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from gonogo.errors import InconclusiveError
from gonogo.rules.limits import asked_wait_s

TOO_MANY = 429
_MAX_PAUSE_S = 20.0
_MAX_PAUSES = 2


class _Answer(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


_A = TypeVar("_A", bound=_Answer)


def asked_pause_s(answer: _Answer, otherwise_s: float = 1.0) -> float:
    """The seconds that ``Retry-After`` asks for; `otherwise_s` where it asks for none."""
    asked = asked_wait_s(answer.headers.get("retry-after", ""))
    return otherwise_s if asked is None else asked


def patiently(send: Callable[[], _A], who: str) -> _A:
    """What is answered, once refusals for too many requests are waited out.

    Raises:
        InconclusiveError: `who` goes on to answer 429.
    """
    for _ in range(_MAX_PAUSES):
        answer = send()
        if answer.status != TOO_MANY:
            return answer
        time.sleep(min(_MAX_PAUSE_S, asked_pause_s(answer)))
    if (answer := send()).status == TOO_MANY:
        raise InconclusiveError(f"{who} answers 429 (rate limited) although nothing was to be exhausted")
    return answer
