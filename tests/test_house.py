"""The house keeps its own rules: coverage of CHECKS.md, generated pages, the schema of the target."""

import importlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from _pytest.fixtures import FixtureFunctionDefinition
from jsonschema import Draft202012Validator

from docs.tools.check_reference import PAGE, read_catalog, read_rows, render
from gonogo.documents import load_document, validate
from gonogo.faults.catalogue import all_faults
from gonogo.fixtures import MODULES
from gonogo.model import SUITES
from gonogo.resources import ROOT, folder, schema
from gonogo.targets.loader import SCHEMA
from tests import lanes

CHECKS = ROOT.parent / "shared" / "CHECKS.md"
"""The list of rows, where the checkout has it beside it."""


@pytest.fixture(scope="module")
def catalog() -> list[dict[str, Any]]:
    return read_catalog()


def test_every_row_is_covered_or_listed_as_open(catalog: list[dict[str, Any]]) -> None:
    covered = {row for entry in catalog for row in entry["covers"]}
    rows = {row["id"]: row for row in read_rows()}
    assert covered <= set(rows)
    shown = {name for name, row in rows.items() if row.get("open", "").startswith("all of it") or "by" in row}
    silent = sorted(set(rows) - covered - shown)
    untrue = [name for name, row in rows.items() if name in covered and row.get("open", "").startswith("all of it")]
    assert (silent, untrue) == ([], [])
    named = [file for row in rows.values() for file in row.get("by", "").split(", ") if file]
    assert [file for file in named if not (ROOT / file).is_file()] == []


@pytest.mark.skipif(not CHECKS.exists(), reason="shared/CHECKS.md is not beside this checkout")
def test_rows_are_those_of_checks_md() -> None:
    wanted = re.findall(r"^\| ([A-Z]\d+[a-z]?) \|", CHECKS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [row["id"] for row in read_rows()] == wanted


def test_no_fixture_takes_the_place_of_another() -> None:
    """Of two with one name pytest takes the one that was loaded last, and says nothing."""
    modules = [importlib.import_module(name) for name in MODULES]
    fixtures = [(module, found) for module in modules for found in vars(module).values()]
    homes = Counter(
        found.name
        for module, found in fixtures
        if isinstance(found, FixtureFunctionDefinition) and found.__module__ == module.__name__
    )
    assert [name for name, count in homes.items() if count > 1] == []
    assert len(homes) > 100


def test_every_check_has_a_fault_and_every_fault_a_check(catalog: list[dict[str, Any]]) -> None:
    ids = {entry["id"] for entry in catalog}
    assert [entry["id"] for entry in catalog if not entry["faults"]] == []
    named = {name for fault in all_faults().values() for name in (fault.primary, *fault.cascades)}
    assert named - ids == set()


def test_suites_have_enough_checks(catalog: list[dict[str, Any]]) -> None:
    counts = {suite: sum(entry["suite"] == suite for entry in catalog) for suite in SUITES}
    wanted = ("artifacts", "config", "contract", "routing", "output", "monitoring", "security", "load")
    assert {suite: counts[suite] for suite in wanted if counts[suite] < 3} == {}
    assert counts["drills"] >= 1


def test_the_check_reference_is_up_to_date(catalog: list[dict[str, Any]]) -> None:
    assert PAGE.read_text(encoding="utf-8") == render(catalog, read_rows()), (
        "uv run python -m docs.tools.check_reference"
    )


@pytest.mark.parametrize("file", sorted((folder("fixtures") / "schemas").glob("*.json")), ids=lambda file: file.name)
def test_schemas_are_schemas(file: Path) -> None:
    Draft202012Validator.check_schema(load_document(file).value)


def test_profiles_of_endpoints_are_valid(catalog: list[dict[str, Any]]) -> None:
    document = load_document(folder("fixtures") / "profiles.yaml")
    assert validate(document, schema("profiles")) == []
    assert set(document.value) <= set(SCHEMA["$defs"]["endpoint"]["properties"]["kind"]["enum"])
    known = {entry["id"] for entry in catalog}
    assert {item["check"] for profile in document.value.values() for item in profile.get("deviations", ())} <= known
    features = schema("profiles")["additionalProperties"]["properties"]["promises"]["items"]["enum"]
    assert features == SCHEMA["$defs"]["feature"]["enum"]


def test_readme_commands_and_options_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install uv && uv run pytest" in readme
    assert "uv run pytest tests" in readme
    options = (ROOT / "src" / "gonogo" / "plugin" / "options.py").read_text(encoding="utf-8")
    named = set(
        re.findall(
            r"--(?:target|stage|allow-disruptive|change|strict|report-dir|fault|catalog|verify|against|answers|dry-run|check|explain|keep-runs|save-baseline)\b",
            readme,
        )
    )
    assert named == {f"--{n}" for n in re.findall(r'addoption\(\s*"--([a-z-]+)"', options)} - {"--lock-timeout"} | {
        "--strict"
    }


def test_ci_runs_the_readmes_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in (
        "uv run pytest tests",
        "uv run pytest",
        "ruff check",
        "ruff format --check",
        "mypy",
        "lint-imports",
    ):
        assert command in script


def test_what_the_lanes_name_is_there() -> None:
    assert [name for name in lanes.ORDER if not (ROOT / "tests" / f"{name}.py").is_file()] == []
    assert len(set(lanes.ORDER)) == len(lanes.ORDER)
