"""The project's own tests: every warning is an error here (a gate run leaves warnings to the user).

With ``-n 2`` each file is one worker's. Those that take longest come first, in an order that gives the tests on the
embedded deployment to one worker; the other steps back (`nice`), so that nothing is measured beside a crowd.
"""

import os
import signal
from collections.abc import Iterator

import pytest

from gonogo.fixtures.embedded import EmbeddedDeployment
from tests.cluster.control_plane import ControlPlane
from tests.cluster.programs import PROGRAMS
from tests.servers.build import CannotBuildError

ORDER = (
    "test_faults",
    "test_contract",
    "test_healthy",
    "test_routed",
    "test_drills",
    "test_safety",
    "test_real_servers",
    "test_samples",
    "test_gate",
)
"""xdist hands out the first two files, then the next two: the first and the third are on the embedded deployment."""
NICENESS = 10


def pytest_configure(config: pytest.Config) -> None:
    """Be strict with ourselves; what tests start must not take itself for one of our workers."""
    # a background job of a shell ignores Ctrl-C, and what it starts inherits that: tests send it on purpose
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("filterwarnings", "error")
    if hasattr(config, "workerinput"):
        for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
            os.environ.pop(name, None)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Distribute by file, in the order of the collection."""
    # by file: xdist 3.8 cannot distribute by group with pytest 9.2, whose items have no `_nodeid` any more
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist, config.option.loadscopereorder = "loadfile", False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long files first; with one process the order does not matter."""
    del config
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A worker that does not measure the deployment steps back."""
    if hasattr(item.config, "workerinput") and "embedded" not in getattr(item, "fixturenames", ()):
        os.nice(max(0, NICENESS - os.nice(0)))


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A Kubernetes control plane of this process's own, with a node; where it cannot be built its tests are skipped."""
    try:
        plane = ControlPlane.built(tmp_path_factory.mktemp("control-plane"))
    except CannotBuildError as error:
        pytest.skip(str(error))
    with plane:
        plane.start_node(PROGRAMS)
        yield plane


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedDeployment]:
    """The running embedded deployment."""
    deployment = EmbeddedDeployment()
    yield deployment
    deployment.stop()
