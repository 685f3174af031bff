"""Every writer, on a verdict with hostile content."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml

from gonogo.model import Binding, CheckInfo, CheckResult, Outcome, Permission, Severity, SkipKind, Verdict
from gonogo.redaction import Redactor
from gonogo.reporting import write_all
from gonogo.reporting.json import SCHEMA_VERSION, plain
from gonogo.resources import ROOT
from gonogo.verdict import judge

HOSTILE = '<script>alert("x")</script> | `tick` \x00 \x1b[31m 🚗 geheimnis'
MOMENT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def verdict() -> Verdict:
    def result(outcome: str, name: str, skip: SkipKind | None = None) -> CheckResult:
        info = CheckInfo(f"contract.a.{name}", HOSTILE, Severity.CRITICAL, Permission.LIVE, ("C1",), smoke=True)
        seen = {"probe": "http", "subject": HOSTILE, "duration_ms": 1.0, "request": {}, "answer": {"body": HOSTILE}}
        evidence = ({**seen, "repeat": HOSTILE},)
        return CheckResult(info, f"n::{name}", Outcome(outcome), "x/y", HOSTILE, skip, 12.5, evidence)

    results = [result("pass", "p"), result("warn", "w"), result("fail", "f"), result("inconclusive", "i")]
    results.append(result("skip", "s", SkipKind.NOT_DECLARED))
    digest = "0" * 64
    return Verdict(
        run_id="r1",
        stage="gate",
        demo=True,
        judgement=judge(results, {"contract"}),
        binding=Binding("t", "staging", digest, digest, None, {"m": digest}, None, "0.1.0"),
        started=MOMENT,
        finished=MOMENT,
        valid_until=MOMENT,
        budget={"requests": 3, "tokens": 0, "seconds": 1.5},
        escalation={"contract.a.f[x/y]": HOSTILE},
    )


@pytest.fixture
def folder(verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    write_all(verdict, Redactor(["geheimnis"]), tmp_path)
    return tmp_path


def test_verdict_json_is_valid_against_its_schema(folder: Path) -> None:
    schema = json.loads((ROOT / "reports" / "verdict.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    written = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(written)] == []
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert written["decision"] == "NO-GO"


def test_no_file_holds_the_secret(folder: Path) -> None:
    files = [file for file in folder.iterdir() if file.is_file()]
    assert {file.name for file in files} == {"verdict.json", "junit.xml", "summary.md", "report.html", "step.md"}
    assert [file.name for file in files if b"geheimnis" in file.read_bytes()] == []


def test_junit(folder: Path) -> None:
    suite = next(iter(JUnitXml.fromfile(str(folder / "junit.xml"))))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 1, 1)


def test_html_escapes_what_a_deployment_said(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "DEMO" in page
    assert "https://" not in page.replace("https://json", "")  # one file, nothing is fetched


def test_summary_cannot_be_broken_out_of(folder: Path) -> None:
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert "<script" not in summary
    assert "NO-GO — DEMO" in summary
    assert (folder / "step.md").read_text(encoding="utf-8") == summary


def test_plain_is_json(verdict: Verdict) -> None:
    assert json.loads(json.dumps(plain(verdict))) == plain(verdict)
