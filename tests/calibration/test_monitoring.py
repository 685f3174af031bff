"""Each fault of what watches a deployment makes its primary check fail; declared cascades may follow; nothing else changes."""

from collections.abc import Iterator

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, selected
from tests.calibration.watched import MISSING, TARGET, WatchedServers

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not on PATH: {', '.join(MISSING)} (Debian's packages have them)"
)
FAULTS = selected(fault for fault in all_faults().values() if fault.target == "watched")
SLOW = "alerts_delivered"
"""Takes ten seconds: only for the faults that are about it."""


def scope_of(fault: Fault) -> str:
    """Everything but the drill, which runs for its own faults only."""
    return "test_" if fault.primary == "monitoring.alerts.delivered" else f"not {SLOW}"


PLAN = Plan("suites/monitoring", TARGET, WatchedServers, scope_of, lanes=3, requests=150)


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults that were selected, going on in the background."""
    with Pipeline.of_session(request, tmp_path_factory.mktemp("watched"), PLAN, FAULTS) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_noticed(fault: Fault, pipeline: Pipeline) -> None:
    assert_noticed(fault, pipeline)
