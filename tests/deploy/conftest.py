"""The wheel, installed once, and a team's repository for each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.team import (
    OF_THE_APPLICATION,
    OWN_CHECKS,
    OWN_FIXTURES,
    PROFILE,
    PYPROJECT,
    TARGET,
    Team,
    TeamServers,
    install_wheel,
)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of the environment with the wheel."""
    return install_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def team_servers() -> Iterator[TeamServers]:
    """The team's deployment."""
    with TeamServers("ACME") as running:
        yield running


@pytest.fixture
def team(programs: Path, team_servers: TeamServers, tmp_path: Path) -> Team:
    """A repository with a target, tests and checks of its own."""
    files = {
        "pyproject.toml": PYPROJECT,
        "target.yaml": TARGET,
        "profile.yaml": PROFILE,
        "conftest.py": OF_THE_APPLICATION,
        "checks/conftest.py": OWN_FIXTURES,
        "checks/test_acme.py": OWN_CHECKS,
        "tests/test_unit.py": "def test_unit(tmp_path):\n    assert tmp_path.exists()\n",
    }
    for name, text in files.items():
        file = tmp_path / "repository" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    given = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "VIRTUAL"))}
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "NO_COLOR": "1"}
    return Team(tmp_path / "repository", programs, {**given, **team_servers.environment, **state})
