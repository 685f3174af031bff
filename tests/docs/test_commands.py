"""Every command of the pages is run: here on the embedded deployment, or what it does by the test that is named."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from gonogo.fixtures.embedded import EmbeddedDeployment
from gonogo.resources import ROOT
from tests.docs.pages import Command, commands, files_of
from tests.forked import run_pytest

ELSEWHERE = (
    (r"(pip install uv && )?uv run pytest", ".ci/run", "\nuv run pytest\n"),
    (r"(GONOGO_\w+=\S+ )*uv run pytest tests.*", ".ci/run", "uv run pytest tests -n 4"),
    (r"uv run python -m docs\.tools\.matrix .*", "tests/docs/test_matrix.py", "docs.tools"),
    (r"uv run python -m docs\.tools\.check_reference", "tests/test_house.py", "docs.tools.check_reference"),
    (r"uv run python -m docs\.tools\.target_reference", "tests/docs/test_pages.py", "docs.tools.target_reference"),
    (r"uv build --wheel|pip install gonogo.*", "tests/deploy/team.py", '"build", "--wheel"'),
    (r"pip install 'gonogo\[(otel|browser)\]'", "pyproject.toml", "[project.optional-dependencies]"),
    (r"docker (build|run) .*", "tests/deploy/test_image.py", "deploy/Dockerfile"),
    (r"kubectl -n load .*", "tests/deploy/test_manifests.py", "load.yaml"),
    (r"kubectl -n chatbot .*", "tests/deploy/test_manifests.py", "cronjob.yaml"),
    (r"python -m gonogo\.webhook .*", "tests/test_webhook.py", '"gonogo.webhook"'),
    (
        r"uv run python -m gonogo\.fixtures\.containers .*",
        "tests/containers/test_containers.py",
        "gonogo.fixtures.containers",
    ),
    (r"uv run python -m embedded\.passthrough .*", "tests/calibration/test_load.py", '"embedded.passthrough"'),
    (r"GONOGO_TARGET=.* --(processes|master|worker)\b.*", "tests/load/test_locust.py", '"--expect-workers"'),
    (r"uv run pytest .*--stage watch .*", "tests/calibration/test_watch.py", "--stage=watch"),
    (r"uv run pytest .*--stage drill --allow-disruptive.*", "tests/cluster/test_safety.py", '"--stage=drill"'),
)
"""By a command's form, the file that runs the same, and words that it has."""
BY_HAND = re.compile(r"uv run python -m bench(\.(\w+)( \w.*)?)?")
"""They measure for minutes, and want the machine for themselves."""
SMALL = {"requests": 60, "seconds": 8}
"""The budget of a run here: that a command is right shows before it is through."""
ADDRESSES = {
    "https://gateway.staging.example": "EMBEDDED_GATEWAY_URL",
    "https://vllm.staging.example": "EMBEDDED_VLLM_URL",
    "http://127.0.0.1:11434": "EMBEDDED_OLLAMA_URL",
}
KEYS = {"GATEWAY_KEY": "EMBEDDED_GATEWAY_KEY", "VLLM_KEY": "EMBEDDED_PROVIDER_KEY"}
SHOWN = list(dict.fromkeys(command.text for command in commands()))
TWINS = {f"uv run {text}" for text in SHOWN}
"""Commands that a page has for a team's repository as well: there they are run."""
HERE = [text for text in SHOWN if not any(re.fullmatch(form, text, re.DOTALL) for form, _, _ in ELSEWHERE)
        and not BY_HAND.fullmatch(text) and not text.startswith("export ") and text not in TWINS]  # fmt: skip


@pytest.fixture(scope="module")
def repository(embedded: EmbeddedDeployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages show, their addresses those of the embedded deployment."""
    folder = tmp_path_factory.mktemp("pages")
    files = files_of(ROOT / "docs" / "getting-started.md")
    for name, text in files_of(ROOT / "docs" / "own-checks.md").items():
        files[name] = files.get(name, "") + text
    for name, text in files.items():
        for address, variable in ADDRESSES.items():
            text = text.replace(address, embedded.environment[variable])  # noqa: PLW2901
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "tests").mkdir()
    target = yaml.safe_load((folder / "staging.yaml").read_text(encoding="utf-8"))
    for name in ("candidate", "production"):  # of the same deployment, with an environment that must not be disturbed
        both = {**target, "name": name, "environment": "staging" if name == "candidate" else name, "budget": SMALL}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(both), encoding="utf-8")
    (folder / "small.yaml").write_text(yaml.safe_dump({**target, "budget": SMALL}), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Done:
    """How a command ended, and all that it said."""

    code: int
    told: str


def call(text: str, repository: Path, embedded: EmbeddedDeployment, *further: str) -> Done:
    """A command as the page has it: of a checkout where `uv run` stands before it, else in the team's repository.

    pytest runs in a fork where the command says what to collect (else it starts again, which a fork cannot): an
    interpreter of its own takes two seconds until it has all its modules.
    """
    words = shlex.split(text)
    variables = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    words = words[len(variables) :]
    in_checkout = words[:2] == ["uv", "run"]
    program, *rest = words[2:] if in_checkout else words
    given = {**os.environ, **embedded.environment, **{name: embedded.environment[own] for name, own in KEYS.items()}}
    own = {name: place(value, repository) for name, value in variables.items()}
    left = {"XDG_STATE_HOME": str(repository / "state"), "GONOGO_LOAD_RECORD": str(repository / "load-record.json")}
    environment = {**given, **own, **left}
    arguments, folder = [*(place(word, repository) for word in rest), *further], ROOT if in_checkout else repository
    if program == "pytest" and any(word.startswith(("suites", "checks")) for word in rest):
        output = repository / "told.txt"
        return Done(run_pytest(arguments, environment, output, folder), output.read_text(encoding="utf-8"))
    done = subprocess.run(
        [str(Path(sys.prefix) / "bin" / program), *arguments], cwd=folder, env=environment,
        capture_output=True, text=True, timeout=200, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Done(done.returncode, done.stdout + done.stderr)


def place(word: str, repository: Path) -> str:
    """Where a file of the page lies here."""
    if word == "FILE":
        return str(repository / "catalog.json")
    if "<id>" in word:
        return str(max((repository / "reports" / "runs").glob("2*/verdict.json"), default=word))
    return str(repository / word) if (repository / word).is_file() and not (ROOT / word).exists() else word


def test_getting_started_ends_in_a_verdict_to_go(repository: Path, embedded: EmbeddedDeployment) -> None:
    page = [command.text for command in commands() if command.page == "docs/getting-started.md"]
    first = "pytest --target staging.yaml --stage smoke"
    assert first in page
    embedded.reset()
    done = call(first, repository, embedded)
    assert done.code in {0, 1, 6}, done.told
    verdict = json.loads(max((repository / "reports" / "runs").glob("2*/verdict.json")).read_text(encoding="utf-8"))
    outcomes = {check["name"]: check["outcome"] for check in verdict["checks"]}
    assert outcomes["contract.acme.greets[gateway/chat]"] == "pass"
    # beside other tests the answers under load may be slow, and that is told
    assert [name for name, found in outcomes.items() if found == "fail" and not name.startswith("load.")] == []
    assert done.code == 0 or any(name.startswith("load.") and outcomes[name] != "pass" for name in outcomes)


@pytest.mark.parametrize("text", HERE)
def test_it_works(text: str, repository: Path, embedded: EmbeddedDeployment) -> None:
    runs = repository / "reports" / "runs"
    before = set(runs.glob("2*/verdict.json"))
    judges = (
        "pytest" in text
        and ("--target" in text or "--fault" in text)
        and not ("--verify" in text or "--fixtures" in text)
    )
    further = [f"--report-dir={runs}"] if judges else []
    done = call(text.replace("staging.yaml", "small.yaml"), repository, embedded, *further)
    assert "Traceback (most recent call last):" not in done.told  # that of a server is a finding, without the colon
    assert "INTERNALERROR" not in done.told
    if judges:
        (verdict,) = (
            json.loads(file.read_text(encoding="utf-8")) for file in set(runs.glob("2*/verdict.json")) - before
        )
        assert done.code == {"NO-GO": 1, "HOLD": 6}.get(verdict["decision"], 0), done.told
        asked = [check["outcome"] for check in verdict["checks"] if f"--check {check['id']}" in text]
        assert set(asked) <= {"pass"}
        assert bool(asked) == ("--check" in text)
    elif "locust" in text:
        told = set(re.findall(r"^(PASS|WARN|FAIL|INCONCLUSIVE) +[a-z]", done.told, re.MULTILINE))
        assert told, done.told
        assert done.code == (1 if "FAIL" in told else 6 if "INCONCLUSIVE" in told else 0), done.told
    else:
        assert done.code in ({0, 1, 6} if "--verify" in text else {0}), done.told


@pytest.mark.parametrize(("form", "file", "words"), ELSEWHERE, ids=[file for _, file, _ in ELSEWHERE])
def test_what_runs_elsewhere_runs_there(form: str, file: str, words: str) -> None:
    assert any(re.fullmatch(form, text, re.DOTALL) for text in SHOWN), "no page has such a command any more"
    assert words in (ROOT / file).read_text(encoding="utf-8")


def test_benches_are_programs() -> None:
    shown = {match[2] for text in SHOWN if (match := BY_HAND.fullmatch(text)) and match[2]}
    there = {path.stem for path in (ROOT / "bench").glob("*.py")} | {"load", "mutation"}
    assert shown
    assert shown <= there


def test_there_are_commands_to_run() -> None:
    assert Command("README.md", "uv run pytest --target staging.yaml --stage smoke") in commands()
    assert len(HERE) > 15
