"""A drill's timeline, and the traffic that runs through it: recovery is measured from answers, not from commands."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Step:
    """Something that happened in a drill."""

    at_s: float
    """Seconds since the drill began."""
    what: str


class Timeline:
    """Collects steps."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.steps: list[Step] = []

    def now_s(self) -> float:
        """Seconds since the drill began."""
        return time.monotonic() - self._began

    def note(self, what: str) -> None:
        """Something happened now."""
        self.steps.append(Step(round(self.now_s(), 2), what))

    def as_json(self) -> list[dict[str, Any]]:
        """The steps as plain data."""
        return [vars(step) for step in self.steps]


class Traffic:
    """Asks once every `interval_s` in the background, and notes which questions were answered well."""

    def __init__(self, ask: Callable[[], bool], timeline: Timeline, interval_s: float = 0.25) -> None:
        self._ask, self._timeline, self._interval_s = ask, timeline, interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: list[tuple[float, bool]] = []
        """(seconds since the drill began when asked, answered well), in order."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            asked_at = self._timeline.now_s()
            try:
                good = self._ask()
            except Exception:  # noqa: BLE001 (whatever happens to a question, it failed)
                good = False
            self.answers.append((asked_at, good))
            self._stopping.wait(max(0.0, self._interval_s - (self._timeline.now_s() - asked_at)))

    def outage_s(self) -> float:
        """From the first question that failed to the first good one after the last that failed; 0 without a fail."""
        failed = [at for at, good in self.answers if not good]
        if not failed:
            return 0.0
        back = [at for at, good in self.answers if good and at > failed[-1]]
        return (back[0] if back else self.answers[-1][0]) - failed[0]

    def lost(self) -> int:
        """Questions that failed."""
        return sum(not good for _, good in self.answers)
