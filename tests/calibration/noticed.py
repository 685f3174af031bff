"""Whether a fault was noticed as it says: its primary check fails, declared cascades may follow, nothing else changes.

With ``GONOGO_MATRIX=FILE`` each fault also leaves a line there: what was looked at and what turned. `docs.tools.matrix`
makes the calibration matrix of it.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from gonogo.faults.catalogue import Fault
from gonogo.model import SkipKind
from tests.calibration.conftest import GateRun

OWN_ERROR = "the gate's own error"
"""A check that ends so is inconclusive, whatever it would have found."""
SEEN = {"pass", "warn", "fail", "inconclusive"}
"""Outcomes of a check that was tried."""


def expect_noticed(fault: Fault, healthy: Mapping[str, str], broken: GateRun) -> None:
    """Compare a run with the fault with the same run on the healthy deployment.

    Args:
        fault: what was switched on.
        healthy: the outcome of each check and instance without it.
        broken: the run with it.
    """
    now = {c["name"]: c["outcome"] for c in broken.verdict["checks"] if c["skip_kind"] != SkipKind.NOT_SELECTED}
    changed = {name.partition("[")[0] for name, outcome in now.items() if outcome != healthy.get(name)}
    failed = {check["id"] for check in broken.verdict["checks"] if check["outcome"] == "fail"}
    _note(fault, now, changed, failed)
    assert own_errors(broken) == {}
    assert fault.primary in failed, broken.output
    assert changed <= {fault.primary, *fault.cascades}, broken.output


def own_errors(run: GateRun) -> dict[str, str]:
    """The checks that ended in an error of the gate's own, and in which."""
    return {check["name"]: check["reason"] for check in run.verdict["checks"] if OWN_ERROR in check["reason"]}


def _note(fault: Fault, now: Mapping[str, str], changed: set[str], failed: set[str]) -> None:
    file = os.environ.get("GONOGO_MATRIX")
    if file:
        tried = {name.partition("[")[0] for name, outcome in now.items() if outcome in SEEN}
        line: dict[str, Any] = {
            "fault": fault.name,
            "target": fault.target,
            "tried": sorted(tried),
            "failed": sorted(failed & changed),
        }
        line["changed"] = sorted(changed)
        with open(file, "a", encoding="utf-8") as matrix:  # noqa: PTH123 (appended by several workers, a line at once)
            matrix.write(json.dumps(line) + "\n")
