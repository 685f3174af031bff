"""The suite output on chatbots as teams have them: compared, taken up again, shared by workers, behind completions."""

import json
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gonogo.resources import ROOT
from tests.calibration.conftest import GateRun
from tests.calibration.replies import TARGET, ChatbotServer
from tests.calibration.servers import Servers
from tests.forked import run_pytest

Run = Callable[..., GateRun]


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatbotServer]:
    with ChatbotServer(tmp_path_factory.mktemp("bot")) as server:
        yield server


@pytest.fixture
def run(bot: ChatbotServer, tmp_path: Path) -> Run:
    bot.reset()

    def run(*arguments: str, target: Path = TARGET, environment: dict[str, str] | None = None) -> GateRun:
        output = tmp_path / "output.txt"
        given = [f"--target={target}", f"--report-dir={tmp_path / 'runs'}", *arguments, "suites/output"]
        state = {"XDG_STATE_HOME": str(tmp_path / "state")}
        code = run_pytest(given, {**bot.environment, **state, **(environment or {})}, output)
        return GateRun.read(code, output.read_text(encoding="utf-8"), tmp_path / "runs")

    return run


def folder_of(ran: GateRun, tmp_path: Path) -> Path:
    return tmp_path / "runs" / str(ran.verdict["run_id"])


def messages_to(bot: ChatbotServer) -> int:
    return int(httpx.get(f"{bot.urls['chatbot']}/control/counters").json().get("messages", 0))


def test_one_worker_asks_and_the_others_read(run: Run, bot: ChatbotServer, tmp_path: Path) -> None:
    before = messages_to(bot)
    ran = run("--stage=gate", "-n", "2")
    asked = messages_to(bot) - before
    answers = (folder_of(ran, tmp_path) / "answers.jsonl").read_text(encoding="utf-8").count("\n") - 2
    assert set(ran.outcomes().values()) == {"pass"}, ran.output
    assert 500 < answers <= asked < answers + 100  # the long conversation and the two users are beside


def test_an_ended_run_is_taken_up_again(run: Run, bot: ChatbotServer, tmp_path: Path) -> None:
    first = run("--stage=gate", "-k=reply_json")
    kept = tmp_path / "kept.jsonl"
    lines = (folder_of(first, tmp_path) / "answers.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    kept.write_text("".join(lines[:200]), encoding="utf-8")
    shutil.rmtree(tmp_path / "runs")
    before = messages_to(bot)
    again = run("--stage=gate", "-k=reply_json", f"--answers={kept}")
    asked = messages_to(bot) - before
    assert again.outcomes()["output.reply.json"] == "pass"
    assert len(lines) - 2 - 205 <= asked <= len(lines) - 2 - 195


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no file of answers"),
        (f'{{"format": 1, "subject": "other", "began": "{datetime.now(UTC).isoformat()}"}}\n', "is about other, not"),
    ],
    ids=["empty", "another"],
)
def test_answers_of_somebody_else_decide_nothing(run: Run, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "kept.jsonl").write_text(text, encoding="utf-8")
    ran = run("--stage=gate", "-k=reply_json", f"--answers={tmp_path / 'kept.jsonl'}")
    (check,) = [check for check in ran.verdict["checks"] if check["id"] == "output.reply.json"]
    assert (check["outcome"], message in check["reason"]) == ("inconclusive", True), check["reason"]


def test_a_budget_that_ends_early_decides_no_form(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "small.yaml"
    target.write_text(
        TARGET.read_text(encoding="utf-8").replace("asking: {concurrency: 8}", "asking: {requests: 100}"),
        encoding="utf-8",
    )
    by_id = {check["id"]: check for check in run("--stage=gate", target=target).verdict["checks"]}
    assert by_id["output.reply.contract"]["outcome"] == "inconclusive"
    assert "were not held: the budget of 100 messages is used up" in by_id["output.reply.contract"]["reason"]
    assert by_id["output.change.intents"]["outcome"] == "inconclusive"  # too few for so small a drop
    assert "fail" not in {check["outcome"] for check in by_id.values()}


def test_a_candidate_is_compared_with_production(run: Run, bot: ChatbotServer, tmp_path: Path) -> None:
    """The same answers are no worse; with a fault in the candidate the comparison says where."""
    with ChatbotServer(tmp_path / "candidate") as candidate:
        target, environment = tmp_path / "candidate.yaml", {"CANDIDATE_URL": candidate.urls["chatbot"]}
        text = TARGET.read_text(encoding="utf-8").replace("REPLIES_CHATBOT_URL", "CANDIDATE_URL")
        target.write_text(text.replace("name: replies", "name: candidate"), encoding="utf-8")
        given = ("--stage=gate", "-k=change", f"--against={TARGET}")
        same = run(*given, target=target, environment=environment)
        httpx.put(f"{candidate.urls['chatbot']}/control/faults/greetings-lost").raise_for_status()
        worse = run(*given, target=target, environment=environment)
    assert {same.outcomes()[f"output.change.{name}"] for name in ("intents", "macro_f1", "evaluation")} == {"pass"}
    page = (folder_of(same, tmp_path) / "model-change.md").read_text(encoding="utf-8")
    assert page.startswith("# GO: candidate against replies")
    page = (folder_of(worse, tmp_path) / "model-change.md").read_text(encoding="utf-8")
    assert page.startswith("# NO-GO: candidate against replies")
    assert "| saludo | 28 | 100.0% | 0.0% | 28 |" in page
    assert "| Hola, buenas tardes | saludo | saludo | busqueda |" in page
    assert (worse.verdict["decision"], worse.outcomes()["output.change.macro_f1"]) == ("NO-GO", "fail")


def test_a_chatbot_that_is_not_there_fails_soon(run: Run) -> None:
    ran = run("--stage=gate", environment={"REPLIES_CHATBOT_URL": "http://127.0.0.1:9"})
    outcomes = ran.outcomes()
    assert outcomes["output.reply.answered"] == "fail"
    assert "pass" not in outcomes.values()
    assert all("cannot connect" in check["reason"] for check in ran.verdict["checks"] if check["outcome"] == "fail")
    assert ran.verdict["budget"]["requests"] < 1000


class Completions(Servers):
    """A scripted model that is the chatbot itself."""

    def __init__(self) -> None:
        super().__init__("COMPLETIONS")
        self.environment["COMPLETIONS_KEY"] = f"sk-{secrets.token_hex(16)}"

    def start(self) -> None:
        """Start it."""
        self.run([sys.executable, "-m", "embedded.provider", "--dialect", "vllm", "--chat-model", "chat-8b", "--key-env",
                  "COMPLETIONS_KEY", "--first-token-ms", "1", "--token-ms", "0.2", "--port", str(self.place("model"))])  # fmt: skip
        self.await_health("model")


def test_a_completions_endpoint_is_a_chatbot_too(run: Run) -> None:
    with Completions() as model:
        target = ROOT / "tests" / "calibration" / "completions.yaml"
        ran = run("--stage=gate", target=target, environment=model.environment)
        httpx.put(f"{model.urls['model']}/control/faults/json-mode-fenced").raise_for_status()
        fenced = run("--stage=gate", "-k=form", target=target, environment=model.environment)
    skipped: dict[str, Any] = {c["id"]: c["reason"] for c in ran.verdict["checks"] if c["outcome"] == "skip"}
    assert {name for name, outcome in ran.outcomes().items() if outcome not in ("pass", "skip")} == set(), ran.output
    assert set(skipped) == {"output.change.intents", "output.change.macro_f1", "output.change.evaluation",
                            "output.intent.accuracy"}  # fmt: skip
    (check,) = [check for check in fenced.verdict["checks"] if check["id"] == "output.reply.json"]
    assert check["outcome"] == "fail"
    assert "the JSON stands in a markdown fence" in check["reason"]
    shown = [seen for seen in check["evidence"] if seen["probe"] == "chatbot" and "said" in seen["request"]]
    assert len(shown) == 5
    assert shown[0]["repeat"].startswith("curl ")
    assert json.loads(json.dumps(shown[0]["answer"]))["body"].startswith("```json")
