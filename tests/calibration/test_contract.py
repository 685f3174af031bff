"""Each fault of a scripted server makes its primary check fail; declared cascades may follow; nothing else changes."""

from collections.abc import Iterator

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, selected
from tests.calibration.scripted import TARGET, ScriptedServers

PARTS = {"vllm-main", "ollama-edge", "edge-api", "gateway"}
"""What ``scripted.yaml`` declares; faults of other parts are calibrated on the whole embedded deployment."""


def scope_of(fault: Fault) -> str:
    """The part of the deployment that a fault breaks; other parts are processes of their own and cannot notice."""
    return str(fault.steps[0].get("control", ""))


def is_scripted(fault: Fault) -> bool:
    """Whether a fault of the suite contract is in one of the scripted servers."""
    on_target = fault.target in ("embedded", "scripted")
    return on_target and fault.primary.startswith("contract.") and scope_of(fault) in PARTS


PLAN = Plan("suites/contract", TARGET, ScriptedServers, scope_of)
FAULTS = selected(fault for fault in all_faults().values() if is_scripted(fault))


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults that were selected, going on in the background."""
    import openai  # noqa: PLC0415 (a second of every worker; and once for all runs, so that none of them does)

    from gonogo.probes import clients  # noqa: F401, PLC0415

    client = openai.OpenAI(api_key="none")  # it imports its parts when they are first asked for
    assert client.chat.completions
    assert client.embeddings
    assert client.models
    with Pipeline.of_session(request, tmp_path_factory.mktemp("contract"), PLAN, FAULTS) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_noticed(fault: Fault, pipeline: Pipeline) -> None:
    assert_noticed(fault, pipeline)


def test_the_suite_is_cheap_enough(pipeline: Pipeline) -> None:
    """One provider with one model costs at most 400 requests."""
    fault = next(fault for fault in FAULTS.values() if scope_of(fault) == "vllm-main")
    checks = pipeline.healthy(fault).verdict["checks"]
    sent = [seen for check in checks for seen in check["evidence"] if seen["probe"] == "http"]
    assert 100 < len(sent) <= 400
