"""A team's own repository, and the wheel in an environment of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.resources import ROOT
from tests.calibration.servers import Servers

PYPROJECT = """\
[tool.pytest.ini_options]
testpaths = ["tests"]
"""
TARGET = """\
name: acme
environment: staging
gateway:
  kind: vllm
  url: ${ACME_VLLM_URL}
  models: [{name: chat-8b}]
checks: ['${ACME_CHECKS:-checks}']
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
OF_THE_APPLICATION = """\
import pytest

pytest.importorskip("acme_application_that_is_not_installed")


@pytest.fixture
def client():
    return "an application's test client, by the name of one of the gate's own fixtures"
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


def install_wheel(folder: Path) -> Path:
    """The programs of a new environment with the wheel; nothing comes from the net: `uv sync` has filled uv's cache."""
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
