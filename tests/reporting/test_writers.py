"""Every writer, on a verdict with hostile content."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from junitparser import JUnitXml

from gonogo.model import Binding, CheckInfo, CheckResult, Outcome, Permission, Severity, SkipKind, Verdict
from gonogo.redaction import Redactor
from gonogo.reporting import github_annotations, write_all
from gonogo.reporting.json import SCHEMA_VERSION, plain
from gonogo.resources import ROOT
from gonogo.verdict import judge
from tests.published import schema_with

HOSTILE = '<script>alert("x")</script> | `tick` \x00 \x1b[31m 🚗 geheimnis'
FINDING = {"file": "config/a.yaml", "line": 3, "column": 5, "path": "a.b", "message": HOSTILE, "warning": False}
MOMENT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def verdict() -> Verdict:
    def result(outcome: str, name: str, skip: SkipKind | None = None) -> CheckResult:
        info = CheckInfo(f"contract.a.{name}", HOSTILE, Severity.CRITICAL, Permission.LIVE, ("C1",), smoke=True)
        seen = {"probe": "http", "subject": HOSTILE, "duration_ms": 1.0, "request": {}, "answer": {"body": HOSTILE}}
        evidence = ({**seen, "repeat": HOSTILE},)
        places = (FINDING, {**FINDING, "file": "/abs/b c.yaml", "warning": True}) if name == "f" else ()
        return CheckResult(info, f"n::{name}", Outcome(outcome), "x/y", HOSTILE, skip, 12.5, evidence, places)

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


def test_a_password_may_be_one_of_the_reports_own_words(verdict: Verdict, tmp_path: Path) -> None:
    words = ["pass", "load", "name", "stage", "2026", "critical", "staging"]
    write_all(verdict, Redactor([*words, "geheimnis"]), tmp_path)
    written = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert (written["decision"], written["stage"], written["binding"]["environment"]) == ("NO-GO", "gate", "staging")
    assert {check["outcome"] for check in written["checks"]} == {"pass", "warn", "fail", "inconclusive", "skip"}
    assert "geheimnis" not in (tmp_path / "verdict.json").read_text(encoding="utf-8")


def test_verdict_json_is_valid_against_its_schema(folder: Path) -> None:
    schema = json.loads((ROOT / "reports" / "verdict.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    written = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(written)] == []
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert written["decision"] == "NO-GO"


def test_no_file_holds_the_secret(folder: Path) -> None:
    files = [file for file in folder.iterdir() if file.is_file()]
    assert {file.name for file in files} == {
        "verdict.json", "junit.xml", "results.sarif", "summary.md", "report.html", "step.md", "metrics.prom",
    }  # fmt: skip
    assert [file.name for file in files if b"geheimnis" in file.read_bytes()] == []


def test_junit(folder: Path) -> None:
    suite = next(iter(JUnitXml.fromfile(str(folder / "junit.xml"))))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 1, 1)
    assert (
        '<testcase name="contract.a.f[x/y]" classname="gonogo.contract" time="0.0125" file="config/a.yaml" line="3"'
        in ((folder / "junit.xml").read_text(encoding="utf-8"))
    )


def test_sarif_is_valid_against_the_standard(folder: Path) -> None:
    written = json.loads((folder / "results.sarif").read_text(encoding="utf-8"))
    schema = schema_with("Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema")
    assert schema["$id"].endswith("sarif-schema-2.1.0.json")
    assert [error.message for error in Draft7Validator(schema).iter_errors(written)] == []
    results = written["runs"][0]["results"]
    assert [result["level"] for result in results] == ["error", "warning", "warning", "warning"]
    assert len({json.dumps(result["partialFingerprints"]) for result in results}) == 4
    places = [result["locations"][0]["physicalLocation"] for result in results if "locations" in result]
    assert places[0] == {"artifactLocation": {"uri": "config/a.yaml"}, "region": {"startLine": 3, "startColumn": 5}}
    assert places[1]["artifactLocation"] == {"uri": "file:///abs/b%20c.yaml"}


def test_github_annotations(verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert github_annotations(verdict, Redactor()) == []
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = github_annotations(verdict, Redactor(["geheimnis"]))
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::warning", "::warning", "::warning"]
    assert lines[0].startswith("::error file=config/a.yaml,line=3,col=5,title=contract.a.f%3A ")
    assert not any("\n" in line or "geheimnis" in line for line in lines)


def test_html_escapes_what_a_deployment_said(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "DEMO" in page
    assert "https://" not in page.replace("https://json", "")  # one file, nothing is fetched


def test_summary_cannot_be_broken_out_of(folder: Path) -> None:
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert "<script" not in summary
    assert "NO-GO — DEMO" in summary
    assert (folder / "step.md").read_text(encoding="utf-8") == summary


def test_plain_is_json(verdict: Verdict) -> None:
    assert json.loads(json.dumps(plain(verdict))) == plain(verdict)


def test_a_run_that_has_not_ended_is_not_told_to_the_pull_request(
    verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    write_all(verdict, Redactor([]), tmp_path, has_ended=False)
    assert (tmp_path / "summary.md").is_file()
    assert not (tmp_path / "step.md").exists()
