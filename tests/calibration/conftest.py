"""One embedded deployment for all calibration tests; each test leaves it healthy."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gonogo.fixtures.embedded import ROOT, TARGET, EmbeddedDeployment
from tests.forked import run_pytest


@dataclass(frozen=True)
class GateRun:
    """What a run of the gate in a process of its own left."""

    exit_code: int
    output: str
    verdict: dict[str, Any]

    @classmethod
    def read(cls, exit_code: int, output: str, runs: Path) -> "GateRun":
        """The latest run below a report folder."""
        verdicts = sorted(runs.glob("2*/verdict.json"))
        assert verdicts, output
        return cls(exit_code, output, json.loads(verdicts[-1].read_text(encoding="utf-8")))

    def outcomes(self) -> dict[str, str]:
        """Outcome of each check and instance."""
        return {check["name"]: check["outcome"] for check in self.verdict["checks"]}


RunGate = Callable[..., GateRun]


@pytest.fixture
def run_forked_gate(embedded: EmbeddedDeployment, tmp_path: Path) -> RunGate:
    """Like `run_gate` in a forked process, which starts a second sooner."""
    embedded.reset()

    def run(*arguments: str) -> GateRun:
        output = tmp_path / "output.txt"
        environment = {**embedded.environment, "XDG_STATE_HOME": str(tmp_path / "state")}
        given = [f"--target={TARGET}", f"--report-dir={tmp_path}", *arguments]
        code = run_pytest(given, environment, output)
        return GateRun.read(code, output.read_text(encoding="utf-8"), tmp_path)

    return run


@pytest.fixture
def run_gate(embedded: EmbeddedDeployment, tmp_path: Path) -> RunGate:
    """Run the gate in a process of its own, on the deployment as it is after a reset: everything up and healthy."""
    embedded.reset()

    def run(*arguments: str) -> GateRun:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", f"--target={TARGET}", f"--report-dir={tmp_path}", *arguments],
            cwd=ROOT,
            env={**os.environ, **embedded.environment, "XDG_STATE_HOME": str(tmp_path / "state")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return GateRun.read(done.returncode, done.stdout + done.stderr, tmp_path)

    return run
