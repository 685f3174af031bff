"""What the suite contract costs on one provider with one model: ``uv run python -m bench.contract``.

The scripted provider at 5 ms to the first token and 5 ms a token, as the issue asks; three runs.
"""

import os
import tempfile
import time
from pathlib import Path

from tests.calibration.conftest import GateRun
from tests.calibration.scripted import TARGET, ScriptedServers
from tests.calibration.test_contract import PLAN
from tests.forked import run_pytest

RUNS = 3
PACE_MS = 5.0


def main() -> None:
    """Print seconds and requests of each run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ScriptedServers(folder / "servers", PACE_MS) as servers:
            for i in range(RUNS):
                runs, began = folder / str(i), time.monotonic()
                runs.mkdir()
                arguments = [f"--target={TARGET}", f"--report-dir={runs}", "--stage=gate", "-k=vllm-main", PLAN.suite]
                environment = {**servers.environment, "XDG_STATE_HOME": str(runs / "state")}
                code = run_pytest(arguments, environment, runs / "output.txt")
                took_s = time.monotonic() - began
                ran = GateRun.read(code, (runs / "output.txt").read_text(encoding="utf-8"), runs)
                checks = [check for check in ran.verdict["checks"] if check["evidence"]]
                sent = [seen for check in checks for seen in check["evidence"] if seen["probe"] == "http"]
                print(f"{took_s:.1f} s, {len(sent)} requests, {len(checks)} checks, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
