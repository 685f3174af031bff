"""What this machine has left: CPU, memory, disk."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from gonogo.model import Observation
from gonogo.probes.context import ProbeContext

CPU_SAMPLE_S = 1.0
_SCHEDULED = Path("/proc/thread-self/schedstat")
"""Of this thread, in ns: time on a processor, time it was ready and waited for one; then how often it got one.
https://docs.kernel.org/scheduler/sched-stats.html"""


MOST_STARVED = 0.1
"""Of many requests: with more of them unknown for want of a processor, the others do not stand for all."""


def waited_ms() -> float:
    """How long this thread has been ready and waited for a processor so far; 0 where the system does not tell.

    Much of it within a measurement says that the measuring machine was busy: what was measured may be its doing.
    """
    with suppress(OSError, ValueError, IndexError):
        return int(_SCHEDULED.read_text(encoding="ascii").split()[1]) / 1e6
    return 0.0


@dataclass(frozen=True)
class Usage:
    """How much of a resource is used, as shares of all of it."""

    used: float
    ours: float = 0.0
    """Of that, what the gate and all that it has started take themselves, at most."""

    @property
    def theirs(self) -> float:
        """What is used at least without us."""
        return max(0.0, self.used - self.ours)


class Machine:
    """The machine that gonogo runs on."""

    def __init__(self, context: ProbeContext) -> None:
        self._context = context

    def usage(self, resource: str, path: Path) -> Usage:
        """How much is used of ``cpu`` (over a second), ``memory``, or ``disk`` (where `path` lies).

        Raises:
            OSError: there is no such path.
        """
        began = time.perf_counter()
        match resource:
            case "cpu":
                usage = _processors()
            case "memory":
                usage = Usage(psutil.virtual_memory().percent / 100)
            case _:
                usage = Usage(psutil.disk_usage(str(path)).percent / 100)
        took_ms = (time.perf_counter() - began) * 1000
        told = {"used": round(usage.used, 4), "ours": round(usage.ours, 4)}
        self._context.record(Observation("machine", resource, took_ms, answer=told))
        return usage


def _processors() -> Usage:
    began, before = time.perf_counter(), _own_s()
    used = psutil.cpu_percent(CPU_SAMPLE_S) / 100
    after, took_s = _own_s(), time.perf_counter() - began
    own_s = sum(after[pid] - before[pid] for pid in before.keys() & after.keys())
    return Usage(used, own_s / took_s / (psutil.cpu_count() or 1))


def _own_s() -> dict[int, float]:
    """Processor time of each of the gate's processes so far."""
    gate = psutil.Process(os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid())
    times = {}
    for process in (gate, *gate.children(recursive=True)):
        with suppress(psutil.Error):  # it has just ended
            took = process.cpu_times()
            times[process.pid] = took.user + took.system
    return times
