"""Each fault of the objectives that need a longer run than the embedded deployment's makes its check fail."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.resources import ROOT
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, selected
from tests.calibration.servers import Servers

FAULTS = selected(fault for fault in all_faults().values() if fault.target == "loaded")


class LoadedServers(Servers):
    """The server of ``loaded.yaml``."""

    def __init__(self, folder: Path) -> None:
        """Nothing is kept in the folder."""
        super().__init__("LOADED")
        self._folder = folder

    def start(self) -> None:
        """A quick model: 20 ms to the first token, 4 ms for each other."""
        words = ["-m", "embedded.provider", "--dialect", "vllm", "--chat-model", "chat-8b"]
        self.run([sys.executable, *words, "--port", str(self.place("gateway"))])
        self.await_health("gateway")


PLAN = Plan("suites/load", ROOT / "tests" / "calibration" / "loaded.yaml", LoadedServers, lambda _: "load")


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults that were selected, going on in the background."""
    with Pipeline.of_session(request, tmp_path_factory.mktemp("loaded"), PLAN, FAULTS) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_noticed(fault: Fault, pipeline: Pipeline) -> None:
    assert_noticed(fault, pipeline)
