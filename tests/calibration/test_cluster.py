"""Each fault of a cluster makes its primary check fail; declared cascades may follow; nothing else changes."""

from collections.abc import Iterator

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, selected
from tests.cluster.control_plane import ControlPlane
from tests.cluster.namespace import CLUSTER_TARGET, QuietChatbot, install_operator

FAULTS = selected(fault for fault in all_faults().values() if fault.target == "cluster")


@pytest.fixture(scope="module")
def pipeline(
    request: pytest.FixtureRequest, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """The runs of the faults that were selected, going on in the background."""
    with control_plane.client() as client:
        install_operator(client)
    plan = Plan(
        "suites/cluster", CLUSTER_TARGET, lambda folder: QuietChatbot(control_plane, folder), lambda _: "", lanes=1
    )
    with Pipeline.of_session(request, tmp_path_factory.mktemp("cluster"), plan, FAULTS) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_noticed(fault: Fault, pipeline: Pipeline) -> None:
    assert_noticed(fault, pipeline)
