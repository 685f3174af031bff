"""Each fault of the objectives that need a longer run than the embedded deployment's makes its check fail."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.resources import ROOT
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, is_thorough, selected
from tests.calibration.servers import Servers

# A dozen load runs of half a minute take the processor from the tests beside them, and these from them: `.ci/run` has them
# to themselves.
pytestmark = pytest.mark.skipif(
    not is_thorough(), reason="only with GONOGO_FAULTS=all: these load runs want a quiet machine"
)
TARGETS = ("loaded", "stressed")
FAULTS = {target: selected(fault for fault in all_faults().values() if fault.target == target) for target in TARGETS}
CASES = [fault for faults in FAULTS.values() for fault in faults.values()]


class LoadedServers(Servers):
    """The server of ``loaded.yaml``."""

    def __init__(self, folder: Path) -> None:
        """Nothing is kept in the folder."""
        super().__init__("LOADED")
        self._folder = folder

    def start(self) -> None:
        """A model that takes 60 ms to the first token and 8 ms for each other: more than a busy machine adds."""
        provider = ["embedded.provider", "--dialect", "vllm", "--chat-model", "chat-8b"]
        provider += ["--first-token-ms", "60", "--token-ms", "8"]
        self.run([sys.executable, "-m", *provider, "--port", str(self.place("vllm"))])
        words = ["embedded.passthrough", "--upstream", self.urls["vllm"]]
        self.run([sys.executable, "-m", *words, "--port", str(self.place("gateway"))])
        for name in ("vllm", "gateway"):
            self.await_health(name)


def plan_of(target: str) -> Plan:
    """What runs on a target: the whole suite, which is one load run."""
    return Plan(
        "suites/load", ROOT / "tests" / "calibration" / f"{target}.yaml", LoadedServers, lambda _: "load", lanes=6
    )


@pytest.fixture(scope="module")
def pipelines(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Pipeline]]:
    """The runs of the faults that were selected, going on in the background."""
    with ExitStack() as stack:
        yield {
            target: stack.enter_context(
                Pipeline.of_session(request, tmp_path_factory.mktemp(target), plan_of(target), FAULTS[target])
            )
            for target in TARGETS
        }


@pytest.mark.parametrize("fault", CASES, ids=[fault.name for fault in CASES])
def test_fault_is_noticed(fault: Fault, pipelines: dict[str, Pipeline]) -> None:
    pipeline = pipelines[fault.target]
    for ran in (pipeline.healthy(fault), pipeline.broken(fault)):
        if "the load run is not valid" in ran.output:
            pytest.skip("beside other tests the load generator did not get its time, and said so")
    assert_noticed(fault, pipeline)
