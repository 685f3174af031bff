"""Each fault of who gets in where makes its primary check fail; declared cascades may follow; nothing else changes."""

from collections.abc import Iterator

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from tests.calibration.guarded import TARGET, GuardedServers
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, selected

FAULTS = selected(fault for fault in all_faults().values() if fault.target == "guarded")
PLAN = Plan("suites/security", TARGET, GuardedServers, lambda _: "security", lanes=3, requests=650)


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults that were selected, going on in the background."""
    with Pipeline.of_session(request, tmp_path_factory.mktemp("guarded"), PLAN, FAULTS) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_noticed(fault: Fault, pipeline: Pipeline) -> None:
    assert_noticed(fault, pipeline)
