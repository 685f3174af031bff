"""Each fault of the agent makes its primary check fail; declared cascades may follow; nothing else changes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.resources import ROOT
from tests.calibration.agents import TARGET, AgentServers
from tests.calibration.conftest import GateRun
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, selected

FAULTS = selected(fault for fault in all_faults().values() if fault.target == "agents")
PLAN = Plan("suites/agent", TARGET, AgentServers, lambda _: "agent", lanes=3, requests=250)


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults that were selected, going on in the background."""
    with Pipeline.of_session(request, tmp_path_factory.mktemp("agents"), PLAN, FAULTS) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_noticed(fault: Fault, pipeline: Pipeline) -> None:
    assert_noticed(fault, pipeline)


def test_on_production_only_what_reads_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "production.yaml"
    file.write_text(TARGET.read_text(encoding="utf-8").replace("environment: development", "environment: production"))
    with AgentServers(tmp_path / "servers") as servers:
        environment = {**os.environ, **servers.environment, "XDG_STATE_HOME": str(tmp_path / "state")}
        given = [f"--target={file}", f"--report-dir={tmp_path / 'runs'}", "--stage=ci", "suites/agent"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *given],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        key = {"authorization": f"Bearer {servers.environment['EMBEDDED_AGENT_KEY']}"}
        records = httpx.get(f"{servers.urls['agent']}/v1/audit", headers=key, timeout=10).json()["records"]
        waiting = httpx.get(f"{servers.urls['agent']}/v1/approvals", headers=key, timeout=10).json()["approvals"]
    ran = GateRun.read(done.returncode, done.stdout, tmp_path / "runs")
    assert set(ran.outcomes().values()) == {"pass", "skip"}, done.stdout
    reads = {"settings", "git", "kubectl", "tests"}
    assert records
    assert {record["risk"] for record in records if record["tool"] != "tests"} == {"R0"}
    assert ({record["tool"] for record in records}, waiting) == (reads, [])
