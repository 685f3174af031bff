"""Which worker runs which test file: ``pytest tests -n 4``.

Files that share something expensive, or measure, stay together as long as there is other work. Most tests wait, so four
workers keep two cores busy; those that measure nothing step back for those that do (`tests.conftest`). That works only
within one session: Linux gives each session the same share of the processor (autogroups, sched(7)), whatever its
processes' niceness, so servers are started in process groups instead, and the load
generator in a session of its own.
"""

from collections.abc import Iterable

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

EMBEDDED = ("calibration/test_faults", "calibration/test_healthy", "docs/test_commands")
"""On the embedded deployment."""
LOAD = ("load/test_locust", "load/test_users", "load/test_hostile", "load/test_wire")
"""On the load generator, which says so when it does not get its time."""
CLUSTER = (
    "calibration/test_drills", "cluster/test_safety", "calibration/test_cluster", "cluster/test_rights", "faults/test_kubernetes", "deploy/test_manifests",
)  # fmt: skip
"""On the Kubernetes control plane."""
WHEEL = ("deploy/test_image", "deploy/test_wheel", "deploy/test_pipelines")
"""On an environment with the wheel, and the image of the same packages."""
LONG = (
    "calibration/test_routed", "calibration/test_contract", "calibration/test_monitoring",
    "calibration/test_replies", "calibration/test_security", "calibration/test_agent",
    "servers/test_real_servers", "calibration/test_watch", "calibration/test_samples", "plugin/test_gate",
    "calibration/test_chatbots", "calibration/test_odd_chatbots", "calibration/test_hosts", "loadtest/test_blocks",
    "containers/test_containers", "test_webhook", "embedded/test_program", "reporting/test_page",
    "plugin/test_progress", "drills/test_drills", "servers/test_balancer", "servers/test_toxiproxy",
)  # fmt: skip
"""What takes longest comes first, so that no worker is left with it at the end."""
_HOMES = (EMBEDDED, LOAD, CLUSTER, WHEEL)
ORDER = (*EMBEDDED, *LOAD, *CLUSTER, *WHEEL, *LONG)


def name_of(node_id: str) -> str:
    """The test file, as the lists above name it."""
    return node_id.partition("::")[0].removeprefix("tests/").removesuffix(".py")


def place_of(node_id: str) -> int:
    """Where a test's file stands in the order of all."""
    name = name_of(node_id)
    return ORDER.index(name) if name in ORDER else len(ORDER)


class Lanes(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
    """Each worker takes the files of its own home first, then what is nobody's, then what is left."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        nodes = self.nodes
        self.workqueue.move_to_end(_next_file(self.workqueue, nodes.index(node), len(nodes)), last=False)
        super()._assign_work_unit(node)


def _next_file(waiting: Iterable[str], worker: int, workers: int) -> str:
    def strangeness(file: str) -> int:
        home = next((index for index, names in enumerate(_HOMES) if name_of(file) in names), None)
        return 1 if home is None else 0 if home % workers == worker else 2

    return min(waiting, key=strangeness)
