"""The containers variant on a real Docker engine: the suite holds, and every container is as it was afterwards."""

import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import docker
import pytest

from embedded.programs import redis_server
from gonogo.errors import EndpointFailedError
from gonogo.faults.actors import actor_of
from gonogo.faults.containers import ACTS
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Journal
from gonogo.fixtures.containers import TARGET, ContainerDeployment
from gonogo.targets.loader import load_target
from gonogo.targets.model import Actor
from tests.calibration.conftest import GateRun
from tests.containers.engine import Engine, NoEngineError
from tests.containers.images import build_images
from tests.forked import run_pytest
from tests.servers.build import CannotBuildError, built_toxiproxy

CHECKS = (
    "(test_fallback_survives and (frozen or reset or 500)) or test_fallback_order or test_pool_survives"
    " or test_outage_survived or test_outage_told or test_cache_hit or test_cache_stored"
)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerDeployment]:
    """The deployment on an engine that ends with it, and leaves nothing outside its folder."""
    folder, links = tmp_path_factory.mktemp("containers"), network_links()
    with pytest.MonkeyPatch.context() as patch:
        try:
            with Engine(folder / "engine") as engine:
                for name, value in engine.environment.items():
                    patch.setenv(name, value)
                images = build_images(Path(redis_server()), built_toxiproxy())
                with ContainerDeployment(images, engine.bridge) as running:
                    yield running
            assert network_links() == links
            assert not (folder / "engine").exists()
            assert not list(Path("/sys/fs/cgroup").glob(f"*/{engine.bridge}"))
        except (NoEngineError, CannotBuildError) as error:
            pytest.skip(str(error))


def network_links() -> set[str]:
    """The network interfaces of this machine."""
    return {path.name for path in Path("/sys/class/net").iterdir()}


def statuses() -> dict[str, tuple[str, tuple[str, ...]]]:
    """How each container is, and on which networks it has which names."""
    client = docker.from_env()
    try:
        return {
            container.name: (
                container.status,
                tuple(
                    sorted(
                        alias
                        for network in container.attrs["NetworkSettings"]["Networks"].values()
                        for alias in network["Aliases"]
                    )
                ),
            )
            for container in client.containers.list(all=True)
        }
    finally:
        client.close()


def test_the_suite_holds_on_containers(deployment: ContainerDeployment, tmp_path: Path) -> None:
    before = statuses()
    arguments = [f"--target={TARGET}", f"--report-dir={tmp_path}", "--stage=gate", "--allow-disruptive", "-k", CHECKS]
    given = {**os.environ, **deployment.environment, "XDG_STATE_HOME": str(tmp_path / "state")}
    code = run_pytest([*arguments, "suites/routing"], given, tmp_path / "output.txt")
    ran = GateRun.read(code, (tmp_path / "output.txt").read_text(encoding="utf-8"), tmp_path)
    outcomes = {name: outcome for name, outcome in ran.outcomes().items() if outcome != "skip"}
    assert set(outcomes.values()) == {"pass"}, ran.output
    assert {"routing.fallback.survives[frozen-gateway/chat-whole]", "routing.outage.survived[frozen-whole]"} <= set(
        outcomes
    )
    assert statuses() == before


@pytest.mark.parametrize(("part", "act"), [("cache", act) for act in ACTS] + [("main", "kill"), ("main", "disconnect")])
def test_a_container_is_broken_and_put_back(
    deployment: ContainerDeployment, tmp_path: Path, part: str, act: str
) -> None:
    target = load_target(TARGET, date(2026, 11, 21), {**os.environ, **deployment.environment})
    levers = target.levers(part)
    assert levers is not None
    before, journal = statuses(), Journal(tmp_path / "journal")
    with Injector(target, journal).broken({"container": part, "act": act}):
        broken = statuses()
        assert [name for name in before if broken[name] != before[name]] == [levers.container]
        assert len(journal.unfinished()) == 1
    assert statuses() == before
    assert journal.unfinished() == []


def test_a_compose_service_is_stopped_started_and_killed(deployment: ContainerDeployment) -> None:
    """Containers with compose's labels, whoever made them: `docker compose` itself makes no others."""
    del deployment  # it brings the engine and the images
    labels = {"com.docker.compose.project": "chat", "com.docker.compose.service": "cache"}
    client = docker.from_env()
    container = client.containers.run(
        "gonogo-test-redis", [f"/usr/bin/{Path(redis_server()).name}", "--save", ""], detach=True, labels=labels,
        restart_policy={"Name": "on-failure"},
    )  # fmt: skip
    try:
        actor = actor_of(Actor("compose", project="chat"))
        assert actor.state("cache").running
        assert actor.state("cache").pid > 0
        deadline = time.monotonic() + 20
        while "Ready to accept connections" not in actor.logs("cache"):
            assert time.monotonic() < deadline, actor.logs("cache")
            time.sleep(0.1)
        actor.stop("cache")
        assert not actor.state("cache").running
        actor.start("cache")
        before = actor.state("cache")
        assert before.running
        actor.kill("cache")
        assert not actor.state("cache").running or actor.state("cache").pid != before.pid
        with pytest.raises(EndpointFailedError, match="has no container of web"):
            actor.state("web")
    finally:
        container.remove(force=True)
        client.close()
