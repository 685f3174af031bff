"""How long the suite routing takes on the embedded deployment: ``uv run python -m bench.routing``."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gonogo.fixtures.embedded import ROOT, TARGET, EmbeddedDeployment
from tests.calibration.conftest import GateRun

RUNS = 2


def main() -> None:
    """Print seconds, requests and outcomes of each run."""
    deployment = EmbeddedDeployment()
    try:
        with tempfile.TemporaryDirectory() as name:
            for i in range(RUNS):
                deployment.reset()
                runs, began = Path(name) / str(i), time.monotonic()
                runs.mkdir()
                given = [f"--target={TARGET}", f"--report-dir={runs}", "--stage=gate", "--allow-disruptive"]
                environment = {**os.environ, **deployment.environment, "XDG_STATE_HOME": str(runs / "state")}
                done = subprocess.run(
                    [sys.executable, "-m", "pytest", *given, "suites/routing"],
                    cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
                )  # fmt: skip
                took_s = time.monotonic() - began
                outcomes = list(GateRun.read(done.returncode, done.stdout, runs).outcomes().values())
                counts = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
                print(f"{took_s:.1f} s, {counts}, {os.cpu_count()} cores", flush=True)
    finally:
        deployment.stop()


if __name__ == "__main__":
    main()
