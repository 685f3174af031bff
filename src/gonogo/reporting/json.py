"""verdict.json: the verdict for machines. Its JSON Schema is ``reports/verdict.schema.json``."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gonogo.model import CheckResult, Outcome, Verdict

SCHEMA_VERSION = "1.3"


class JsonWriter:
    """Writes verdict.json."""

    file_name = "verdict.json"

    def render(self, verdict: dict[str, Any]) -> str:
        """The verdict, indented."""
        return json.dumps(verdict, indent=1, ensure_ascii=False) + "\n"


def plain(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain JSON: what every writer reads."""
    results = verdict.judgement.results
    return {
        "schema_version": SCHEMA_VERSION,
        "decision": verdict.decision.value,
        "demo": verdict.demo,
        "run_id": verdict.run_id,
        "stage": verdict.stage,
        "started": verdict.started.isoformat(),
        "finished": verdict.finished.isoformat(),
        "valid_until": verdict.valid_until.isoformat(),
        "change_id": verdict.change_id,
        "interrupted": verdict.interrupted,
        "fault": verdict.fault,
        "reasons": list(verdict.judgement.reasons),
        "caveats": list(verdict.judgement.caveats),
        "binding": {**asdict(verdict.binding), "model_digests": dict(verdict.binding.model_digests)},
        "budget": dict(verdict.budget),
        "escalation": dict(verdict.escalation),
        "load": dict(verdict.load) if verdict.load is not None else None,
        "before": [dict(run) for run in verdict.before],
        "command": verdict.command,
        "counts": {outcome.value: sum(r.outcome is outcome for r in results) for outcome in Outcome},
        "checks": [_check(result, verdict.rerun(result)) for result in results],
    }


def _iso(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else None


def _check(result: CheckResult, rerun: str) -> dict[str, Any]:
    return {
        "id": result.info.check_id,
        "instance": result.instance,
        "name": result.name,
        "title": result.info.title,
        "suite": result.info.suite,
        "severity": result.info.severity.value,
        "permission": result.info.permission.value,
        "covers": list(result.info.covers),
        "outcome": result.outcome.value,
        "reason": result.reason,
        "skip_kind": result.skip_kind.value if result.skip_kind else None,
        "waived_by": result.waived_by,
        "started": _iso(result.started_s),
        "duration_ms": result.duration_ms,
        "node_id": result.node_id,
        "rerun": rerun,
        "findings": [dict(finding) for finding in result.findings],
        "evidence": [dict(observation) for observation in result.evidence],
    }
