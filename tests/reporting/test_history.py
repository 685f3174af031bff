"""The runs before, baselines, metrics and events."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gonogo.model import Decision, Verdict
from gonogo.plugin.events import Events
from gonogo.redaction import Redactor
from gonogo.reporting import write_all
from gonogo.reporting.history import RunHistory, compared
from gonogo.reporting.json import plain
from gonogo.reporting.model_change import ModelChangeWriter
from tests.reporting.test_writers import verdict  # noqa: F401 (a fixture)


def told(run_id: str, *bad: str, target: str = "t", **fields: Any) -> dict[str, Any]:
    checks = [{"name": name, "outcome": "fail"} for name in bad] + [{"name": "fine", "outcome": "pass"}]
    counts = {"fail": len(bad), "inconclusive": 0, "warn": 0}
    base = {
        "run_id": run_id,
        "finished": "2026-11-22T08:00:00+00:00",
        "stage": "gate",
        "demo": False,
        "fault": "",
        "change_id": "",
    }
    load = {"percentiles": {"latency_ms": {"p95": 120.0}}}
    return {
        **base,
        "binding": {"target_name": target},
        "decision": "NO-GO",
        "counts": counts,
        "checks": checks,
        "load": load,
        **fields,
    }


def test_the_runs_before_are_those_of_the_same_target_and_stage(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)
    assert history.before(told("r0")) == []
    for run in (
        told("r1", "a"),
        told("r2", "a", "b"),
        told("r3", target="other"),
        told("r4", stage="smoke"),
        told("r5", demo=True),
    ):
        history.add(run)
    with (tmp_path / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"run_id": "killed while it wr\n[]\n')
    before = history.before(told("r6"))
    assert [run["run_id"] for run in before] == ["r2", "r1"]
    assert before[0]["p95"] == {"latency_ms": 120.0}
    change = compared(told("r6", "b", "c"), before)
    assert change == {"run_id": "r2", "newly_bad": ["c"], "no_longer_bad": ["a"]}
    assert compared(told("r6"), []) is None


def test_only_runs_that_have_ended_are_forgotten(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)
    for name in ("20260101T000000-1", "20260102T000000-1", "20260103T000000-1", "20260104T000000-1", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "verdict.json").write_text("{}")
        if name not in ("20260102T000000-1", "mine"):  # one that still goes on, and no run at all
            history.add(told(name))
    gone = history.forget(2)
    assert [folder.name for folder in gone] == ["20260101T000000-1"]
    assert sorted(folder.name for folder in tmp_path.iterdir() if folder.is_dir()) == [
        "20260102T000000-1", "20260103T000000-1", "20260104T000000-1", "mine",
    ]  # fmt: skip


def test_the_runs_that_ended_last_are_kept_whatever_their_names(tmp_path: Path) -> None:
    history = RunHistory(tmp_path / "runs")
    (outside := tmp_path / "outside").mkdir()
    for name in ("20260101T000000-9998", "20260101T000000-10001"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        history.add(told(name))
    history.add(told("../outside"))
    assert [folder.name for folder in history.forget(1)] == ["20260101T000000-9998"]
    assert outside.is_dir()


def test_a_baseline_is_what_later_runs_are_compared_with(tmp_path: Path) -> None:
    run = tmp_path / "r1"
    run.mkdir()
    (run / "load-record.json").write_text("{}")
    (run / "verdict.json").write_text("{}")
    saved = RunHistory(tmp_path).save_baseline(run, "v1")
    assert sorted(file.relative_to(tmp_path).as_posix() for file in saved) == [
        "baselines/v1/load-record.json",
        "baselines/v1/verdict.json",
    ]
    assert list(tmp_path.rglob(".*")) == []


@pytest.mark.parametrize(
    ("decision", "demo", "fault", "promotes"),
    [
        (Decision.GO, False, "", 1), (Decision.GO_WITH_CAVEATS, False, "", 1), (Decision.NO_GO, False, "", 0),
        (Decision.HOLD, False, "", 0), (Decision.GO, True, "", 0), (Decision.GO, False, "usage-wrong", 0),
    ],
)  # fmt: skip
def test_only_a_go_of_a_real_deployment_can_promote(
    verdict: Verdict,  # noqa: F811
    decision: Decision,
    demo: bool,
    fault: str,
    promotes: int,
    tmp_path: Path,
) -> None:
    judged = replace(verdict, judgement=replace(verdict.judgement, decision=decision), demo=demo, fault=fault)
    write_all(judged, Redactor([]), tmp_path)
    told = re.search(r"^gonogo_can_promote\{.*\} (\S+)$", (tmp_path / "metrics.prom").read_text(), re.MULTILINE)
    assert told is not None
    assert float(told[1]) == promotes


@pytest.mark.parametrize(("waived_by", "word"), [("", "NO-GO"), ("ana, until 2099-01-01: known", "GO WITH CAVEATS")])
def test_a_waived_fail_is_a_caveat_of_a_change_too(waived_by: str, word: str) -> None:
    told = {"prompts": 1, "intents": [], "changed": []}
    seen = {"probe": "comparison", "subject": "against v1", "answer": told}
    checks = [
        {"id": f"output.change.{name}", "suite": "output", "severity": "critical", "outcome": outcome, "reason": "",
         "waived_by": waived, "evidence": [seen]}
        for name, outcome, waived in (("intents", "pass", ""), ("macro_f1", "fail", waived_by))
    ]  # fmt: skip
    page = ModelChangeWriter().render({"run_id": "r", "binding": {"target_name": "t"}, "checks": checks})
    assert page is not None
    assert page.startswith(f"# {word}: t against v1")


def test_metrics_are_open_metrics(verdict: Verdict, tmp_path: Path) -> None:  # noqa: F811
    write_all(verdict, Redactor([]), tmp_path)
    text = (tmp_path / "metrics.prom").read_text(encoding="utf-8")
    families = {family.name: family for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    # node_exporter's textfile collector and the Pushgateway take the older format's types only
    assert set(re.findall(r"^# TYPE \S+ (\S+)$", text, re.MULTILINE)) == {"gauge"}
    states = {sample.labels["gonogo_verdict"]: sample.value for sample in families["gonogo_verdict"].samples}
    assert states == {"GO": 0, "GO WITH CAVEATS": 0, "NO-GO": 1, "HOLD": 0}
    counted = {sample.labels["outcome"]: sample.value for sample in families["gonogo_checks"].samples}
    assert counted == {"pass": 1, "warn": 1, "fail": 1, "inconclusive": 1, "skip": 1}
    assert families["gonogo_can_promote"].samples[0].value == 0  # a NO-GO, and a DEMO
    assert families["gonogo_run_requests"].samples[0].labels == {
        "target": "t",
        "environment": "staging",
        "stage": "gate",
    }


def test_events_are_there_at_once(verdict: Verdict, tmp_path: Path) -> None:  # noqa: F811
    events = Events(tmp_path)
    events.began("t", "gate", "r1")
    events.check_began("n::f")
    events.check_ended(verdict.judgement.results[0])
    lines = [json.loads(line) for line in (tmp_path / "events.ndjson").read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["run-began", "check-began", "check-ended"]
    assert lines[2]["check"].startswith("contract.a.")
    events.ended(verdict)
    assert json.loads((tmp_path / "events.ndjson").read_text(encoding="utf-8").splitlines()[-1])["decision"] == "NO-GO"


@pytest.mark.parametrize("name", ["agent.approvals.race", "config.files.valid"])
def test_no_line_of_the_history_holds_evidence(name: str, tmp_path: Path) -> None:
    RunHistory(tmp_path).add(told("r1", name))
    assert name in (tmp_path / "history.jsonl").read_text(encoding="utf-8")
    assert "checks" not in json.loads((tmp_path / "history.jsonl").read_text(encoding="utf-8"))


def test_the_shape_of_plain_is_what_the_history_reads(verdict: Verdict, tmp_path: Path) -> None:  # noqa: F811
    RunHistory(tmp_path).add(plain(verdict))
    line = json.loads((tmp_path / "history.jsonl").read_text(encoding="utf-8"))
    assert line["bad"] == ["contract.a.f[x/y]", "contract.a.i[x/y]"]
