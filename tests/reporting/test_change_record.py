"""The record of a change, and who is called."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gonogo.documents import DocumentError
from gonogo.model import Binding, CheckInfo, CheckResult, Outcome, Permission, Severity, SkipKind, Verdict
from gonogo.redaction import Redactor
from gonogo.reporting import write_all
from gonogo.targets.loader import load_target
from gonogo.verdict import judge

MOMENT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DIGEST = "ab" * 32


def result(check_id: str, outcome: str, reason: str = "", skip: SkipKind | None = None) -> CheckResult:
    info = CheckInfo(check_id, "t", Severity.CRITICAL, Permission.LIVE, ("P1",), smoke=False)
    return CheckResult(info, f"n::{check_id}", Outcome(outcome), "x", reason, skip, 1.0, (), ())


RESULTS = [
    result("drills.rollback.in_time", "pass"),
    result("cluster.rollback.revision", "warn", "the former revision | has no config map"),
    result("security.doors.guarded", "fail", "GET /key/list: HTTP 200 with no key"),
    result("drills.restore.works", "skip", "not permitted", SkipKind.NOT_PERMITTED),
]
VERDICT = Verdict(
    run_id="r1", stage="gate", demo=False, judgement=judge(RESULTS, ()),
    binding=Binding("shop", "production", DIGEST, DIGEST, None, {"chat": DIGEST}, "c0ffee", "0.1.0"),
    started=MOMENT, finished=MOMENT, valid_until=MOMENT, change_id="CHG-7", budget={"requests": 3},
)  # fmt: skip


def test_the_record_has_what_when_verdict_evidence_way_back_and_signatures(tmp_path: Path) -> None:
    write_all(VERDICT, Redactor([]), tmp_path)
    record = (tmp_path / "change-record.md").read_text(encoding="utf-8")
    for told in (
        "# Change CHG-7: NO-GO", "| target | shop (production) |", f"| model chat | sha256 {DIGEST} |", "c0ffee",
        "| began, ended | 2026-11-22T12:00:00", "GET /key/list: HTTP 200 with no key", "* `verdict.json` in the folder of run `r1`",
        "| approved by |  |  |  |", "| drills.restore.works[x] | not permitted |",
    ):  # fmt: skip
        assert told in record, told
    way_back = record.partition("## Way back")[2].partition("## What was not")[0]
    assert "| drills.rollback.in_time[x] | pass |" in way_back
    assert r"| cluster.rollback.revision[x] | warn | the former revision \| has no config map |" in way_back
    assert "security.doors" not in way_back


def test_the_record_for_a_change_system_says_the_same_and_is_unsigned(tmp_path: Path) -> None:
    write_all(VERDICT, Redactor([]), tmp_path)
    record = json.loads((tmp_path / "change-record.json").read_text(encoding="utf-8"))
    assert (record["change_id"], record["decision"], record["binding"]["git_commit"]) == ("CHG-7", "NO-GO", "c0ffee")
    assert [(row["check"], row["outcome"]) for row in record["way_back"]] == [
        ("cluster.rollback.revision[x]", "warn"), ("drills.restore.works[x]", "skip"), ("drills.rollback.in_time[x]", "pass"),
    ]  # fmt: skip
    assert [row["check"] for row in record["not_verified"]] == ["drills.restore.works[x]"]
    assert {"role": "approved by", "name": None, "date": None, "signature": None} in record["signatures"]


def test_without_a_change_there_is_no_record(tmp_path: Path) -> None:
    write_all(replace(VERDICT, change_id=""), Redactor([]), tmp_path)
    assert not (tmp_path / "change-record.md").exists()
    assert not (tmp_path / "change-record.json").exists()


def test_where_nothing_was_verified_of_the_way_back_the_record_says_so(tmp_path: Path) -> None:
    write_all(replace(VERDICT, judgement=judge(RESULTS[2:3], ())), Redactor([]), tmp_path)
    assert "Nothing was verified of the way back." in (tmp_path / "change-record.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("escalation", "told"),
    [
        ("security: on-call security", "on-call security"),
        ("security: {who: on-call, within_min: 15}", "on-call, within 15 min"),
    ],
)
def test_who_is_called_and_how_fast(tmp_path: Path, escalation: str, told: str) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(f"name: t\nenvironment: staging\nescalation: {{{escalation}}}\n", encoding="utf-8")
    assert load_target(file, date(2026, 11, 22), {}).escalation == {"security": told}


def test_an_unknown_suite_is_nobodys(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("name: t\nenvironment: staging\nescalation: {secuirty: me}\n", encoding="utf-8")
    with pytest.raises(DocumentError, match="secuirty"):
        load_target(file, date(2026, 11, 22), {})
