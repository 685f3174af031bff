"""The verdict on a terminal."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gonogo.model import CheckResult, Decision, Outcome, Verdict
from gonogo.reporting import oncall
from gonogo.reporting.json import plain
from gonogo.texts import first

_COLOURS: dict[Decision, dict[str, bool]] = {
    Decision.GO: {"green": True, "bold": True},
    Decision.GO_WITH_CAVEATS: {"yellow": True, "bold": True},
    Decision.NO_GO: {"red": True, "bold": True},
    Decision.HOLD: {"purple": True, "bold": True},
}
_MOST_NAMES = 4


def show(verdict: Verdict, files: Sequence[Path], writer: Any) -> None:  # noqa: ANN401 (pytest's private reporter)
    """Write the table of checks by suite, what is not in order, and the verdict last."""
    results = verdict.judgement.results
    if verdict.stage == oncall.STAGE:
        _page("on call", oncall.lines_of(plain(verdict)["checks"]), writer)
    writer.write_sep("=", "checks")
    _table(results, writer)
    for result in results:
        if result.outcome not in (Outcome.PASS, Outcome.SKIP):
            _detail(result, verdict, writer)
    for subject, steps in _dry_runs(results).items():
        writer.write_line(subject, bold=True)
        for line in steps:
            writer.write_line(f"  {line}")
    _unverified([result for result in results if result.outcome is Outcome.SKIP], writer)
    writer.write_sep("=", "verdict")
    _box(_told(verdict), _COLOURS[verdict.decision], writer)
    for reason in verdict.judgement.reasons:
        writer.write_line(f"  - {reason[:220]}")
    for file in files:
        writer.write_line(f"  {file}")


def _told(verdict: Verdict) -> list[str]:
    """The lines of the box: the word, what it is about, and what it took."""
    lines = [
        f"{verdict.decision}   {verdict.binding.target_name} ({verdict.binding.environment}), stage {verdict.stage}"
    ]
    if verdict.demo:
        lines.append("DEMO: the embedded deployment; this verdict can promote nothing")
    if verdict.fault:
        lines.append(f"the fault {verdict.fault} was switched on: this verdict can promote nothing")
    counts = Counter(result.outcome.value for result in verdict.judgement.results)
    seconds = (verdict.finished - verdict.started).total_seconds()
    spent = f"{verdict.budget.get('requests', 0)} requests, {seconds:.1f} s"
    return [*lines, ", ".join([f"{sum(counts.values())} checks: {_counted(counts)}", spent])]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]) or "none ran"


def _box(lines: Sequence[str], colours: dict[str, bool], writer: Any) -> None:  # noqa: ANN401
    width = max(len(line) for line in lines)
    writer.write_line(f"╭─{'─' * width}─╮", **colours)
    for line in lines:
        writer.write_line(f"│ {line:<{width}} │", **colours)
    writer.write_line(f"╰─{'─' * width}─╯", **colours)


def _page(title: str, lines: Sequence[str], writer: Any) -> None:  # noqa: ANN401
    writer.write_sep("=", title)
    for line in lines:
        writer.write_line(line)


def _unverified(results: Sequence[CheckResult], writer: Any) -> None:  # noqa: ANN401
    if results:
        writer.write_line(f"not verified ({len(results)}):")
    for reason, names in _by_reason(results).items():
        writer.write_line(f"  {reason}: {', '.join(first(names, _MOST_NAMES))}")


def _dry_runs(results: Sequence[CheckResult]) -> dict[str, list[str]]:
    """The steps that drills would take, by drill, where the run only told them."""
    seen = [observation for result in results for observation in result.evidence if observation["probe"] == "drill"]
    return {o["subject"]: o["answer"]["steps"] for o in seen if "steps" in o["answer"]}


def _by_reason(results: Sequence[CheckResult]) -> dict[str, list[str]]:
    """The names of checks by why they were not verified: one reason often leaves out many."""
    by_reason: dict[str, list[str]] = {}
    for result in results:
        reason = result.reason.splitlines()[0] if result.reason else "no reason given"
        by_reason.setdefault(reason, []).append(result.name)
    return by_reason


def _table(results: Sequence[CheckResult], writer: Any) -> None:  # noqa: ANN401
    suites = list(dict.fromkeys(result.info.suite for result in results))
    header = "".join(f"{outcome.value:>14}" for outcome in Outcome)
    writer.write_line(f"{'suite':<12}{header}")
    for suite in suites:
        counts = [sum(r.info.suite == suite and r.outcome is outcome for r in results) for outcome in Outcome]
        writer.write_line(f"{suite:<12}" + "".join(f"{count or '·':>14}" for count in counts))


def _detail(result: CheckResult, verdict: Verdict, writer: Any) -> None:  # noqa: ANN401
    waived = f" (waived by {result.waived_by})" if result.waived_by else ""
    writer.write_line(f"{result.outcome.upper()} {result.name} [{result.info.severity}]{waived}", bold=True)
    writer.write_line(f"  {result.info.title}")
    for line in result.reason.splitlines()[:6]:
        writer.write_line(f"  | {line[:200]}")
    if whom := verdict.escalation.get(result.name):
        writer.write_line(f"  escalate to: {whom}")
    repeats = [observation["repeat"] for observation in result.evidence if observation.get("repeat")]
    if repeats and result.outcome is Outcome.FAIL:
        writer.write_line(f"  repeat: {repeats[-1][:400]}")
    writer.write_line(f"  rerun:  {verdict.rerun(result)}")
