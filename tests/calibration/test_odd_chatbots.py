"""What the suite output says of chatbots that it can tell little of: never a pass for nothing, never a fail for our own."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gonogo.probes import chatbot
from tests.calibration.conftest import GateRun
from tests.forked import run_pytest

GOOD = {
    "response": "Tenemos varios coches que encajan con lo que busca.",
    "intent": "busqueda",
    "confidence": 0.9,
    "isFallback": False,
    "parameters": {},
    "leadSignals": [],
    "suggestedAction": "mostrar_coches",
    "quickReplies": [],
}
FEW = "\n".join(
    json.dumps(each)
    for each in (
        *({"text": f"Busco un coche {i}", "intent": "busqueda", "tags": ["evaluation"]} for i in range(40)),
        {"text": "Busco un Kia", "intent": "busqueda", "parameters": {"marca": "kia"}},
        {"text": "¿Quién ganó?", "in_scope": False},
        {"turns": ["Busco un Kia", "¿Cuánto cuesta?"], "intent": "precio", "parameters": {"marca": "kia"}},
        {"text": "{}", "tags": ["adversarial"]},
    )
)
Answer = Callable[[str], tuple[int, object]]


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """A chatbot that answers a message so; its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))["message"]
            status, value = answer(said)
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


Judge = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """The checks of the suite on a chatbot, by their ids."""

    def judge(answer: Answer, section: str = "", *arguments: str) -> dict[str, dict[str, Any]]:
        target, output, runs = tmp_path / "target.yaml", tmp_path / "output.txt", tmp_path / "runs"
        with served(answer) as url:
            head = f"name: odd\nenvironment: development\nchatbot:\n  url: {url}\n"
            if "conversations:" not in section:
                (tmp_path / "few.jsonl").write_text(FEW, encoding="utf-8")
                section += "  conversations: [few.jsonl]\n"
            target.write_text(head + section, encoding="utf-8")
            given = [f"--target={target}", f"--report-dir={runs}", "--stage=gate", *arguments, "suites/output"]
            code = run_pytest(given, {"XDG_STATE_HOME": str(tmp_path / "state")}, output)
        ran = GateRun.read(code, output.read_text(encoding="utf-8"), runs)
        return {check["id"]: check for check in ran.verdict["checks"]}

    return judge


def outcomes(checks: dict[str, dict[str, Any]]) -> set[str]:
    return {check["outcome"] for check in checks.values()}


def test_one_that_has_enough_of_us_decides_nothing(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatbot, "_PAUSES_S", (0.01, 0.01))
    checks = judge(lambda _: (429, {"error": "slow down"}))
    assert outcomes(checks) <= {"inconclusive", "skip"}
    assert "429" in checks["output.reply.answered"]["reason"]


def test_one_that_only_fails_passes_nothing(judge: Judge) -> None:
    checks = judge(lambda _: (500, {"error": "no"}))
    assert checks["output.reply.answered"]["outcome"] == "fail"
    assert "pass" not in outcomes(checks), {name for name in checks if checks[name]["outcome"] == "pass"}


def test_what_no_answer_has_is_not_verified(judge: Judge, tmp_path: Path) -> None:
    """A contract of one's own without scope, confidence, intents and parameters."""
    (tmp_path / "own.json").write_text('{"type": "object", "required": ["answer"]}', encoding="utf-8")
    checks = judge(lambda _: (200, {"answer": GOOD["response"]}), "  schema: own.json\n  fields: {text: /answer}\n")
    assert "fail" not in outcomes(checks), {name: c["reason"] for name, c in checks.items() if c["outcome"] == "fail"}
    skipped = {name for name, check in checks.items() if check["outcome"] == "skip"}
    assert {"output.fields.consistent", "output.fallback.in_scope_rate", "output.confidence.mean",
            "output.parameters.found", "output.turns.carry_over"} <= skipped  # fmt: skip
    assert checks["output.turns.apart"]["outcome"] == "inconclusive"
    assert checks["output.text.language"]["outcome"] == "pass"


def test_texts_that_stand_nowhere_are_not_verified(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text("{}", encoding="utf-8")
    checks = judge(lambda _: (200, {"answer": "<think>We have several cars</think>"}), "  schema: own.json\n")
    assert {checks[f"output.text.{name}"]["outcome"] for name in ("language", "reasoning", "markup", "loop")} == {
        "skip"
    }


def test_a_set_without_ordinary_messages_passes_no_ordinary_check(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text('{"text": "a", "tags": ["adversarial"]}\n', encoding="utf-8")
    checks = judge(lambda _: (200, GOOD), "  conversations: [odd.jsonl]\n")
    assert checks["output.reply.answered"]["outcome"] == "skip"
    assert checks["output.adversarial.contract"]["outcome"] == "pass"
    assert "fail" not in outcomes(checks)


@pytest.mark.parametrize("name", ["schema", "consistency"])
@pytest.mark.parametrize("text", ['{"type": "objekt"}', "[]", "{"])
def test_a_schema_that_is_none_decides_nothing(judge: Judge, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "own.json").write_text(text, encoding="utf-8")
    checks = judge(lambda _: (200, GOOD), f"  {name}: own.json\n", "-k=contract or consistent")
    check = checks["output.reply.contract" if name == "schema" else "output.fields.consistent"]
    assert check["outcome"] == "inconclusive"
    assert "own.json" in check["reason"]
    assert "gate's own error" not in check["reason"]


def test_a_language_that_is_none_decides_nothing(judge: Judge) -> None:
    check = judge(lambda _: (200, GOOD), "  language: xx\n", "-k=text_language")["output.text.language"]
    assert (check["outcome"], "cannot be identified" in check["reason"]) == ("inconclusive", True)


def test_a_production_that_does_not_answer_is_not_the_candidates_fault(judge: Judge, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("name: other\nenvironment: production\nchatbot: {url: 'http://127.0.0.1:9'}\n", encoding="utf-8")
    checks = judge(lambda _: (200, GOOD), "", "-k=change", f"--against={other}")
    change = {name: check for name, check in checks.items() if name.startswith("output.change.")}
    assert outcomes(change) == {"inconclusive"}
    assert all("other does not answer" in check["reason"] for check in change.values())


def test_a_baseline_that_knows_none_of_the_intents_decides_nothing(judge: Judge, tmp_path: Path) -> None:
    with served(lambda _: (200, {**GOOD, "intent": "search"})) as url:
        other = f"name: other\nenvironment: development\nchatbot: {{url: '{url}'}}\n"
        file = tmp_path / "other.yaml"
        file.write_text(other, encoding="utf-8")
        checks = judge(lambda _: (200, {**GOOD, "intent": "price"}), "", "-k=change", f"--against={file}")
    assert checks["output.change.intents"]["outcome"] == "inconclusive"
    assert "the set's labels are not this bot's" in checks["output.change.intents"]["reason"]
