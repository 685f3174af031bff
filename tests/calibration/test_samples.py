"""Each fault of a sample makes its primary check fail; declared cascades may follow; nothing else changes."""

from pathlib import Path

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.resources import ROOT
from tests.calibration.samples import copy_sample, run_forked

KINDS = sorted(path.stem for path in (ROOT / "targets").glob("kind-*.yaml"))
FAULTS = [fault for fault in all_faults().values() if fault.target in KINDS]
_healthy: dict[str, dict[str, str]] = {}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A copy of every sample; a fault puts back what it changed."""
    return {kind: copy_sample(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_sample_is_healthy(kind: str, samples: dict[str, Path]) -> None:
    ran = run_forked(samples[kind], "--stage=ci", "-m", "static")
    assert {check["outcome"] for check in ran.verdict["checks"]} <= {"pass", "skip"}, ran.output
    assert ran.verdict["decision"] in ("GO", "GO WITH CAVEATS")
    _healthy[kind] = ran.outcomes()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_noticed(fault: Fault, samples: dict[str, Path]) -> None:
    target = samples[fault.target]
    if fault.target not in _healthy:
        _healthy[fault.target] = run_forked(target, "--stage=ci", "-m", "static").outcomes()
    before = {path: path.read_bytes() for path in target.parent.parent.glob("fixtures/**/*") if path.is_file()}

    broken = run_forked(target, "--stage=ci", "-m", "static", "--allow-disruptive", f"--fault={fault.name}")

    outcomes, healthy = broken.outcomes(), _healthy[fault.target]
    changed = {name.partition("[")[0] for name, outcome in outcomes.items() if outcome != healthy.get(name)}
    failed = {check["id"] for check in broken.verdict["checks"] if check["outcome"] == "fail"}
    assert fault.primary in failed, broken.output
    assert changed <= {fault.primary, *fault.cascades}, broken.output
    assert broken.verdict["decision"] == "NO-GO"
    assert {path: path.read_bytes() for path in before} == before, "the fault was not put back"
