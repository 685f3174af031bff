"""The end of a run: judge, write every report, choose the exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gonogo.loadtest.charting import charted
from gonogo.loadtest.record import RECORD_FILE, read_record
from gonogo.model import EXIT_HOLD, EXIT_NO_GO, Binding, CheckResult, Decision, Outcome, Severity, SkipKind, Verdict
from gonogo.plugin.gate import Gate
from gonogo.plugin.selection import left_out
from gonogo.reporting import WRITERS, write_all
from gonogo.reporting.history import RunHistory
from gonogo.reporting.interface import Writer
from gonogo.reporting.json import plain
from gonogo.targets.binding import bind
from gonogo.verdict import judge

_PYTESTS_OWN = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)


@dataclass(frozen=True)
class Run:
    """What is known of a run beside its results."""

    started: datetime
    bound: Binding
    """What the target was when the run began."""
    interrupted: str
    fault: str
    command: str
    """What repeats it."""


def conclude(gate: Gate, results: list[CheckResult], run: Run) -> Verdict:
    """The verdict of a run."""
    finished = datetime.now(UTC)
    interrupted = run.interrupted
    if not interrupted and _has_changed(gate, run.bound):
        interrupted = "the target, its configuration or its models changed during the run: run it again"
    required = gate.stage.required_suites(gate.target, gate.permissions)
    missing = left_out(gate.run_folder, gate.target.own_checks)
    judgement = judge(results, required, gate.target.waivers, interrupted, missing)
    verdict = Verdict(
        run_id=gate.run_folder.name,
        stage=gate.stage.name,
        demo=gate.demo,
        judgement=judgement,
        binding=run.bound,
        started=run.started,
        finished=finished,
        valid_until=finished + timedelta(hours=gate.target.valid_hours),
        change_id=gate.change_id,
        interrupted=interrupted,
        fault=run.fault,
        command=run.command,
        budget=gate.ledger.spent(),
        escalation=_escalations(gate, judgement.results),
        load=_load_of(gate),
    )
    return replace(verdict, before=tuple(runs_of(gate).before(plain(verdict))))


def _has_changed(gate: Gate, bound: Binding) -> bool:
    """Whether the target is otherwise than when the run began; in a day or two, others may commit to its repository."""
    now = bind(gate.target, models=gate.stage.within_s is None)
    return (replace(now, git_commit=bound.git_commit) if gate.stage.watches else now) != bound


def runs_of(gate: Gate) -> RunHistory:
    """The runs in the folder where this one is kept."""
    return RunHistory(gate.run_folder.parent)


def _load_of(gate: Gate) -> dict[str, Any] | None:
    """The load run of this run; None where none was held, or its record is not whole: the checks have said so."""
    objectives = gate.target.load.objectives if gate.target.load is not None else ()
    try:
        return charted(read_record(gate.run_folder / RECORD_FILE), objectives)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_drills(gate: Gate, verdict: Verdict) -> None:
    """Note each drill that was performed in the target's history: good if all of its checks ran, and none failed."""
    reports: dict[str, Mapping[str, Any]] = {}
    asked: dict[str, list[CheckResult]] = {}
    for result in verdict.judgement.results:
        for seen in result.evidence:
            if seen["probe"] == "drill" and "drill" in seen["answer"]:
                reports[seen["answer"]["drill"]] = seen["answer"]
                asked.setdefault(seen["answer"]["drill"], []).append(result)
    unselected = [result for result in verdict.judgement.results if result.skip_kind is SkipKind.NOT_SELECTED]
    unasked = {result.instance for result in unselected if result.info.check_id != "drills.history.due"}
    for name, report in reports.items():
        instances = {result.instance for result in asked[name]}
        outcomes = {result.outcome for result in asked[name]}
        passed = Outcome.PASS in outcomes and outcomes <= {Outcome.PASS, Outcome.WARN, Outcome.SKIP}
        gate.history.add(name, report, good=passed and not instances & unasked)


def write_reports(
    gate: Gate, verdict: Verdict, *, has_ended: bool = True, writers: Sequence[Writer] = WRITERS
) -> list[Path]:
    """Write reports into the run's folder; raises OSError where they cannot be written."""
    return write_all(verdict, gate.redactor, gate.run_folder, has_ended=has_ended, writers=writers)


def exit_code(decision: Decision, pytests: int, *, strict: bool) -> int:
    """The process's exit code: 0 GO, 1 NO-GO, 6 HOLD; pytest's own 2 to 4 stay."""
    if pytests in _PYTESTS_OWN:
        return pytests
    match decision:
        case Decision.NO_GO:
            return EXIT_NO_GO
        case Decision.HOLD:
            return EXIT_HOLD
        case Decision.GO_WITH_CAVEATS if strict:
            return EXIT_NO_GO
    return 0


def _escalations(gate: Gate, results: tuple[CheckResult, ...]) -> dict[str, str]:
    """Whom to call for each failed critical check, where the target says so."""
    whom = gate.target.escalation
    return {
        result.name: whom.get(result.info.suite, whom.get("default", ""))
        for result in results
        if result.outcome is Outcome.FAIL and result.info.severity is Severity.CRITICAL and not result.waived_by
    } if whom else {}  # fmt: skip
