"""The controlling process gathers what the checks found, and accounts for every check that was selected."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gonogo.model import CheckResult
from gonogo.plugin.checks import info_of
from gonogo.plugin.outcomes import combine, instance_of, phase_of

_SELECTED = "selected.json"


def write_selected(run_folder: Path, items: Sequence[pytest.Item]) -> None:
    """Note which checks were selected, for the case that some never report. Every worker writes the same."""
    selected = {
        item.nodeid: {"info": asdict(info), "instance": instance_of(item)} for item in items if (info := info_of(item))
    }
    unfinished = run_folder / f"{_SELECTED}.{id(items):x}.part"
    unfinished.write_text(json.dumps(selected), encoding="utf-8")
    unfinished.replace(run_folder / _SELECTED)


class Gathering:
    """Phases of each check as they are reported."""

    def __init__(self, run_folder: Path) -> None:
        self._run_folder = run_folder
        self._phases: dict[str, list[dict[str, Any]]] = {}
        self._crashed: dict[str, str] = {}
        self.collect_errors: list[str] = []

    def take(self, report: pytest.TestReport) -> CheckResult | None:
        """Take a report; the finished result once a check's last phase is in."""
        phase = phase_of(report)
        if phase is None:
            if report.when not in ("setup", "call", "teardown"):  # xdist: the worker died, there is no evidence
                self._crashed[report.nodeid] = str(report.longrepr)
            return None
        phases = self._phases.setdefault(report.nodeid, [])
        phases.append(phase)
        return combine(report.nodeid, phases) if report.when == "teardown" else None

    def results(self) -> list[CheckResult]:
        """One result for every selected check; one that never reported is inconclusive."""
        file = self._run_folder / _SELECTED
        selected: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        results = {node_id: combine(node_id, phases) for node_id, phases in self._phases.items()}
        for node_id, lost in selected.items():
            reason = self._crashed.get(node_id, "" if node_id in results else "the run ended before this check")
            if reason:
                results[node_id] = combine(node_id, [_lost(lost, reason), *self._phases.get(node_id, [])])
        return sorted(results.values(), key=lambda result: result.node_id)


def _lost(selected: dict[str, Any], reason: str) -> dict[str, Any]:
    """The phase of a check that never reported."""
    return {
        **selected,
        "outcome": "inconclusive",
        "reason": reason,
        "skip_kind": None,
        "duration_ms": 0.0,
        "evidence": [],
    }
