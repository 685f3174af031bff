"""What this machine has left: CPU, memory, disk."""

import time
from pathlib import Path

import psutil

from gonogo.model import Observation
from gonogo.probes.context import ProbeContext

CPU_SAMPLE_S = 1.0


class Machine:
    """The machine that gonogo runs on."""

    def __init__(self, context: ProbeContext) -> None:
        self._context = context

    def used(self, resource: str, path: Path) -> float:
        """The share of a resource that is used: ``cpu`` (over a second), ``memory``, or ``disk`` (where `path` lies).

        Raises:
            OSError: there is no such path.
        """
        began = time.perf_counter()
        match resource:
            case "cpu":
                percent = psutil.cpu_percent(CPU_SAMPLE_S)
            case "memory":
                percent = psutil.virtual_memory().percent
            case _:
                percent = psutil.disk_usage(str(path)).percent
        took_ms = (time.perf_counter() - began) * 1000
        self._context.record(Observation("machine", resource, took_ms, answer={"used": round(percent / 100, 4)}))
        return float(percent) / 100
