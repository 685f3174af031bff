"""Runs of the gate beside a test: watched while they go on, interrupted, killed."""

import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.calibration.servers import Servers
from tests.forked import Child

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
        words = [f"--target={target}", f"--report-dir={folder / 'reports'}", *arguments]
        told = {**servers.environment, "XDG_STATE_HOME": str(folder / "state"), **(environment or {})}
        self._before = set((folder / "reports").glob("*")) if (folder / "reports").exists() else set()
        self._child = Child(words, told, self._output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

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
        return self._child.wait(WITHIN_S)

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._child.send(number)

    def outcomes(self) -> dict[str, str]:
        """Every check's outcome by its name."""
        verdict = json.loads((self.reports / "verdict.json").read_text(encoding="utf-8"))
        return {check["name"]: check["outcome"] for check in verdict["checks"]}

    def await_step(self, number: int) -> str:
        """Wait until a drill has begun its step of that number, from 0; what it is."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            assert self._child.poll() is None, self.output
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
        self._child.end(signal.SIGKILL)
