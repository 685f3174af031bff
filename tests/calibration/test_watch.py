"""Each fault that shows after a promotion ends the watch with a NO-GO; a healthy one goes through; one that was ended goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.resources import ROOT
from tests.calibration.conftest import GateRun
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, selected
from tests.calibration.promoted import TARGET, PromotedServers
from tests.calibration.watched import PROGRAMS

pytestmark = pytest.mark.skipif(PROGRAMS["prometheus"] is None, reason="no prometheus on PATH (Debian has it)")
FAULTS = selected(fault for fault in all_faults().values() if fault.target == "promoted")
PLAN = Plan("suites", TARGET, PromotedServers, lambda _: "test_watch", lanes=2, stage="watch")


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults that were selected, going on in the background."""
    with Pipeline.of_session(request, tmp_path_factory.mktemp("promoted"), PLAN, FAULTS) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_noticed(fault: Fault, pipeline: Pipeline) -> None:
    assert_noticed(fault, pipeline)


def test_a_watch_that_was_ended_goes_on(tmp_path: Path) -> None:
    with PromotedServers(tmp_path / "servers") as servers:
        environment = {**os.environ, **servers.environment, "XDG_STATE_HOME": str(tmp_path / "state")}
        command = [
            sys.executable,
            "-m",
            "pytest",
            f"--target={TARGET}",
            f"--report-dir={tmp_path}",
            "--stage=watch",
            "suites",
        ]
        first = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        kept = wait_for_rounds(tmp_path / "state", 3)
        first.send_signal(signal.SIGINT)
        output, _ = first.communicate(timeout=60)
        assert (first.returncode, GateRun.read(2, output, tmp_path).verdict["decision"]) == (2, "HOLD"), output
        second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        ran = GateRun.read(second.returncode, second.stdout, tmp_path)
        rounds = ran.verdict["checks"][0]["evidence"][0]["answer"]["rounds"]
        assert (ran.exit_code, ran.verdict["decision"], len(rounds)) == (0, "GO", 36), second.stdout
        pauses = [later["at_s"] - earlier["at_s"] for earlier, later in pairwise(rounds)]
        assert max(pauses) > 1.5, "the first rounds are those of the run that was ended"
        assert not kept.exists(), "a watch that is over is put away"


def wait_for_rounds(state: Path, count: int) -> Path:
    """The file of a watch, once it has so many rounds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for file in state.glob("gonogo/*/watch.jsonl"):
            lines = file.read_text(encoding="utf-8").splitlines()
            if len(lines) > count and json.loads(lines[-1])["asked"]:
                return file
        time.sleep(0.05)
    raise AssertionError("no watch began")
