"""A team's own project in miniature, and the gate on it as a process of its own."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import forked

CHECKS = '''
import os, time, pytest
from gonogo.errors import EndpointFailedError, InconclusiveError, InWarningBand, NotDeclared, StarvedError
from gonogo.plugin import check

@check("config.a.passes", severity="critical", covers=["D1"], permission="static")
def test_passes():
    """It holds."""

@check("config.a.warns", severity="major", covers=["D1"], permission="static")
def test_warns():
    """It holds, barely."""
    raise InWarningBand("0.12 is in the band")

@check("config.a.fails", severity="SEVERITY", covers=["D1"], permission="static")
def test_fails():
    """It does not hold."""
    secret = os.environ["THE_KEY"]
    assert "FAILS" == "no", f"saw {secret}"

@check("config.a.undecided", severity="minor", covers=["D1"], permission="static")
def test_undecided():
    """Nobody knows."""
    raise InconclusiveError("the name does not resolve")

@check("config.a.starved", severity="minor", covers=["D1"], permission="static")
def test_starved():
    """Nobody knows, since this machine was busy."""
    raise StarvedError("no answer in time, and no processor")

@check("config.a.crashes", severity="minor", covers=["D1"], permission="static")
def test_crashes():
    """The gate's own error."""
    {}["missing"]

@check("config.a.undeclared", severity="minor", covers=["D1"], permission="static")
def test_undeclared():
    """Not there."""
    raise NotDeclared("the target declares no such thing")

@check("drills.a.breaks", severity="critical", covers=["G6"], permission="disruptive")
def test_breaks():
    """Breaks something."""
'''
TARGET = """\
name: mini
environment: ENVIRONMENT
config: {gateway: gateway.yaml}
EXTRA
"""


@dataclass(frozen=True)
class Ran:
    """A finished pytest process."""

    code: int
    output: str
    verdict: dict[str, Any] | None

    def outcome(self, check_id: str) -> str:
        assert self.verdict is not None
        return next(str(check["outcome"]) for check in self.verdict["checks"] if check["id"] == check_id)


Run = Callable[..., Ran]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A team's own checks and a target that needs no network."""
    write_checks(tmp_path, "FAILS", "minor")
    (tmp_path / "gateway.yaml").write_text("model_list: []\n", encoding="utf-8")
    write_target(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:locust -p no:valkey -p no:cacheprovider\n", "utf-8")
    return tmp_path


def write_checks(folder: Path, fails: str, severity: str) -> None:
    text = CHECKS.replace("FAILS", fails).replace("SEVERITY", severity)
    (folder / "test_own.py").write_text(text, encoding="utf-8")


def write_target(folder: Path, environment: str = "staging", extra: str = "") -> None:
    text = TARGET.replace("ENVIRONMENT", environment).replace("EXTRA", extra)
    (folder / "target.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run pytest there in a process of its own."""

    def run_pytest(
        *arguments: str, cwd: Path = project, before: Callable[[], None] | None = None, **environment: str
    ) -> Ran:
        output = tmp_path_factory.mktemp("run") / "output.txt"
        code = forked.run_pytest(arguments, env_of(project) | environment, output, cwd, before)
        told = output.read_text(encoding="utf-8")
        found = sorted(project.glob("**/verdict.json"))
        verdict = json.loads(found[-1].read_text(encoding="utf-8")) if found else None
        assert "Traceback" not in told.replace("Traceback of the check", ""), told
        return Ran(code, told, verdict)

    return run_pytest


def env_of(project: Path) -> dict[str, str]:
    return {**os.environ, "THE_KEY": "sk-0123456789abcdef", "XDG_STATE_HOME": str(project / "state")}
