"""The plugin, from the command line to the exit code, on checks that need no network."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gonogo.plugin.options import joined_arguments
from tests.plugin.conftest import CHECKS, Run, env_of, write_checks, write_target


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_five_outcomes(run: Run, workers: list[str]) -> None:
    ran = run("--target=target.yaml", "test_own.py", *workers)
    wanted = {
        "passes": "pass",
        "warns": "warn",
        "fails": "fail",
        "undecided": "inconclusive",
        "starved": "inconclusive",
    }
    wanted |= {"crashes": "inconclusive", "undeclared": "skip"}
    assert {name: ran.outcome(f"config.a.{name}") for name in wanted} == wanted
    assert ran.outcome("drills.a.breaks") == "skip"
    assert ran.verdict is not None
    assert ran.verdict["decision"] == "GO WITH CAVEATS"
    assert ran.code == 0


def test_no_secret_in_any_report(run: Run, project: Path) -> None:
    ran = run("--target=target.yaml", "test_own.py", "-v")
    assert "0123456789abcdef" not in ran.output
    for file in project.glob("reports/runs/*/*"):
        assert b"0123456789abcdef" not in file.read_bytes(), file


def test_strict_and_no_go_and_hold(run: Run, project: Path) -> None:
    assert run("--target=target.yaml", "test_own.py", "--strict").code == 1
    write_checks(project, "FAILS", "critical")
    assert run("--target=target.yaml", "test_own.py").code == 1
    write_checks(project, "no", "critical")
    assert run("--target=target.yaml", "test_own.py", "-k", "passes").code == 0
    write_target(project, extra="required: [load]")
    ran = run("--target=target.yaml", "test_own.py", "-k", "passes")
    assert (ran.code, "required suite load ran no check" in ran.output) == (6, True)


def test_an_ordinary_test_that_fails_is_not_passed_over(run: Run, project: Path) -> None:
    write_checks(project, "no", "critical")
    (project / "test_plain.py").write_text("def test_forgotten_decorator():\n    assert 1 == 2\n", encoding="utf-8")
    ran = run("--target=target.yaml", "test_own.py", "test_plain.py")
    assert ran.verdict is not None
    assert (ran.code, ran.verdict["decision"], "test_forgotten_decorator" in ran.output) == (6, "HOLD", True)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_what_the_command_line_left_out_is_a_caveat(run: Run, workers: list[str]) -> None:
    ran = run("--target=target.yaml", "test_own.py", "-k", "passes", *workers)
    assert ran.verdict is not None
    left_out = {c["id"] for c in ran.verdict["checks"] if c["skip_kind"] == "not-selected"}
    assert left_out == {
        f"config.a.{n}" for n in ("warns", "fails", "undecided", "starved", "crashes", "undeclared")
    } | {"drills.a.breaks"}
    assert ran.verdict["decision"] == "GO WITH CAVEATS"


def test_a_target_that_changes_during_the_run_holds(run: Run, project: Path) -> None:
    text = CHECKS.replace("FAILS", "no").replace("SEVERITY", "critical")
    change = 'open("gateway.yaml", "a").write("# edited")'
    (project / "test_own.py").write_text(text.replace('"""It holds."""', f'"""It holds."""\n    {change}'), "utf-8")
    ran = run("--target=target.yaml", "test_own.py")
    assert (ran.code, "changed during the run" in ran.output) == (6, True)


def test_another_plugins_order_does_not_put_drills_first(run: Run, project: Path) -> None:
    reversing = "def pytest_collection_modifyitems(items):\n    items.reverse()\n"
    (project / "conftest.py").write_text(reversing, encoding="utf-8")
    ran = run("--target=target.yaml", "test_own.py", "--allow-disruptive")
    assert ran.output.index("config.a.undeclared") < ran.output.index("config.a.passes") < ran.output.index("drills.a.")


LEFT = '''
import pytest
from gonogo.errors import InconclusiveError
from gonogo.plugin import check

@pytest.fixture
def broken():
    yield
    raise InconclusiveError("the file could not be put back")

@check("config.a.fails", severity="critical", covers=["D1"], permission="static")
def test_fails(broken):
    """It does not hold."""
    pytest.fail("it does not hold")
'''


def test_a_fail_does_not_hide_what_was_not_put_back(run: Run, project: Path) -> None:
    (project / "test_left.py").write_text(LEFT, encoding="utf-8")
    ran = run("--target=target.yaml", "test_left.py")
    assert ran.verdict is not None
    (told,) = (check for check in ran.verdict["checks"] if check["id"] == "config.a.fails")
    assert (ran.code, told["outcome"]) == (1, "fail")
    assert told["reason"] == "it does not hold\nalso inconclusive: the file could not be put back"
    write_target(project, extra="waivers: [{check: config.a.fails, reason: known, owner: ana, expires: 2099-01-01}]")
    ran = run("--target=target.yaml", "test_left.py")
    assert ran.verdict is not None
    assert (ran.code, "could not be put back" in ran.verdict["reasons"][0]) == (1, True)


def test_waiver(run: Run, project: Path) -> None:
    write_checks(project, "FAILS", "critical")
    waiver = "{check: config.a.fails, reason: known, owner: ana, expires: 2099-01-01}"
    write_target(project, extra=f"waivers: [{waiver}]")
    ran = run("--target=target.yaml", "test_own.py")
    assert (ran.code, "waived by ana" in ran.output) == (0, True)


@pytest.mark.parametrize("option", ["--target", "--verify", "--catalog", "--explain", "--answers", "--against"])
def test_an_option_whose_variable_is_not_set_is_no_wish_to_judge_nothing(run: Run, project: Path, option: str) -> None:
    write_checks(project, "PASSES", "minor")
    ran = run(f"{option}=", "test_own.py")
    assert (ran.code, f"argument {option}: is empty" in ran.output) == (4, True), ran.output


@pytest.mark.parametrize("checks", ["", "5", "{a: b}"])
def test_own_checks_that_are_no_list(run: Run, project: Path, checks: str) -> None:
    write_checks(project, "PASSES", "minor")
    write_target(project, extra=f"checks: {checks}")
    ran = run("--target=target.yaml")
    assert (ran.code, "name what to collect" in ran.output) == (4, True), ran.output
    ran = run("--target=target.yaml", "test_own.py")
    assert (ran.code, "checks: must be array" in ran.output) == (4, True), ran.output


def test_disruptive_only_with_permission(run: Run, project: Path) -> None:
    assert run("--target=target.yaml", "test_own.py", "--allow-disruptive").outcome("drills.a.breaks") == "pass"
    assert run("--target=target.yaml", "test_own.py", "--stage=ci").verdict is not None
    write_target(project, "production", "allow_disruptive: true")
    ran = run("--target=target.yaml", "test_own.py", "--allow-disruptive")
    assert (ran.code, "--change" in ran.output) == (4, True)
    ran = run("--target=target.yaml", "test_own.py", "--allow-disruptive", "--change=CHG-7")
    assert ran.verdict is not None
    assert (ran.outcome("drills.a.breaks"), ran.verdict["change_id"]) == ("pass", "CHG-7")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--stage=gate"], "--stage needs --target"),
        (["--target=none.yaml", "test_own.py"], "cannot be read"),
        (
            ["--target=broken.yaml", "test_own.py"],
            "broken.yaml:3:1: gatway: unknown key 'gatway' (did you mean 'gateway'?)",
        ),
        (["--target=target.yaml", "--report-dir=/proc/nope", "test_own.py"], "cannot be written"),
        (["--target=target.yaml", "--fault=nope", "--allow-disruptive", "test_own.py"], "no fault is called 'nope'"),
        (["--target=target.yaml", "--fault=no-auth", "test_own.py"], "add --allow-disruptive"),
        (["--verify=none.json"], "--verify needs --target"),
        (["--verify=none.json", "--target=target.yaml"], "not a readable verdict.json"),
    ],
)
def test_bad_input_is_a_usage_error(run: Run, project: Path, arguments: list[str], wanted: str) -> None:
    (project / "broken.yaml").write_text("name: x\nenvironment: staging\ngatway: {}\n", encoding="utf-8")
    ran = run(*arguments)
    assert wanted in ran.output
    assert ran.code == 4


@pytest.mark.parametrize("form", [["--target={}"], ["--target", "{}"]], ids=["one-word", "two-words"])
@pytest.mark.parametrize("place", ["inside", "outside", "root"])
def test_target_in_both_forms_from_any_directory(
    run: Run, project: Path, form: list[str], place: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "target.yaml").write_text((project / "target.yaml").read_text("utf-8"), encoding="utf-8")
    cwd, file, tests = {
        "inside": (project, "target.yaml", "test_own.py"),
        "outside": (project, str(outside / "target.yaml"), "test_own.py"),
        "root": (Path("/"), str(outside / "target.yaml"), str(project / "test_own.py")),
    }[place]
    arguments = [word.format(file) for word in form]
    ran = run(*arguments, "-k", "passes", tests, "--report-dir", str(project / "runs"), cwd=cwd)
    assert (ran.code, ran.outcome("config.a.passes")) == (0, "pass"), ran.output
    assert f"rootdir: {project}" in ran.output


def test_arguments_are_joined() -> None:
    assert joined_arguments(["-n", "2", "--target", "f", "--stage", "ci"]) == ["-n", "2", "--target=f", "--stage", "ci"]
    assert joined_arguments(["--target"]) == ["--target"]


def test_verify(run: Run, project: Path) -> None:
    ran = run("--target=target.yaml", "test_own.py", "-k", "passes")
    verdict = next(project.glob("reports/runs/*/verdict.json"))
    verify = ("--target=target.yaml", f"--verify={verdict}")
    assert (ran.code, run(*verify).code) == (0, 0)
    (project / "gateway.yaml").write_text("model_list: [changed]\n", encoding="utf-8")
    changed = run(*verify)
    assert (changed.code, "gateway config digest differs" in changed.output) == (1, True)
    (project / "gateway.yaml").write_text("model_list: []\n", encoding="utf-8")
    raw = json.loads(verdict.read_text(encoding="utf-8"))
    for field, value, wanted in (
        ("demo", True, "DEMO"),
        ("fault", "no-auth", "the fault no-auth was switched on"),
        ("decision", "HOLD", "the verdict is HOLD"),
        ("stage", "oncall", "the verdict is of the stage oncall, not gate"),
        ("valid_until", "2020-01-01T00:00:00+00:00", "was valid until"),
    ):
        verdict.write_text(json.dumps({**raw, field: value}), encoding="utf-8")
        refused = run(*verify)
        assert (refused.code, wanted in refused.output) == (1, True)


def test_a_worker_that_crashes_is_inconclusive(run: Run, project: Path) -> None:
    text = CHECKS.replace("FAILS", "no").replace("SEVERITY", "critical")
    text = text.replace('    """It holds."""', '    """It holds."""\n    os._exit(3)')
    (project / "test_own.py").write_text(text, encoding="utf-8")
    ran = run("--target=target.yaml", "test_own.py", "-n", "1")
    assert ran.outcome("config.a.passes") == "inconclusive"
    assert ran.verdict is not None
    assert ran.verdict["decision"] == "HOLD"


def test_a_run_that_only_lists_leaves_nothing(run: Run, project: Path) -> None:
    ran = run("--target=target.yaml", "test_own.py", "--collect-only", "-q")
    assert (ran.code, "test_passes" in ran.output) == (0, True)
    assert list((project / "reports" / "runs").glob("2*")) == []


def test_an_ordinary_test_that_ends_its_worker_is_not_passed_over(run: Run, project: Path) -> None:
    write_checks(project, "no", "critical")
    (project / "test_plain.py").write_text("import os\ndef test_plain():\n    os._exit(3)\n", encoding="utf-8")
    ran = run("--target=target.yaml", "test_own.py", "test_plain.py", "-n", "1")
    assert ran.verdict is not None
    assert (ran.verdict["decision"], "test_plain.py::test_plain" in ran.verdict["interrupted"]) == ("HOLD", True)


def test_budget(run: Run, project: Path) -> None:
    write_target(project, extra="budget: {requests: 2}\ngateway: {kind: openai, url: 'http://127.0.0.1:9'}")
    (project / "test_own.py").write_text(
        CHECKS.replace("FAILS", "no").replace("SEVERITY", "critical")
        + '''
@check("contract.a.spends", severity="critical", covers=["C1"])
def test_spends(request):
    """Spends."""
    from gonogo.plugin import gate_of
    for _ in range(3):
        gate_of(request.config).ledger.spend(1, 0)
''',
        encoding="utf-8",
    )
    ran = run("--target=target.yaml", "test_own.py")
    assert ran.outcome("contract.a.spends") == "inconclusive"
    assert "budget of 2 requests" in ran.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_keeps_what_it_measured(project: Path, number: signal.Signals) -> None:
    text = CHECKS.replace("FAILS", "no").replace("SEVERITY", "critical")
    text = text.replace('"""Nobody knows."""', '"""Nobody knows."""\n    open("waiting", "w").close(); time.sleep(30)')
    (project / "test_own.py").write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--target=target.yaml", "test_own.py"],
        cwd=project,
        env=env_of(project),
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (project / "waiting").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=20)
    verdict = json.loads(next(project.glob("reports/runs/*/verdict.json")).read_text(encoding="utf-8"))
    outcomes = {check["id"]: check["outcome"] for check in verdict["checks"]}
    assert process.returncode == 2
    assert (verdict["decision"], verdict["interrupted"] != "") == ("HOLD", True)
    assert (outcomes["config.a.passes"], outcomes["config.a.crashes"]) == ("pass", "inconclusive")


def test_catalog(run: Run, project: Path) -> None:
    ran = run("--catalog=catalog.json", "test_own.py")
    catalog = json.loads((project / "catalog.json").read_text(encoding="utf-8"))
    assert ran.code == 0
    assert [entry["id"] for entry in catalog] == sorted(entry["id"] for entry in catalog)
    assert catalog[0] == {
        "id": "config.a.crashes",
        "title": "The gate's own error",
        "suite": "config",
        "severity": "minor",
        "permission": "static",
        "covers": ["D1"],
        "faults": [],
    }
    assert ran.verdict is None


def test_an_ordinary_run_is_left_alone(run: Run, project: Path) -> None:
    (project / "test_plain.py").write_text("def test_x():\n    assert True\n", encoding="utf-8")
    ran = run("test_plain.py")
    assert (ran.code, ran.verdict, "1 passed" in ran.output) == (0, None, True)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 4, "add --change ID"),
        (["--stage=drill"], 4, "add --change ID"),
        (["--change=CHG-7"], 0, "change-record.md"),
        (["--stage=ci"], 0, "verdict.json"),
    ],
)
def test_a_run_that_decides_on_production_names_its_change(
    run: Run, project: Path, words: list[str], code: int, told: str
) -> None:
    write_target(project, "production")
    ran = run("--target=target.yaml", "test_own.py::test_passes", *words)
    assert (ran.code, told in ran.output) == (code, True), ran.output


def test_a_failed_critical_check_names_who_is_called_and_how_fast(run: Run, project: Path) -> None:
    write_checks(project, "yes", "critical")
    write_target(project, extra="escalation: {config: {who: Ana, within_min: 5}}")
    ran = run("--target=target.yaml", "test_own.py")
    assert ran.output.count("escalate to: Ana, within 5 min") == 1
    (summary,) = project.glob("reports/runs/*/summary.md")
    assert "config.a.fails: Ana, within 5 min" in summary.read_text(encoding="utf-8")
