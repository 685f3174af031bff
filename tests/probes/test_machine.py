"""What the measuring machine itself had no time for."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from gonogo.probes.context import ProbeContext
from gonogo.probes.machine import Machine, waited_ms
from gonogo.redaction import Redactor

BUSY = "import os, time; os.sched_setaffinity(0, {{{core}}}); end = time.monotonic() + 10\nwhile time.monotonic() < end: pass"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_waiting_for_a_processor_is_told() -> None:
    """Two that want the same one take turns."""
    core, told = min(os.sched_getaffinity(0)), []

    def want_it() -> None:
        os.sched_setaffinity(0, {core})  # this thread only
        before_ms, deadline = waited_ms(), time.monotonic() + 10
        while waited_ms() - before_ms < 20 and time.monotonic() < deadline:
            pass
        told.append(waited_ms() - before_ms)

    with subprocess.Popen([sys.executable, "-c", BUSY.format(core=core)]) as other:
        try:
            thread = threading.Thread(target=want_it)
            thread.start()
            thread.join()
        finally:
            other.kill()
    assert told[0] >= 20


def test_what_the_gate_takes_itself_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy_with_us(_: float) -> float:
        """All that is used meanwhile is ours."""
        began, ours = time.perf_counter(), time.process_time()
        while time.process_time() - ours < 0.3:
            pass
        return 100 * 0.3 / (time.perf_counter() - began) / (psutil.cpu_count() or 1)

    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setattr("psutil.cpu_percent", busy_with_us)
    usage = Machine(ProbeContext(lambda _: None, Redactor())).usage("cpu", Path())
    assert usage.used > 0.05
    assert usage.theirs < 0.05
