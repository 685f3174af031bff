"""Run the load generator as a subprocess against a target's gateway."""

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path

from gonogo import resources
from gonogo.errors import InconclusiveError
from gonogo.loadtest.profile import load_profile
from gonogo.loadtest.record import LoadRecord
from gonogo.targets.model import Target

GRACE_S = 60.0
"""Beyond the profile's length: start, the last answers, the report."""


def run_load(target: Target, record_file: Path) -> None:
    """Run the target's load profile; what it found is in the record's file.

    Raises:
        InconclusiveError: the generator could not run to its end or left no record.
    """
    assert target.load is not None
    assert target.gateway is not None
    profile = load_profile(target.load.profile)
    with tempfile.TemporaryDirectory(prefix="gonogo-load-") as folder:
        log = Path(folder) / "locust.log"
        # In a session of its own, so that Ctrl-C is ours to pass on, no worker is left behind, and the generator has
        # its share of the processor, whatever else runs (sched(7), autogroups).
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(),
                env=_environment(target, record_file),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            process.wait(timeout=profile.ends_within_s + GRACE_S)
        except subprocess.TimeoutExpired as error:
            raise InconclusiveError("the load generator did not end in time") from error
        finally:
            _end(process)
        if not record_file.exists():
            tail = log.read_text(encoding="utf-8", errors="replace")[-1500:]
            raise InconclusiveError(f"the load generator left no record (exit code {process.returncode}):\n{tail}")


def _command() -> list[str]:
    locustfile = resources.folder("load") / "locustfile.py"
    return [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(locustfile),
        "--headless",
        "--only-summary",
        "--loglevel",
        "WARNING",
    ]


def _environment(target: Target, record_file: Path) -> dict[str, str]:
    return {
        "OPENBLAS_NUM_THREADS": "1",  # its threads would take processor time from the users
        **os.environ,
        "GONOGO_TARGET": str(target.file),
        "GONOGO_LOAD_PROFILE": str(target.load.profile) if target.load else "",
        "GONOGO_LOAD_RECORD": str(record_file),
        "GONOGO_LOAD_OF": str(os.getpid()),
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the generator and its workers; by process group, which only they are in."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def summary(record: LoadRecord) -> dict[str, object]:
    """The record as evidence: without histograms and single attempts, which stay in the record's file."""
    kept = {item.name: getattr(record, item.name) for item in fields(record)}
    for name in ("histograms", "series", "course"):
        kept.pop(name)
    capacity = asdict(record.capacity) if record.capacity is not None else None
    return {**kept, "generator": asdict(record.generator), "capacity": capacity, "spent": asdict(record.spent)}
