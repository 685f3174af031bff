"""Each fault makes the drill that it is about fail at its primary check; declared cascades may follow; nothing else changes."""

from collections.abc import Iterator

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from tests.calibration.alarmed import TARGET as ALARMED_TARGET
from tests.calibration.alarmed import AlarmedServers
from tests.calibration.pipeline import Pipeline, Plan, assert_noticed, is_thorough, selected
from tests.calibration.routed import TARGET as ROUTED_TARGET
from tests.calibration.routed import RoutedServers
from tests.calibration.watched import MISSING
from tests.cluster.control_plane import ControlPlane
from tests.cluster.namespace import DRILLS_TARGET, ELASTIC_TARGET, ElasticChatbot, LivelyChatbot

SLOW = {"good-version-slow", "rollout-slow", "clean-up-impossible", "autoscaler-cannot-grow", "autoscaler-elsewhere"}
"""A minute and more each: with ``GONOGO_FAULTS=all`` only."""
FAULTS = selected(
    fault
    for fault in all_faults().values()
    if fault.primary.startswith("drills.") and (is_thorough() or fault.name not in SLOW)
)
ON_CLUSTER = {name: fault for name, fault in FAULTS.items() if fault.target == "drills"}
ELASTIC = {name: fault for name, fault in FAULTS.items() if fault.target == "elastic"}
ALARMED = {name: fault for name, fault in FAULTS.items() if fault.target == "alarmed"}
SUPERVISED = {name: fault for name, fault in FAULTS.items() if fault.target == "routed"}
SCOPES = {
    "rollout-without-deadline": "bad-image",
    "good-version-slow": "errors",
    "rollback-config-gone": "bad-image",
    "bad-version-registered": "bad-image",
    "registry-dishonest": "bad-image",
    "pods-ready-too-early": "again",
    "requests-aborted": "again",
    "rollout-slow": "again",
    "green-down": "colours",
    "green-failing": "colours",
    "pod-not-replaced": "pod",
    "pod-alone": "pod",
    "restore-broken": "policies",
    "restore-differs": "policies",
    "restore-stale": "policies",
    "clean-up-impossible": "errors",
    "drill-overdue": "history_due and policies",
    "autoscaler-cannot-grow": "chatbot",
    "autoscaler-elsewhere": "chatbot",
    "backup-missing": "config_rollback",
    "canary-failing": "hosted",
    "canary-without-effect": "hosted",
    "spike-unseen": "latency-spike",
    "restart-does-not-help": "latency-spike",
    "versions-folder-gone": "release",
    "start-slow": "start and chatbot",
    "kill-unalerted": "router",
    "kill-alert-stays": "router",
    "bypass-unnoticed": "bypass",
}
"""By fault: the drill that it is about; the others take their time, and would not notice it."""


def scope_of(fault: Fault) -> str:
    """The drill that a fault is about; whether it is due is told by its own fault only."""
    scope = SCOPES[fault.name]
    return scope if "history_due" in scope else f"{scope} and not history_due"


@pytest.fixture(scope="module")
def on_cluster(
    request: pytest.FixtureRequest, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """The runs of the faults of the cluster's drills, going on in the background."""
    plan = Plan("suites/drills", DRILLS_TARGET, lambda folder: LivelyChatbot(control_plane, folder), scope_of, lanes=2)
    with Pipeline.of_session(request, tmp_path_factory.mktemp("drills"), plan, ON_CLUSTER) as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def supervised(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults of a supervisor's drills, going on in the background."""
    plan = Plan("suites/drills", ROUTED_TARGET, RoutedServers, scope_of, lanes=2)
    with Pipeline.of_session(request, tmp_path_factory.mktemp("supervised"), plan, SUPERVISED) as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def alarmed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults of drills with an alert, or with an agent, going on in the background."""
    if MISSING:
        pytest.skip(f"not on PATH: {', '.join(MISSING)} (Debian's packages have them)")
    plan = Plan("suites/drills", ALARMED_TARGET, AlarmedServers, scope_of, lanes=2)
    with Pipeline.of_session(request, tmp_path_factory.mktemp("alarmed"), plan, ALARMED) as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def elastic(
    request: pytest.FixtureRequest, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """The runs of the faults of the drill on autoscaling."""
    plan = Plan(
        "suites/drills", ELASTIC_TARGET, lambda folder: ElasticChatbot(control_plane, folder), scope_of, lanes=1
    )
    with Pipeline.of_session(request, tmp_path_factory.mktemp("elastic"), plan, ELASTIC) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", ON_CLUSTER.values(), ids=ON_CLUSTER)
def test_fault_is_noticed_on_a_cluster(fault: Fault, on_cluster: Pipeline) -> None:
    assert_noticed(fault, on_cluster)


@pytest.mark.parametrize("fault", SUPERVISED.values(), ids=SUPERVISED)
def test_fault_is_noticed_under_a_supervisor(fault: Fault, supervised: Pipeline) -> None:
    assert_noticed(fault, supervised)


@pytest.mark.parametrize("fault", ELASTIC.values(), ids=ELASTIC)
def test_fault_is_noticed_by_an_autoscaler(fault: Fault, elastic: Pipeline) -> None:
    assert_noticed(fault, elastic)


@pytest.mark.parametrize("fault", ALARMED.values(), ids=ALARMED)
def test_fault_is_noticed_by_an_alarm(fault: Fault, alarmed: Pipeline) -> None:
    assert_noticed(fault, alarmed)
