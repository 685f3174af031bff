"""Load runs beside other tests: where the generator did not get its time it says so, and nothing else is known."""

from collections.abc import Callable
from typing import TypeVar

import pytest

TRIES = 4
_STARVED = "the generator was starved"
_Run = TypeVar("_Run")


def is_starved(told: str) -> bool:
    """Whether a load generator says that it did not get its time."""
    return _STARVED in told


def unhindered(run: Callable[[], _Run], told: Callable[[_Run], str]) -> _Run:
    """A run whose generator got its time; the test is skipped where none of a few does.

    Args:
        run: makes one.
        told: what it said.
    """
    for _ in range(TRIES):
        done = run()
        if not is_starved(told(done)):
            return done
    pytest.skip(f"{TRIES} load runs in a row said that {_STARVED}: this machine is too busy")
