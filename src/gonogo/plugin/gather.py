"""The controlling process gathers what the checks found, and accounts for every check that was selected."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from gonogo.model import CheckResult, Outcome, SkipKind
from gonogo.plugin.checks import MAX_LISTED, info_of
from gonogo.plugin.gate import LEAKS
from gonogo.plugin.outcomes import combine, instance_of, phase_of
from gonogo.plugin.stages import OF_ALL_ANSWERS
from gonogo.probes.http import OF_THE_TARGET
from gonogo.texts import first
from gonogo.writing import write_whole

_SELECTED = "selected.json"
_NOTHING_ASKED: Mapping[str, Any] = {
    "outcome": Outcome.SKIP,
    "skip_kind": SkipKind.OTHER,
    "reason": "this run has asked for nothing: there was no answer in which a secret could have been",
}
_NOTHING_ANSWERED: Mapping[str, Any] = {
    "outcome": Outcome.INCONCLUSIVE,
    "reason": "no answer came to a check of this run: there was none in which a secret could have been",
}


def write_selected(run_folder: Path, staged: Sequence[pytest.Item], items: Sequence[pytest.Item]) -> None:
    """Note the stage's checks and which of them will run, for those that never report. Every worker writes the same."""
    running = {item.nodeid for item in items}
    selected = {
        item.nodeid: {"info": asdict(info), "instance": instance_of(item), "runs": item.nodeid in running}
        for item in staged
        if (info := info_of(item))
    }
    write_whole(run_folder / _SELECTED, json.dumps(selected))


class Gathering:
    """Phases of each check as they are reported."""

    def __init__(self, run_folder: Path, requests: Callable[[], float]) -> None:
        """`requests` tells how many requests the run has sent, of all checks."""
        self._run_folder, self._requests = run_folder, requests
        self._phases: dict[str, list[dict[str, Any]]] = {}
        self._crashed: dict[str, str] = {}
        self._finished: set[str] = set()
        self._failed_tests: list[str] = []

    @property
    def failed_tests(self) -> list[str]:
        """Ordinary tests that failed in this run, or ended their worker: the verdict must not pass over them."""
        checks = self._selected()
        return [*self._failed_tests, *(node_id for node_id in self._crashed if node_id not in checks)]

    def take(self, report: pytest.TestReport) -> CheckResult | None:
        """Take a report; the finished result once a check's last phase is in."""
        phase = phase_of(report)
        if phase is None:
            if report.when not in ("setup", "call", "teardown"):  # xdist: the worker died, there is no evidence
                self._crashed[report.nodeid] = str(report.longrepr)
            elif report.failed:
                self._failed_tests.append(report.nodeid)
            return None
        phases = self._phases.setdefault(report.nodeid, [])
        phases.append(phase)
        if report.when != "teardown":
            return None
        self._finished.add(report.nodeid)
        return combine(report.nodeid, phases)

    def results(self) -> list[CheckResult]:
        """One result for every selected check; one that never reported is inconclusive."""
        selected = self._selected()
        results = {node_id: combine(node_id, phases) for node_id, phases in self._phases.items()}
        for node_id, lost in selected.items():
            if not lost.pop("runs"):
                results[node_id] = combine(node_id, [_left_out(lost)])
            elif node_id not in self._finished:  # no teardown: whatever its setup said, the check did not end
                reason = self._crashed.get(node_id, "the run ended before this check did")
                results[node_id] = combine(node_id, [_lost(lost, reason), *self._phases.get(node_id, [])])
        return sorted(map(self._with_leaks, results.values()), key=lambda result: result.node_id)

    def _selected(self) -> dict[str, Any]:
        """What is to be gathered, by its node id."""
        file = self._run_folder / _SELECTED
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return found

    def _told_leaks(self) -> list[str] | None:
        """Of answers that several checks share; None where there was none."""
        try:
            return (self._run_folder / LEAKS).read_text(encoding="utf-8").splitlines()
        except OSError:
            return None

    def _without_leaks(self, *, shared: bool) -> Mapping[str, Any]:
        """What a run without any leak says of it: nothing to change, where there was an answer at all."""
        if shared or any(phase.get("searched_answers") for phases in self._phases.values() for phase in phases):
            return {}
        return _NOTHING_ANSWERED if self._requests() else _NOTHING_ASKED

    def _with_leaks(self, result: CheckResult) -> CheckResult:
        """The check of all answers is decided here, when they are all known, whoever saw them in whichever process."""
        if result.info.check_id != OF_ALL_ANSWERS or result.outcome is not Outcome.PASS:
            return result
        shared = self._told_leaks()
        leaks = dict.fromkeys(shared or (), "::several checks")
        leaks |= {
            leak: node_id for node_id, phases in self._phases.items() for p in phases for leak in p.get("leaks", ())
        }
        if not leaks:
            return replace(result, **self._without_leaks(shared=shared is not None))
        told = [f"{leak} (seen by {node_id.rpartition('::')[2]})" for leak, node_id in leaks.items()]
        told.sort(key=lambda line: OF_THE_TARGET not in line)
        # what only looks like a key may be an example, or somebody's own session
        outcome = Outcome.FAIL if any(OF_THE_TARGET in leak for leak in leaks) else Outcome.WARN
        return replace(result, outcome=outcome, reason="\n".join(first(told, MAX_LISTED)))


def _left_out(selected: dict[str, Any]) -> dict[str, Any]:
    """The phase of a check of this stage that the command line left out."""
    reason = "not selected on the command line"
    return {**_lost(selected, reason), "outcome": "skip", "skip_kind": SkipKind.NOT_SELECTED.value}


def _lost(selected: dict[str, Any], reason: str) -> dict[str, Any]:
    """The phase of a check that never reported."""
    return {
        **selected,
        "outcome": "inconclusive",
        "reason": reason,
        "skip_kind": None,
        "duration_ms": 0.0,
        "evidence": [],
        "findings": [],
    }
