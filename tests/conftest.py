"""The project's own tests: every warning is an error here (a gate run leaves warnings to the user).

With ``-n 4`` each file is one worker's (`tests.lanes`). The load generator comes first; tests on the embedded deployment,
which measure a little, step back for it (`nice`), and those that measure nothing for both.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: its threads cost a tenth of a second at every start

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from gonogo.fixtures import MODULES
from gonogo.fixtures.embedded import EmbeddedDeployment
from tests import lanes
from tests.cluster.control_plane import ControlPlane
from tests.cluster.programs import PROGRAMS
from tests.servers.build import CannotBuildError

pytest.register_assert_rewrite("suites", *MODULES)  # before any test imports one of them: see tests.forked
STEP = 5
"""Of niceness: three times less of the processor, where others want it (sched(7))."""
settings.register_profile("unhurried", deadline=None)  # no test is judged by the time it takes
settings.load_profile("unhurried")


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
    """The long files first; with one process the order does not matter.

    Raises:
        pytest.UsageError: a second worker would start the embedded deployment, too.
    """
    del config
    on_it = {lanes.name_of(item.nodeid) for item in items if "embedded" in getattr(item, "fixturenames", ())}
    if strays := on_it - {*lanes.EMBEDDED}:
        raise pytest.UsageError(
            f"on the embedded deployment, but not in tests.lanes.EMBEDDED: {', '.join(sorted(strays))}"
        )
    items.sort(key=lambda item: lanes.place_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> lanes.Lanes | None:
    """Deal out files; another ``--dist`` is the user's."""
    return lanes.Lanes(config, log) if config.option.dist == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A worker steps back for those that measure more."""
    if hasattr(item.config, "workerinput") and lanes.name_of(item.nodeid) not in lanes.LOAD:
        steps = 1 if "embedded" in getattr(item, "fixturenames", ()) else 2
        os.nice(max(0, steps * STEP - os.nice(0)))


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
