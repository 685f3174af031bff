"""The wheel as a team has it: in an environment of its own, in the team's own repository, beside the team's own checks."""

import json
from pathlib import Path

import pytest

from tests.deploy.team import LOAD, OF_THE_APPLICATION, OWN_CHECKS, Team


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
    (team.repository / "conftest.py").unlink()
    done = team.call(
        "pytest", "--target", "target.yaml", "--stage", "smoke", "--pyargs", "gonogo.suites.contract", "-n", "2"
    )
    verdict = team.verdict()
    assert verdict["command"] == "pytest --target=target.yaml --stage=smoke"
    names = {check["id"] for check in verdict["checks"] if check["outcome"] == "pass"}
    assert "contract.stream.terminates" in names, done.stdout + done.stderr
    assert "contract.acme.greets" not in names


def test_own_checks_that_are_left_out_are_a_hold(team: Team) -> None:
    (team.repository / "conftest.py").unlink()
    team.call("pytest", "--target", "target.yaml", "--stage", "smoke", "--pyargs", "gonogo.suites.contract")
    left_out = f"of the target's own checks in {team.repository / 'checks'} none was collected"
    assert left_out in team.verdict()["reasons"]


def test_the_teams_own_tests_are_left_alone(team: Team) -> None:
    (team.repository / "conftest.py").unlink()
    done = team.call("pytest")
    assert "1 passed" in done.stdout
    assert "gonogo:" not in done.stdout
    assert not (team.repository / "reports").exists()


def test_no_fixture_of_the_application_stands_in_for_the_gates(team: Team) -> None:
    fixtures = OF_THE_APPLICATION.replace('pytest.importorskip("acme_application_that_is_not_installed")', "")
    (team.repository / "conftest.py").write_text(fixtures, encoding="utf-8")
    told = team.call("pytest", "--target", "target.yaml", "--stage", "smoke", "--pyargs", "gonogo.suites", "-n", "1")
    assert told.returncode == 4
    assert f"the fixture 'client' of {team.repository / 'conftest.py'}" in told.stdout + told.stderr


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_check_that_is_not_there(team: Team, workers: str) -> None:
    done = team.call(
        "pytest", "--target", "target.yaml", "--stage", "smoke", "--check", "contract.acme.greet", "-n", workers
    )
    assert done.returncode == 4
    assert "no check of this stage and target is called 'contract.acme.greet'" in done.stdout + done.stderr
    assert "did you mean 'contract.acme.greets'?" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("waived", "workers", "code", "told"),
    [
        ("contract.acme.greets[gateway/chat-8b]", "0", 6, "1 passed"),  # a HOLD: most was left out
        ("contract.acme.greets[gateway/chat-8]", "0", 4, "(did you mean 'contract.acme.greets[gateway/chat-8b]'?)"),
        (
            "contract.stream.terminate",
            "2",
            4,
            "names no check of this target (did you mean 'contract.stream.terminates'",
        ),
    ],
)
def test_a_waiver_names_a_check_that_there_is(team: Team, waived: str, workers: str, code: int, told: str) -> None:
    with (team.repository / "target.yaml").open("a", encoding="utf-8") as target:
        target.write(f"waivers: [{{check: '{waived}', reason: known, owner: ana, expires: 2099-01-01}}]\n")
    done = team.call(
        "pytest", "--target", "target.yaml", "--stage", "smoke", "--check", "contract.acme.greets", "-n", workers
    )
    assert (done.returncode, told in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


@pytest.mark.parametrize("option", ["--check=contract.acme.greets", "--allow-disruptive", "--change=CHG-1"])
def test_options_of_the_gate_without_a_deployment(team: Team, option: str) -> None:
    (team.repository / "conftest.py").unlink()
    done = team.call("pytest", option)
    assert done.returncode == 4
    assert "needs --target=FILE" in done.stdout + done.stderr


def test_help_tells_the_options(team: Team) -> None:
    done = team.call("pytest", "--help", "--target", "target.yaml")
    assert done.returncode == 0, done.stderr
    assert [option for option in ("--target", "--check", "--stage") if f"  {option}" not in done.stdout] == []


def test_fixtures_are_listed_and_nothing_is_judged(team: Team) -> None:
    done = team.call("pytest", "--fixtures", "--target", "target.yaml")
    assert done.returncode == 0
    assert "\nchat -- " in done.stdout
    assert not (team.repository / "reports").exists()


def test_checks_are_explained_and_listed(team: Team) -> None:
    explained = team.call("pytest", "--explain", "contract.acme.greets", "--target", "target.yaml")
    (team.repository / "conftest.py").unlink()
    listed = team.call("pytest", "--catalog", "catalog.json", "--pyargs", "gonogo.suites")
    catalog = json.loads((team.repository / "catalog.json").read_text(encoding="utf-8"))
    assert "Acme's chatbot answers a greeting" in explained.stdout, explained.stdout + explained.stderr
    assert len(catalog) > 200, listed.stdout


def test_without_a_target_there_is_nothing_to_judge(team: Team) -> None:
    (team.repository / "conftest.py").unlink()
    done = team.call("pytest", "--pyargs", "gonogo.suites")
    assert done.returncode == 4
    assert "name the deployment to judge: --target=FILE" in done.stdout + done.stderr


def test_a_folder_of_own_checks_that_is_not_there(team: Team) -> None:
    target = team.repository / "target.yaml"
    target.write_text(target.read_text(encoding="utf-8").replace(":-checks", ":-cheques"), encoding="utf-8")
    done = team.call("pytest", "--target", "target.yaml")
    assert done.returncode == 4
    assert "there is no folder 'cheques'" in done.stdout + done.stderr


def test_what_is_of_use_in_a_checkout_only_is_not_shipped(programs: Path) -> None:
    (package,) = programs.parent.glob("lib/python*/site-packages/gonogo")
    assert [
        name for name in ("embedded.py", "containers.py", "deployments") if (package / "fixtures" / name).exists()
    ] == []
    assert (package / "fixtures" / "schemas").is_dir()
