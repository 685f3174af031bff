"""The templates for GitHub Actions and GitLab CI: read by their own tools, and their scripts run on the installed wheel."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from gonogo.resources import ROOT
from tests.deploy.team import Team
from tests.published import schema_with
from tests.servers.build import CannotBuildError, built_actionlint

GITHUB, GITLAB = ROOT / "deploy" / "github", ROOT / "deploy" / "gitlab" / "gonogo.gitlab-ci.yml"


@pytest.mark.parametrize(
    ("file", "head"),
    [
        (GITHUB / "action.yml", "actions/creating-actions/metadata-syntax-for-github-actions"),
        (GITHUB / "promote.yml", "workflow-syntax-for-github-actions"),
        (GITLAB, "https://gitlab.com/.gitlab-ci.yml"),
    ],
    ids=["action", "workflow", "gitlab"],
)
def test_it_is_as_its_schema_wants(file: Path, head: str) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    if True in document:
        document["on"] = document.pop(True)  # YAML 1.1 reads the key `on` as a boolean
    assert [error.message for error in Draft7Validator(schema_with(head)).iter_errors(document)] == []


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    try:
        actionlint = built_actionlint()
    except CannotBuildError as error:
        pytest.skip(str(error))
    repository = tmp_path / "repository"
    (repository / ".github" / "workflows").mkdir(parents=True)
    (repository / ".git").mkdir()
    shutil.copytree(GITHUB, repository / "deploy" / "github")
    workflow = (GITHUB / "promote.yml").read_text(encoding="utf-8")
    uses = "your-org/gonogo/deploy/github@v0.1.0"
    assert uses in workflow
    local = workflow.replace(uses, "./deploy/github")  # so that its inputs are compared with the action's
    (repository / ".github" / "workflows" / "promote.yml").write_text(local, encoding="utf-8")
    done = subprocess.run([str(actionlint), "-no-color"], cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def run_script(team: Team, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script of a template, by bash as the runners call it."""
    given = {**team.environment, "PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=team.repository, env=given, capture_output=True, text=True,
        timeout=180, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def judge(team: Team, temporary: Path, **inputs: str) -> tuple[int, dict[str, str]]:
    """The action's step that judges; its exit code and outputs."""
    action = yaml.safe_load((GITHUB / "action.yml").read_text(encoding="utf-8"))
    step = next(step for step in action["runs"]["steps"] if step.get("id") == "gate")
    (temporary / "gonogo").mkdir(parents=True, exist_ok=True)
    if not (temporary / "gonogo" / "bin").exists():
        (temporary / "gonogo" / "bin").symlink_to(team.programs)
    output = temporary / "output"
    defaults = {name: str(given.get("default", "")) for name, given in action["inputs"].items()}
    told = {**defaults, **inputs}
    variables = {
        name: told[value.removeprefix("${{ inputs.").removesuffix(" }}")] for name, value in step["env"].items()
    }
    done = run_script(team, step["run"], RUNNER_TEMP=str(temporary), GITHUB_OUTPUT=str(output), **variables)
    written = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
    return done.returncode, dict(line.split("=", 1) for line in written)


def test_the_action_says_go(team: Team, tmp_path: Path) -> None:
    code, told = judge(team, tmp_path / "runner", target="target.yaml", stage="smoke", arguments="-n 2")
    report = Path(told["report"])
    assert (code, told["decision"]) in {(0, "GO"), (0, "GO WITH CAVEATS")}
    assert (report / "results.sarif").exists()


def test_the_action_takes_arguments_of_several_lines(team: Team, tmp_path: Path) -> None:
    arguments = "--check contract.acme.greets\n--check contract.stream.terminates\n"
    _, told = judge(team, tmp_path / "runner", target="target.yaml", stage="smoke", arguments=arguments)
    verdict = json.loads((Path(told["report"]) / "verdict.json").read_text(encoding="utf-8"))
    passed = {check["id"] for check in verdict["checks"] if check["outcome"] == "pass"}
    assert passed == {"contract.acme.greets", "contract.stream.terminates"}


def test_a_run_that_could_not_begin_has_no_decision_of_an_earlier_one(team: Team, tmp_path: Path) -> None:
    runner = tmp_path / "runner"
    arguments = "--check contract.acme.greets"
    first = judge(team, runner, target="target.yaml", stage="smoke", arguments=arguments)
    (runner / "output").unlink()
    second = judge(team, runner, target="nowhere.yaml", stage="smoke")
    assert (first[1]["decision"], second) == ("HOLD", (4, {}))


def test_the_action_says_that_it_cannot_decide(team: Team, tmp_path: Path) -> None:
    arguments = "--check contract.acme.greets"
    code, told = judge(team, tmp_path / "runner", target="target.yaml", stage="smoke", arguments=arguments)
    assert (code, told["decision"]) == (6, "HOLD")


def test_the_action_takes_no_input_for_a_command(team: Team, tmp_path: Path) -> None:
    (team.repository / "conftest.py").unlink()
    code, told = judge(team, tmp_path / "runner", target="$(touch pwned); touch pwned", arguments="`touch pwned`")
    assert (code, told) == (4, {})
    assert not (team.repository / "pwned").exists()


def test_the_gitlab_job_leaves_its_reports_where_they_are_expected(team: Team) -> None:
    job = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))[".gonogo"]
    script = "\n".join(job["script"]).replace("/tmp/gonogo/bin", str(team.programs))
    done = run_script(team, script, GONOGO_ARGS="--target=target.yaml --stage=smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = [*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()]
    assert [path for path in kept if not (team.repository / path).exists()] == []
    broken = run_script(team, script, GONOGO_ARGS="--target=nowhere.yaml --stage=smoke")
    assert broken.returncode == 4
