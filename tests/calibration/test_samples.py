"""Each fault of a sample makes its primary check fail; declared cascades may follow; nothing else changes."""

from pathlib import Path

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.probes.commands import first_present
from gonogo.resources import ROOT
from tests.calibration.noticed import expect_noticed
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

    expect_noticed(fault, _healthy[fault.target], broken)
    assert broken.verdict["decision"] == "NO-GO"
    assert {path: path.read_bytes() for path in before} == before, "the fault was not put back"


@pytest.mark.parametrize(
    ("command", "outcome", "reason"),
    [
        ("[cat, gateway.yaml]", "pass", ""),
        ("[sed, 's/rpm: 60$/rpm: 61/', gateway.yaml]", "fail", "model_list[2].litellm_params.rpm: is '60'"),
        ("['false']", "inconclusive", "the generator failed with exit code 1"),
        ("[no-such-generator]", "inconclusive", "could not be run"),
        ("[echo, 'a: [']", "inconclusive", "the generator's output:2:1: not valid YAML"),
    ],
)
def test_a_generator_of_the_targets_own(tmp_path: Path, command: str, outcome: str, reason: str) -> None:
    target = copy_sample("kind-d", tmp_path)
    text = target.read_text(encoding="utf-8").replace(
        "# generator: {command: [python3, generate.py]}", f"generator: {{command: {command}}}"
    )
    target.write_text(text, encoding="utf-8")
    ran = run_forked(target, "--stage=ci", "-m", "static", "-k", "drift")
    (check,) = [check for check in ran.verdict["checks"] if check["id"] == "config.gateway.drift"]
    assert (check["outcome"], reason in check["reason"]) == (outcome, True), check["reason"]


def test_a_kustomization_is_built(tmp_path: Path) -> None:
    if first_present("kustomize", "kubectl") is None:
        pytest.skip("neither kustomize nor kubectl on PATH")
    target = copy_sample("kind-c", tmp_path)
    folder = tmp_path / "fixtures" / "deployments" / "kind-c" / "k8s" / "phase-1-mock"
    (folder / "kustomization.yaml").write_text("resources: [chatbot.yaml]\nnamePrefix: new-\n", encoding="utf-8")
    ran = run_forked(target, "--stage=ci", "-m", "static", "-k", "manifests")
    by_id = {check["id"]: check for check in ran.verdict["checks"]}
    assert by_id["config.manifests.probes"]["outcome"] == "pass"
    assert "no Deployment" in by_id["config.manifests.resources"]["reason"]  # it has another name now
    (folder / "kustomization.yaml").write_text("resources: [gone.yaml]\n", encoding="utf-8")
    ran = run_forked(target, "--stage=ci", "-m", "static", "-k", "manifests")
    by_id = {check["id"]: check for check in ran.verdict["checks"]}
    assert (by_id["config.manifests.valid"]["outcome"], by_id["config.manifests.probes"]["outcome"]) == (
        "fail",
        "inconclusive",
    )


def test_an_empty_folder_of_manifests_is_no_pass(tmp_path: Path) -> None:
    target = copy_sample("kind-c", tmp_path)
    (tmp_path / "fixtures" / "deployments" / "kind-c" / "k8s" / "phase-1-mock" / "chatbot.yaml").unlink()
    ran = run_forked(target, "--stage=ci", "-m", "static", "-k", "manifests")
    outcomes = {check["id"]: check["outcome"] for check in ran.verdict["checks"] if "no document" in check["reason"]}
    assert outcomes["config.manifests.valid"] == "fail"
    assert set(outcomes.values()) == {"fail", "inconclusive"}
