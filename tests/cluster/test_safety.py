"""Whatever happens to a drill's run, everything is put back: by itself, or by the next run, before anything else."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.calibration.pipeline import is_thorough
from tests.calibration.routed import RoutedServers
from tests.calibration.servers import Servers
from tests.cluster.control_plane import ControlPlane
from tests.cluster.namespace import LivelyChatbot
from tests.cluster.runs import Run

DRILL = ("--stage=drill", "--allow-disruptive", "suites/drills")
ON_CLUSTER = {"bad-config": 8, "again": 3, "colours": 3, "pod": 3, "policies": 3}
"""Steps of each drill, the putting back with them."""
SUPERVISED = {"release": 8, "hosted": 4, "router": 3, "latency-spike": 5}
FEW = {("bad-config", 0), ("bad-config", 3), ("colours", 0), ("release", 3), ("latency-spike", 0), ("hosted", 1)}


def moments(drills: dict[str, int]) -> list[tuple[str, int]]:
    """Every step of every drill, or a few of them."""
    return [(name, i) for name, steps in drills.items() for i in range(steps) if is_thorough() or (name, i) in FEW]


def state_of(namespace: LivelyChatbot) -> dict[str, Any]:
    """What a drill may change."""
    space = namespace.name
    with namespace.plane.client() as client:
        deployments = client.get(f"/apis/apps/v1/namespaces/{space}/deployments").json()["items"]
        names = {kind: client.get(path.format(space)).json()["items"] for kind, path in (
            ("config maps", "/api/v1/namespaces/{}/configmaps"), ("revisions", "/apis/apps/v1/namespaces/{}/replicasets"))}  # fmt: skip
        selector = client.get(f"/api/v1/namespaces/{space}/services/chatbot").json()["spec"]["selector"]
    return {
        "templates": {item["metadata"]["name"]: item["spec"]["template"] for item in deployments},
        "selector": selector,
        "registry": (namespace.folder / "registry.json").read_text(encoding="utf-8"),
        **{kind: sorted(item["metadata"]["name"] for item in items) for kind, items in names.items()},
    }


@pytest.mark.parametrize(("drill", "step"), moments(ON_CLUSTER))
def test_a_killed_drill_is_undone_by_the_next_run(lively: LivelyChatbot, tmp_path: Path, drill: str, step: int) -> None:
    before = state_of(lively)
    with Run(lively, tmp_path, *DRILL, f"-k={drill} and not history_due") as run:
        what = run.await_step(step)
        run.kill()
    with Run(lively, tmp_path, *DRILL, "-k=restore_works") as following:
        assert following.end() in {0, 6}, following.output
        assert following.outcomes()["drills.restore.works[policies]"] == "pass"
    assert state_of(lively) == before, f"killed at: {what}\n{following.output}"
    assert not list((tmp_path / "state").rglob("journal/*")), following.output


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The router, its providers and the chatbot under a supervisor."""
    with RoutedServers(tmp_path_factory.mktemp("routed") / "lane") as servers:
        yield servers


@pytest.mark.parametrize(("drill", "step"), moments(SUPERVISED))
def test_a_killed_drill_of_a_supervisor_is_undone_by_the_next_run(
    routed: RoutedServers, tmp_path: Path, drill: str, step: int
) -> None:
    folder = Path(routed.environment["ROUTED_STATE"])
    before = {name: (folder / name).read_text(encoding="utf-8") for name in ("chatbot.json", "registry.json")}
    with Run(routed, tmp_path, *DRILL, f"-k={drill} and not history_due") as run:
        what = run.await_step(step)
        run.kill()
    with Run(routed, tmp_path, *DRILL, "-k=kill_recovers and redis") as following:
        assert following.end() in {0, 6}, following.output
        assert following.outcomes()["drills.kill.recovers[redis]"] == "pass", following.output
    after = {name: (folder / name).read_text(encoding="utf-8") for name in before}
    assert after == before, f"killed at: {what}\n{following.output}"
    assert not list((tmp_path / "state").rglob("journal/*")), following.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_puts_everything_back_itself(
    lively: LivelyChatbot, tmp_path: Path, number: signal.Signals
) -> None:
    before = state_of(lively)
    with Run(lively, tmp_path, *DRILL, "-k=bad-config and not history_due") as run:
        run.await_step(1)
        run.send(number)
        assert run.end() == 2, run.output
    assert state_of(lively) == before
    assert not list((tmp_path / "state").rglob("journal/*"))
    assert "HOLD" in run.output


def test_the_api_server_restarts_during_a_drill(
    control_plane: ControlPlane, lively: LivelyChatbot, tmp_path: Path
) -> None:
    before = state_of(lively)
    with Run(lively, tmp_path, *DRILL, "-k=again and not history_due") as run:
        run.await_step(0)
        time.sleep(1)  # it is waiting for the rollout
        control_plane.end_api_server()
        time.sleep(2)
        control_plane.start_api_server()
        run.end()
    assert run.outcomes()["drills.state.unchanged[rollouts/again]"] == "pass", run.output
    assert state_of(lively) == before


def test_a_dry_run_tells_the_steps_and_changes_nothing(lively: LivelyChatbot, tmp_path: Path) -> None:
    before = state_of(lively)
    with Run(lively, tmp_path, "--stage=drill", "--dry-run", "suites/drills", "-k=bad-config or colours") as run:
        run.end()
    assert set(run.outcomes().values()) == {"skip"}, run.output
    assert "1. deploy a bad version (file chatbot.json)  [needs: patch deployments.apps" in run.output
    assert "accepted by a dry run" in run.output
    assert "today it would be revision" in run.output
    assert state_of(lively) == before


@pytest.mark.skipif(not is_thorough(), reason="takes a minute and a half: GONOGO_FAULTS=all")
def test_what_cannot_be_put_back_is_told_with_the_commands(lively: LivelyChatbot, tmp_path: Path) -> None:
    with Run(lively, tmp_path, *DRILL, "--fault=clean-up-impossible", "-k=errors and not history_due") as run:
        assert run.end() == 1, run.output
    assert run.outcomes()["drills.state.unchanged[rollbacks/errors]"] == "fail"
    assert f"kubectl --context gonogo-test -n {lively.name}" in run.output
    with Run(lively, tmp_path, *DRILL, "-k=restore_works") as following:
        assert following.end() in {0, 6}, following.output
    assert not list((tmp_path / "state").rglob("journal/*"))
