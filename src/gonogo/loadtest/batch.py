"""What ended within one second of one worker: the form in which measurements travel, and in which they are merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gonogo.loadtest.arrays import Series, Whole
from gonogo.loadtest.histogram import Counted

COLUMNS = (
    "intended_s",
    "ended_s",
    "late_ms",
    "ttft_ms",
    "latency_ms",
    "tokens",
    "prompt_tokens",
    "tokens_per_s",
    "failed",
    "warm_up",
)
"""Of each attempt, one number: moments in seconds of the run, flags 0 or 1; prompt tokens NaN where nobody told."""


@dataclass(frozen=True)
class Pulse:
    """How the worker itself did in that second."""

    cpu_s: float
    """Processor time that it used."""
    seconds: float
    open_attempt_s: float
    """The sum over time of the attempts that were open (an attempt open for half a second counts a half)."""
    most_open: int
    """The most that were open at once."""
    due: int
    """Attempts that were to be sent."""
    open_from_s: float
    """Every attempt due before this moment of the run has ended."""
    clock_step_ms: float = 0.0
    """By how much somebody has set the machine's clock, at most at once."""
    uncounted_attempt_s: float = 0.0
    """Of `open_attempt_s`, what was counted too late: the event loop was behind."""


@dataclass(frozen=True, eq=False)
class Batch:
    """A second of a worker."""

    worker: int
    second: int
    columns: Mapping[str, Series]
    """By name (`COLUMNS`), one number for each attempt that ended."""
    over: Mapping[str, tuple[Series, Series]]
    """By objective: how far each of these attempts was over the warning and over the failing bound, 0 to 1."""
    gaps: tuple[Counted, Counted]
    """All gaps of these attempts: those that are judged, and the warm-up's."""
    lags: Counted
    """By how much the event loop was late."""
    failures: Mapping[str, int]
    """Judged attempts that failed, by type."""
    examples: Mapping[str, Sequence[str]]
    pulse: Pulse

    def as_plain(self) -> dict[str, Any]:
        """As numbers, texts and bytes, for a message to another process."""
        return {
            "worker": self.worker,
            "second": self.second,
            "columns": {name: values.tobytes() for name, values in self.columns.items()},
            "over": {name: [side.tobytes() for side in both] for name, both in self.over.items()},
            "gaps": [_counted_as_plain(part) for part in self.gaps],
            "lags": _counted_as_plain(self.lags),
            "failures": dict(self.failures),
            "examples": {kind: list(texts) for kind, texts in self.examples.items()},
            "pulse": vars(self.pulse),
        }

    @classmethod
    def from_plain(cls, raw: Mapping[str, Any]) -> Self:
        """What `as_plain` gave.

        Raises:
            KeyError, TypeError, ValueError: it did not.
        """
        judged, warm_up = map(_counted_from_plain, raw["gaps"])
        return cls(
            worker=raw["worker"],
            second=raw["second"],
            columns={name: _floats(raw["columns"][name]) for name in COLUMNS},
            over={name: (_floats(warn), _floats(fail)) for name, (warn, fail) in raw["over"].items()},
            gaps=(judged, warm_up),
            lags=_counted_from_plain(raw["lags"]),
            failures=raw["failures"],
            examples=raw["examples"],
            pulse=Pulse(**raw["pulse"]),
        )


def _floats(raw: bytes) -> Series:
    return np.frombuffer(raw, dtype=np.float64)


def _counted_as_plain(part: Counted) -> list[bytes]:
    return [part.values_us.tobytes(), part.counts.tobytes()]


def _counted_from_plain(raw: Sequence[bytes]) -> Counted:
    values, counts = (_whole(item) for item in raw)
    return Counted(values, counts)


def _whole(raw: bytes) -> Whole:
    return np.frombuffer(raw, dtype=np.int64)
