"""A drill's timeline, and the traffic that runs through it: recovery is measured from answers, not from commands."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from gonogo.errors import EndpointFailedError, InconclusiveError, StarvedError
from gonogo.probes.machine import MOST_STARVED
from gonogo.rules.triggers import Sample

_LANES = 32
"""Requests under way at once, at most: past that the traffic waits, and says so by a gap."""


@dataclass(frozen=True)
class Event:
    """Something that happened in a drill."""

    at_s: float
    """Seconds since the drill began."""
    what: str
    kind: str = "note"
    """``step`` (something is about to be done), ``note``, or ``trigger``."""


class Timeline:
    """Collects events; each is on disk at once, so that a drill that was killed still tells how far it came."""

    def __init__(self, file: Path | None = None, say: Callable[[str], None] = lambda _: None) -> None:
        """`file` gets a line of JSON for each event; `say` is told each, for people."""
        self._began = time.monotonic()
        self._file: TextIO | None = file.open("a", encoding="utf-8") if file else None
        self._say = say
        self.events: list[Event] = []

    def now_s(self) -> float:
        """Seconds since the drill began."""
        return time.monotonic() - self._began

    def note(self, what: str, kind: str = "note") -> None:
        """Something happened now."""
        event = Event(round(self.now_s(), 2), what, kind)
        self.events.append(event)
        self._say(what)
        if self._file is not None:
            self._file.write(json.dumps(vars(event), ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """No more events."""
        if self._file is not None:
            self._file.close()

    def as_json(self) -> list[dict[str, Any]]:
        """The events as plain data."""
        return [vars(event) for event in self.events]


Ask = Callable[[], Sample]
"""One real request; ``at_s`` of what it gives is filled in by the traffic."""


class Traffic:
    """Sends a request every `interval_s`, whatever became of the others, and keeps account of every one of them."""

    def __init__(self, ask: Ask, timeline: Timeline, interval_s: float = 0.1) -> None:
        self._ask, self._timeline, self._interval_s = ask, timeline, interval_s
        self._stopping = threading.Event()
        self._lanes = threading.Semaphore(_LANES)
        self._lock = threading.Lock()
        self._samples: list[Sample] = []
        self._pending: dict[int, float] = {}
        self._numbers = count()
        self._unsent, self._starved = "", list[str]()
        self._threads: list[threading.Thread] = []
        self._pacer = threading.Thread(target=self._pace, daemon=True)

    def __enter__(self) -> Self:
        self._pacer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Send no more, and wait for every answer that is still to come; each has a time limit of its own."""
        self._stopping.set()
        self._pacer.join()
        for thread in self._threads:
            thread.join()

    @property
    def broken(self) -> str:
        """Why too much is not known, by our own fault; empty if enough is.

        A request that could not be sent says so of all; one that had no processor only of itself.
        """
        few = len(self._starved) <= MOST_STARVED * (len(self._samples) + len(self._starved))
        return self._unsent or ("" if few else self._starved[-1])

    @property
    def samples(self) -> list[Sample]:
        """Every request that has ended, in the order in which they were sent."""
        with self._lock:
            return sorted(self._samples, key=lambda sample: sample.at_s)

    def since(self, at_s: float) -> list[Sample]:
        """Those that were sent since a time of the timeline."""
        return [sample for sample in self.samples if sample.at_s >= at_s]

    def with_pending(self, at_s: float) -> list[Sample]:
        """Those, and the ones that have not ended yet: a request that hangs is seen long before its time limit."""
        now_s = self._timeline.now_s()
        with self._lock:
            pending = [Sample(sent_s, (now_s - sent_s) * 1000, is_pending=True) for sent_s in self._pending.values()]
            both = [*self._samples, *pending]
        return sorted((sample for sample in both if sample.at_s >= at_s), key=lambda sample: sample.at_s)

    def _pace(self) -> None:
        due = self._timeline.now_s()
        while not self._stopping.is_set():
            if self._lanes.acquire(timeout=1):
                thread = threading.Thread(target=self._send, daemon=True)
                self._threads = [*(t for t in self._threads if t.is_alive()), thread]
                thread.start()
            due = max(due + self._interval_s, self._timeline.now_s() - self._interval_s)
            self._stopping.wait(max(0.0, due - self._timeline.now_s()))

    def _send(self) -> None:
        at_s, number = self._timeline.now_s(), next(self._numbers)
        with self._lock:
            self._pending[number] = at_s
        sample = None
        try:
            sample = self._ask()
        except StarvedError as error:
            self._starved.append(str(error))
        except InconclusiveError as error:
            self._unsent = str(error)
        except Exception as error:  # noqa: BLE001 (whatever happens to a request, it failed, and is counted)
            told = str(error) if isinstance(error, EndpointFailedError) else f"{type(error).__name__}: {error}"
            sample = Sample(0.0, (self._timeline.now_s() - at_s) * 1000, error=told)
        finally:
            self._lanes.release()
            with self._lock:
                del self._pending[number]
                if sample is not None:
                    self._samples.append(replace(sample, at_s=at_s))
