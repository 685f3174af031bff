"""Each fault, switched on alone, makes its primary check fail; declared cascades may follow; nothing else changes."""

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from tests.calibration.conftest import GateRun, RunGate
from tests.calibration.noticed import expect_noticed
from tests.calibration.pipeline import selected, switching_on
from tests.calibration.test_contract import is_scripted, scope_of
from tests.unhindered import unhindered

NEIGHBOURS = {
    "artifacts": ("config",),
    "config": ("artifacts",),
    "contract": (),
    "routing": (),
    "monitoring": (),
    "security": ("monitoring",),
}
"""A fault runs against its own suite and the quick checks of these."""

_healthy: dict[tuple[str, ...], dict[str, str]] = {}
FAULTS = selected(f for f in all_faults().values() if f.target == "embedded" and not is_scripted(f)).values()


def scope_for(fault: Fault) -> tuple[str, ...]:
    """What runs: of the large suites contract and routing only what looks at the part that is broken."""
    suite = fault.primary.partition(".")[0]
    folders = tuple(f"suites/{name}" for name in sorted({suite, *NEIGHBOURS[suite]}))
    if suite == "contract":
        return (*folders, f"-k={scope_of(fault)}")
    if suite == "routing":  # all of it is calibrated on the small router
        # a limit that was used up a moment ago is waited for, a minute each time
        return (*folders, "-k=smoke or test_limits_enforced" if ".limits." in fault.primary else "-k=smoke")
    return (*folders, f"-m={suite} or smoke")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_noticed(fault: Fault, run_forked_gate: RunGate) -> None:
    suites = scope_for(fault)
    if suites not in _healthy:
        _healthy[suites] = _ran(run_forked_gate, *suites).outcomes()
        assert "fail" not in _healthy[suites].values(), "the healthy deployment must not fail"

    broken = _ran(run_forked_gate, *switching_on(fault), *suites)

    expect_noticed(fault, _healthy[suites], broken)
    failed = [check for check in broken.verdict["checks"] if check["outcome"] == "fail"]
    assert (broken.verdict["decision"] == "NO-GO") == any(check["severity"] != "minor" for check in failed)


def _ran(run: RunGate, *arguments: str) -> GateRun:
    return unhindered(lambda: run("--stage=gate", "--allow-disruptive", *arguments), lambda done: done.output)
