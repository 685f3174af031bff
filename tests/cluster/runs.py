"""Runs of the gate beside a test: watched while they go on, interrupted, killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gonogo.resources import ROOT
from tests.calibration.servers import Servers

WITHIN_S = 90.0


class Run:
    """One run; killed at the end of the block if it still goes on."""

    def __init__(
        self, servers: Servers, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Its state (journal, history) lies in ``state`` below the folder, its reports in ``reports``."""
        target: Path = servers.target  # type: ignore[attr-defined]
        self.folder, self._output = folder, folder / f"output-{time.monotonic_ns()}.txt"
        folder.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "pytest", f"--target={target}", f"--report-dir={folder / 'reports'}", *arguments]
        told = {**os.environ, **servers.environment, "XDG_STATE_HOME": str(folder / "state"), **(environment or {})}
        for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
            told.pop(name, None)
        self._before = set((folder / "reports").glob("*")) if (folder / "reports").exists() else set()
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                words, cwd=ROOT, env=told, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def reports(self) -> Path:
        """Its folder of reports."""
        found = set((self.folder / "reports").glob("2*")) - self._before
        assert len(found) == 1, self.output
        return found.pop()

    def end(self) -> int:
        """Wait until it ends; its exit code."""
        return self.process.wait(timeout=WITHIN_S)

    def outcomes(self) -> dict[str, str]:
        """Every check's outcome by its name."""
        verdict = json.loads((self.reports / "verdict.json").read_text(encoding="utf-8"))
        return {check["name"]: check["outcome"] for check in verdict["checks"]}

    def await_step(self, number: int) -> str:
        """Wait until a drill has begun its step of that number, from 0; what it is."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output
            steps = [event["what"] for event in self.events() if event["kind"] == "step"]
            if len(steps) > number:
                return str(steps[number])
            time.sleep(0.02)
        raise AssertionError(f"no step {number} within {WITHIN_S:g} s:\n{self.output}")

    def events(self) -> list[dict[str, Any]]:
        """The timeline of the drill, as far as it has come."""
        files = [
            file
            for folder in set((self.folder / "reports").glob("2*")) - self._before
            for file in folder.glob("drill-*.jsonl")
        ]
        return [
            json.loads(line)
            for file in files
            for line in file.read_text(encoding="utf-8").splitlines()
            if line.endswith("}")
        ]

    def kill(self) -> None:
        """SIGKILL: nothing of it can clean up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
