"""The wheel as a team has it: in an environment of its own, in the team's own repository, beside the team's own checks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gonogo.resources import ROOT
from tests.calibration.servers import Servers

PYPROJECT = """\
[tool.pytest.ini_options]
testpaths = ["tests"]
gonogo_checks = ["checks"]
"""
TARGET = """\
name: acme
environment: staging
gateway:
  kind: vllm
  url: ${ACME_VLLM_URL}
  models: [{name: chat-8b}]
"""
LOAD = """\
load:
  profile: profile.yaml
  model: chat-8b
  objectives:
    ttft_ms: {p50: {warn_above: 2000, fail_above: 3000}}
    errors: {warn_above: 0.3, fail_above: 0.5}
"""
PROFILE = """\
arrivals: constant
stages: [{seconds: 4, rate_per_s: 8}]
warm_up_s: 1
timeout_s: 5
mix: [{prompts: ["Hola"], max_tokens: 4}]
"""
OWN_FIXTURES = """\
import pytest


@pytest.fixture
def greeting():
    return "Hola"
"""
OWN_CHECKS = '''\
from gonogo.fixtures.probes import Chat
from gonogo.plugin import check


@check("contract.acme.greets", severity="critical", covers=["RUNBOOK-7"], smoke=True)
def test_greets(chat: Chat, greeting: str) -> None:
    """Acme's chatbot answers a greeting."""
    assert chat.ask(greeting).text != "WRONG"
'''


class TeamServers(Servers):
    """The team's model server."""

    def start(self) -> None:
        """One scripted model."""
        self.run([sys.executable, "-m", "embedded.provider", "--dialect", "vllm", "--chat-model", "chat-8b",
                  "--port", str(self.place("vllm"))])  # fmt: skip
        self.await_health("vllm")


@dataclass(frozen=True)
class Team:
    """A team's repository, and the environment that the wheel is installed in."""

    repository: Path
    programs: Path
    environment: dict[str, str]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the environment, called in the repository."""
        return subprocess.run(
            [str(self.programs / words[0]), *words[1:]], cwd=self.repository, env=self.environment, capture_output=True,
            text=True, timeout=180, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def verdict(self) -> dict[str, Any]:
        """The latest run's verdict."""
        latest = max((self.repository / "reports" / "runs").glob("2*/verdict.json"))
        read: dict[str, Any] = json.loads(latest.read_text(encoding="utf-8"))
        return read


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment's programs. Nothing comes from the net: the packages are in uv's cache since `uv sync`."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = folder / "environment"
    uv("sync", "--locked", "--no-default-groups", "--no-install-project", UV_PROJECT_ENVIRONMENT=str(environment))
    uv("build", "--wheel", "--out-dir", str(folder))
    wheel = next(folder.glob("*.whl"))
    uv("pip", "install", "--no-deps", "--python", str(environment), str(wheel))
    return environment / "bin"


def uv(*words: str, **environment: str) -> None:
    """A call of uv that keeps away from the net."""
    given = {**os.environ, **environment}
    done = subprocess.run(
        ["uv", "-q", "--offline", *words], cwd=ROOT, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def servers() -> Iterator[TeamServers]:
    """The team's deployment."""
    with TeamServers("ACME") as running:
        yield running


@pytest.fixture
def team(programs: Path, servers: TeamServers, tmp_path: Path) -> Team:
    """A repository with a target, tests and checks of its own."""
    files = {
        "pyproject.toml": PYPROJECT,
        "target.yaml": TARGET,
        "profile.yaml": PROFILE,
        "conftest.py": OWN_FIXTURES,
        "checks/test_acme.py": OWN_CHECKS,
        "tests/test_unit.py": "def test_unit(tmp_path):\n    assert tmp_path.exists()\n",
    }
    for name, text in files.items():
        file = tmp_path / "repository" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    given = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "VIRTUAL"))}
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "NO_COLOR": "1"}
    return Team(tmp_path / "repository", programs, {**given, **servers.environment, **state})


def test_own_checks_count_beside_the_shipped_ones(team: Team) -> None:
    done = team.call("pytest", "--target", "target.yaml", "--stage", "smoke")
    outcomes = {check["name"]: check["outcome"] for check in team.verdict()["checks"]}
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes["contract.acme.greets[gateway/chat-8b]"] == "pass"
    assert outcomes["contract.stream.terminates[gateway/chat-8b]"] == "pass"
    assert not any("unit" in name for name in outcomes)


def test_an_own_check_that_fails_is_a_no_go(team: Team) -> None:
    checks = team.repository / "checks" / "test_acme.py"
    checks.write_text(OWN_CHECKS.replace('!= "WRONG"', '== "WRONG"'), encoding="utf-8")
    done = team.call(
        "pytest",
        "--target",
        "target.yaml",
        "--stage",
        "smoke",
        "--check",
        "contract.acme.greets",
        "--check",
        "contract.stream.terminates[gateway/chat-8b]",
    )
    verdict = team.verdict()
    failed = [check["name"] for check in verdict["checks"] if check["outcome"] == "fail"]
    assert (done.returncode, verdict["decision"], failed) == (1, "NO-GO", ["contract.acme.greets[gateway/chat-8b]"])


def test_load_is_sent_from_the_wheel(team: Team) -> None:
    with (team.repository / "target.yaml").open("a", encoding="utf-8") as target:
        target.write(LOAD)
    done = team.call("pytest", "--target", "target.yaml", "--stage", "smoke", "--check", "load.ttft.holds")
    judged = next(check for check in team.verdict()["checks"] if check["name"] == "load.ttft.holds[ttft_ms.p50]")
    assert judged["outcome"] == "pass" or "the generator was starved" in judged["reason"], done.stdout + done.stderr
    assert judged["rerun"] == "pytest --target=target.yaml --stage=smoke --check 'load.ttft.holds[ttft_ms.p50]'"


def test_shipped_suites_by_their_package_name(team: Team) -> None:
    done = team.call(
        "pytest", "--target", "target.yaml", "--stage", "smoke", "--pyargs", "gonogo.suites.contract", "-n", "2"
    )
    names = {check["id"] for check in team.verdict()["checks"] if check["outcome"] == "pass"}
    assert "contract.stream.terminates" in names, done.stdout + done.stderr
    assert "contract.acme.greets" not in names


def test_the_teams_own_tests_are_left_alone(team: Team) -> None:
    done = team.call("pytest")
    assert "1 passed" in done.stdout
    assert "gonogo:" not in done.stdout
    assert not (team.repository / "reports").exists()


def test_checks_are_explained_and_listed(team: Team) -> None:
    explained = team.call("pytest", "--explain", "contract.acme.greets", "--target", "target.yaml")
    listed = team.call("pytest", "--catalog", "catalog.json", "--pyargs", "gonogo.suites")
    catalog = json.loads((team.repository / "catalog.json").read_text(encoding="utf-8"))
    assert "Acme's chatbot answers a greeting" in explained.stdout, explained.stdout + explained.stderr
    assert len(catalog["checks"] if isinstance(catalog, dict) else catalog) > 200, listed.stdout


def test_without_a_target_there_is_nothing_to_judge(team: Team) -> None:
    done = team.call("pytest", "--pyargs", "gonogo.suites")
    assert done.returncode == 4
    assert "name the deployment to judge: --target=FILE" in done.stdout + done.stderr


def test_a_folder_of_own_checks_that_is_not_there(team: Team) -> None:
    settings = team.repository / "pyproject.toml"
    settings.write_text(PYPROJECT.replace('"checks"', '"cheques"'), encoding="utf-8")
    done = team.call("pytest", "--target", "target.yaml")
    assert done.returncode == 4
    assert "gonogo_checks of" in done.stdout + done.stderr
