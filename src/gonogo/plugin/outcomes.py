"""From what pytest saw to one of the five outcomes; see docs/verdict.md."""

import json
import re
from dataclasses import asdict
from typing import Any

import pytest

from gonogo.documents import Problems
from gonogo.errors import InconclusiveError, InWarningBand, NotDeclared, NotPermitted, StarvedError, Unsupported
from gonogo.model import CheckInfo, CheckResult, Outcome, Permission, Severity, SkipKind
from gonogo.plugin.evidence import recorder_of
from gonogo.plugin.instances import deviations_of
from gonogo.redaction import Redactor

_ATTRIBUTE = "gonogo"
_DECIDES = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.SKIP, Outcome.WARN, Outcome.PASS)
"""Unlike `gonogo.model.WORST_FIRST`: what was left out is not verified, whatever was warned of beside it."""
MAX_REASON = 4000
MAX_FINDINGS = 1000


def attach(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, info: CheckInfo, redactor: Redactor
) -> None:
    """Put a check's outcome on its report, as plain JSON (nothing else survives xdist), and tell pytest its part."""
    outcome, reason, skip_kind = _read(call)
    reason = redactor.text(reason)[:MAX_REASON]
    if outcome is Outcome.FAIL and (known := _known_deviation(item, info, call, reason)):
        outcome, reason = Outcome.WARN, f"known deviation: {known}\n{reason}"
    recorder = recorder_of(item)
    attached = {
        "info": asdict(info),
        "instance": instance_of(item),
        "outcome": outcome.value,
        "reason": reason,
        "skip_kind": skip_kind.value if skip_kind else None,
        "started_s": call.start,
        "duration_ms": round(call.duration * 1000, 3),
        "evidence": recorder.as_json(redactor) if call.when == "teardown" else [],
        "findings": redactor.json(_findings(call)),
        "searched_answers": recorder.searched_answers if call.when == "teardown" else 0,
        "leaks": list(recorder.leaks) if call.when == "teardown" else [],
    }
    plain = _plain(attached)
    setattr(report, _ATTRIBUTE, plain)
    place = (str(item.path), item.reportinfo()[1] or 0, f"{outcome.value}: {plain['reason']}")
    if outcome in (Outcome.INCONCLUSIVE, Outcome.SKIP):
        report.outcome, report.longrepr = "skipped", place
    elif outcome is Outcome.WARN:
        report.outcome, report.longrepr = "passed", None
    elif outcome is Outcome.FAIL:
        report.longrepr = plain["reason"]  # pytest's own would show values that are not redacted


def _plain(attached: dict[str, Any]) -> dict[str, Any]:
    """The same in plain types and in text that can be written.

    xdist ends the run with an internal error on a str subclass; on half of a surrogate pair, which a server's JSON may
    hold, so do xdist and every file.
    """
    text = json.dumps(attached, ensure_ascii=False).encode("utf-8", "replace")
    plain: dict[str, Any] = json.loads(text)
    return plain


def phase_of(report: pytest.TestReport) -> dict[str, Any] | None:
    """What `attach` put on a report; None for an ordinary test's."""
    attached: dict[str, Any] | None = getattr(report, _ATTRIBUTE, None)
    return attached


def combine(node_id: str, phases: list[dict[str, Any]]) -> CheckResult:
    """One result from the phases (setup, call, teardown) of a check: the worst of them decides.

    What else went wrong is told with its reason: that something could not be put back, beside why the check failed.
    """
    worst = min(phases, key=lambda phase: _DECIDES.index(phase["outcome"]))
    others = [phase for phase in phases if phase is not worst and phase["outcome"] in _DECIDES[:2]]
    raw = dict(worst["info"])
    first, *more = worst["reason"].split("\n")
    also = (f"also {phase['outcome']}: {phase['reason']}" for phase in others)
    info = CheckInfo(
        **{**raw, "severity": Severity(raw["severity"]), "permission": Permission(raw["permission"]),
           "covers": tuple(raw["covers"])}
    )  # fmt: skip
    return CheckResult(
        info=info,
        node_id=node_id,
        outcome=Outcome(worst["outcome"]),
        instance=worst["instance"],
        reason="\n".join([first, *also, *more]),
        also_wrong=bool(others),
        skip_kind=SkipKind(worst["skip_kind"]) if worst["skip_kind"] else None,
        started_s=min((phase["started_s"] for phase in phases if phase.get("started_s")), default=None),
        duration_ms=round(sum(phase["duration_ms"] for phase in phases), 3),
        evidence=tuple(observation for phase in phases for observation in phase["evidence"]),
        findings=tuple(finding for phase in phases for finding in phase["findings"]),
    )


_MEANINGS: tuple[tuple[type[BaseException], Outcome, SkipKind | None], ...] = (
    (InWarningBand, Outcome.WARN, None),
    (NotDeclared, Outcome.SKIP, SkipKind.NOT_DECLARED),
    (NotPermitted, Outcome.SKIP, SkipKind.NOT_PERMITTED),
    (Unsupported, Outcome.SKIP, SkipKind.UNSUPPORTED),
    (pytest.skip.Exception, Outcome.SKIP, SkipKind.OTHER),
    (StarvedError, Outcome.INCONCLUSIVE, None),
    (AssertionError, Outcome.FAIL, None),
    (pytest.fail.Exception, Outcome.FAIL, None),
    (InconclusiveError, Outcome.INCONCLUSIVE, None),
    (KeyboardInterrupt, Outcome.INCONCLUSIVE, None),
)
"""What each exception means; the first that fits. Any other is the gate's own error, and decides nothing."""


def _read(call: pytest.CallInfo[None]) -> tuple[Outcome, str, SkipKind | None]:
    if call.excinfo is None:
        return Outcome.PASS, "", None
    error = call.excinfo.value
    for kind, outcome, skip_kind in _MEANINGS:
        if isinstance(error, kind):
            return outcome, str(error) or f"no reason given ({kind.__name__})", skip_kind
    crash = call.excinfo.getrepr(style="short")
    return Outcome.INCONCLUSIVE, f"the gate's own error, not the deployment's: {error!r}\n{crash}", None


def _findings(call: pytest.CallInfo[None]) -> list[dict[str, Any]]:
    """The places in files that a rule complained about, as plain JSON."""
    problems: Problems = getattr(call.excinfo.value, "problems", []) if call.excinfo is not None else []
    return [asdict(problem) for problem in problems[:MAX_FINDINGS]]


def _known_deviation(item: pytest.Item, info: CheckInfo, call: pytest.CallInfo[None], reason: str) -> str:
    """Why all that is wrong here is known of this kind of endpoint; empty if any of it is not."""
    known = [deviation for deviation in deviations_of(item) if deviation.check_id == info.check_id]
    reasons: dict[str, None] = {}
    for flaw in _flaws(call) or (reason,):
        deviation = next((deviation for deviation in known if re.search(deviation.matches, flaw)), None)
        if deviation is None:
            return ""
        reasons[deviation.reason] = None
    return "; ".join(reasons)


def _flaws(call: pytest.CallInfo[None]) -> tuple[str, ...]:
    """What is wrong, one by one; empty for a fail that has one reason."""
    flaws: tuple[str, ...] = getattr(call.excinfo.value, "flaws", ()) if call.excinfo is not None else ()
    return flaws


def instance_of(item: pytest.Item) -> str:
    """The parameters' id: ``vllm-main/chat-8b``."""
    callspec = getattr(item, "callspec", None)
    return "" if callspec is None or callspec.id == "undeclared" else str(callspec.id)
