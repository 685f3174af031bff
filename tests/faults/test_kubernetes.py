"""Workloads and objects of a real API server are changed, and put back."""

import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from embedded.ports import free_port
from gonogo.drills.releases import WorkloadReleases
from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError
from gonogo.faults.injection import Injector
from gonogo.faults.interface import ChangedMeanwhileError
from gonogo.faults.journal import Journal
from gonogo.faults.patches import differences
from gonogo.probes.context import ProbeContext
from gonogo.probes.kubernetes import ClusterApi
from gonogo.redaction import Redactor
from gonogo.targets.cluster import Cluster
from gonogo.targets.drills import Change
from gonogo.targets.loader import load_target
from gonogo.targets.model import Target
from tests.cluster.control_plane import CONTEXT, ControlPlane, apply
from tests.cluster.namespace import await_object

PROBES = ProbeContext(lambda _: None, Redactor([]))
SPACE = "faults"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{SPACE}/deployments/vllm"
SECRET = f"/api/v1/namespaces/{SPACE}/secrets/keys"


@pytest.fixture(scope="module", autouse=True)
def workload(control_plane: ControlPlane) -> None:
    """Three pods on kwok's node, and a secret."""
    pod: dict[str, Any] = {
        "tolerations": [{"key": "kwok", "operator": "Exists"}], "nodeSelector": {"type": "kwok"},
        "containers": [{"name": "vllm", "image": "vllm:1"}],
    }  # fmt: skip
    labels = {"app": "vllm"}
    spec = {
        "replicas": 3,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "namespace": SPACE},
        "stringData": {"A": "1", "B": "2"},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "vllm", "namespace": SPACE},
        "spec": spec,
    }
    with control_plane.client() as client:
        apply(client, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
        await_object(client, f"/api/v1/namespaces/{SPACE}/serviceaccounts/default", lambda _: True)
        apply(client, deployment, secret)
        await_object(client, DEPLOYMENT, lambda item: item["status"].get("readyReplicas") == 3)


@pytest.fixture
def page(tmp_path: Path) -> Any:
    """A page that answers for the part."""
    port = free_port()
    words = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


def target_of(
    tmp_path: Path, plane: ControlPlane, page: str, workload: str = "deployment/vllm", **cluster: str
) -> Target:
    file = tmp_path / "target.yaml"
    told = {"context": CONTEXT, "namespace": SPACE, "kubeconfig": str(plane.kubeconfig), **cluster}
    file.write_text(
        f"name: t\nenvironment: staging\ncluster: {told}\n"
        f"providers: [{{name: p, kind: vllm, url: '{page}', health_path: /, workload: {workload}}}]\n",
        encoding="utf-8",
    )
    return load_target(file, date(2026, 1, 1))


def read(plane: ControlPlane, path: str) -> dict[str, Any] | None:
    with plane.client() as client:
        answer = client.get(path)
        return dict(answer.json()) if answer.status_code == 200 else None


def test_a_workload_is_scaled_to_zero_and_back(tmp_path: Path, control_plane: ControlPlane, page: str) -> None:
    journal = Journal(tmp_path / "journal")
    with Injector(target_of(tmp_path, control_plane, page), journal).broken({"scale": "p", "replicas": 0}):
        broken = read(control_plane, DEPLOYMENT)
        assert broken is not None
        assert "replicas" not in broken["status"]
        (entry,) = journal.unfinished()
        assert entry.details["replicas"] == 3
    after = read(control_plane, DEPLOYMENT)
    assert after is not None
    assert after["status"]["readyReplicas"] == 3
    assert journal.unfinished() == []


def test_one_that_has_so_many_replicas_already_is_left_alone(
    tmp_path: Path, control_plane: ControlPlane, page: str
) -> None:
    journal = Journal(tmp_path / "journal")
    injector = Injector(target_of(tmp_path, control_plane, page), journal)
    with pytest.raises(GonogoError, match="somebody else"), injector.broken({"scale": "p", "replicas": 3}):
        pass
    assert journal.unfinished() == []


@pytest.mark.parametrize(
    ("step", "broken"),
    [
        ({"object": "Secret/keys", "patch": {"data": {"B": None}}}, {"A"}),
        ({"object": "Secret/keys", "delete": True}, None),
    ],
)
def test_an_object_is_as_before_afterwards(
    tmp_path: Path, control_plane: ControlPlane, page: str, step: dict[str, Any], broken: set[str] | None
) -> None:
    before = read(control_plane, SECRET)
    assert before is not None
    with Injector(target_of(tmp_path, control_plane, page), Journal(tmp_path / "journal")).broken(step):
        seen = read(control_plane, SECRET)
        assert (set(seen["data"]) if seen else None) == broken
    after = read(control_plane, SECRET)
    assert after is not None
    assert (after["data"], after["type"]) == (before["data"], before["type"])


def test_an_object_that_was_added_goes(tmp_path: Path, control_plane: ControlPlane, page: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "9"}}}
    path = f"/api/v1/namespaces/{SPACE}/resourcequotas/few"
    injector = Injector(target_of(tmp_path, control_plane, page), Journal(tmp_path / "journal"))
    with injector.broken({"object": "ResourceQuota/few", "add": quota}):
        assert read(control_plane, path) is not None
        again = Injector(target_of(tmp_path, control_plane, page), Journal(tmp_path / "other"))
        with pytest.raises(GonogoError, match="is there"), again.broken({"object": "ResourceQuota/few", "add": quota}):
            pass
    assert read(control_plane, path) is None


def test_a_pod_whose_status_was_changed_is_replaced(tmp_path: Path, control_plane: ControlPlane, page: str) -> None:
    step = {"object": "Pod", "of": "deployment/vllm", "index": 2, "status": True,
            "patch": {"status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "{now}"}]}}}  # fmt: skip
    with Injector(target_of(tmp_path, control_plane, page), Journal(tmp_path / "journal")).broken(step):
        deadline = time.monotonic() + 10
        while (read(control_plane, DEPLOYMENT) or {})["status"].get("readyReplicas") != 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    pods = read(control_plane, f"/api/v1/namespaces/{SPACE}/pods")
    assert pods is not None
    ready = [c["status"] for item in pods["items"] for c in item["status"]["conditions"] if c["type"] == "Ready"]
    assert ready == ["True"] * 3


def test_what_the_cluster_does_not_have_is_told(tmp_path: Path, control_plane: ControlPlane, page: str) -> None:
    injector = Injector(target_of(tmp_path, control_plane, page, "deployment/gone"), Journal(tmp_path / "journal"))
    with pytest.raises(InconclusiveError, match="there is no deployment/gone"), injector.broken({"scale": "p"}):
        pass
    with pytest.raises(GonogoError, match="is not there"), injector.broken({"object": "Secret/gone", "delete": True}):
        pass


def test_another_context_is_never_used(tmp_path: Path, control_plane: ControlPlane, page: str) -> None:
    for cluster, told in (
        ({"context": "nowhere"}, "nowhere cannot be used here"),
        (
            {"server": "https://10.0.0.1:6443"},
            f"leads to {control_plane.server}, the target declares https://10.0.0.1:6443",
        ),
    ):
        injector = Injector(target_of(tmp_path, control_plane, page, **cluster), Journal(tmp_path / "journal"))
        with pytest.raises(InconclusiveError, match=told), injector.broken({"scale": "p"}):
            pass


def test_an_api_server_that_is_gone_decides_nothing(tmp_path: Path, control_plane: ControlPlane, page: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    told = control_plane.kubeconfig.read_text(encoding="utf-8").replace(control_plane.server, "https://127.0.0.1:9")
    kubeconfig.write_text(told, encoding="utf-8")
    target = target_of(tmp_path, control_plane, page, kubeconfig=str(kubeconfig))
    injector = Injector(target, Journal(tmp_path / "journal"))
    with pytest.raises(InconclusiveError, match="does not answer"), injector.broken({"scale": "p"}):
        pass


def test_differences_are_told_by_their_place() -> None:
    assert differences({"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "c": [1]}, "d": None}) == ["a.b: 2 before, 1 now"]


def merge(plane: ControlPlane, path: str, patch: dict[str, Any]) -> None:
    with plane.client() as client:
        headers = {"content-type": "application/merge-patch+json"}
        client.patch(path, json=patch, headers=headers).raise_for_status()


def test_what_others_changed_beside_a_patch_stays(tmp_path: Path, control_plane: ControlPlane, page: str) -> None:
    injector = Injector(target_of(tmp_path, control_plane, page), Journal(tmp_path / "journal"))
    step = {"object": "Deployment/vllm", "patch": {"metadata": {"annotations": {"a": "ours"}}}}
    with injector.broken(step):
        merge(control_plane, DEPLOYMENT, {"metadata": {"annotations": {"b": "theirs"}}})
    after = read(control_plane, DEPLOYMENT)
    assert after is not None
    assert {key: after["metadata"]["annotations"].get(key) for key in "ab"} == {"a": None, "b": "theirs"}


def test_what_others_changed_in_the_same_place_is_told_and_stays(
    tmp_path: Path, control_plane: ControlPlane, page: str
) -> None:
    journal = Journal(tmp_path / "journal")
    injector = Injector(target_of(tmp_path, control_plane, page), journal)
    step = {"object": "Deployment/vllm", "patch": {"metadata": {"annotations": {"a": "ours"}}}}
    with pytest.raises(EndpointFailedError, match=r"metadata\.annotations\.a was changed by somebody else"):
        with injector.broken(step):
            merge(control_plane, DEPLOYMENT, {"metadata": {"annotations": {"a": "theirs"}}})
    merge(control_plane, DEPLOYMENT, {"metadata": {"annotations": {"a": None}}})
    injector.undo_all(journal.unfinished())
    assert journal.unfinished() == []


def test_a_template_that_somebody_else_wrote_after_a_drill_was_killed_stays(
    tmp_path: Path, control_plane: ControlPlane, page: str
) -> None:
    journal = Journal(tmp_path / "journal")
    injector = Injector(target_of(tmp_path, control_plane, page), journal)
    with ClusterApi(Cluster(CONTEXT, SPACE, control_plane.kubeconfig), PROBES) as api:
        releases = WorkloadReleases(api, "deployment/vllm", list)
        releases.keep(injector)
        (entry,) = journal.unfinished()
        releases.deploy(Change(image="vllm:bad"))
    hotfix = {"spec": {"template": {"metadata": {"annotations": {"hotfix": "1"}}}}}
    merge(control_plane, DEPLOYMENT, hotfix)
    with pytest.raises(EndpointFailedError, match="pod template of deployment/vllm was changed by somebody else"):
        injector.undo_all([entry])
    after = read(control_plane, DEPLOYMENT)
    assert after is not None
    assert after["spec"]["template"]["metadata"]["annotations"] == {"hotfix": "1"}
    hotfix["spec"]["template"]["metadata"]["annotations"] = {"hotfix": None}  # type: ignore[dict-item]
    merge(control_plane, DEPLOYMENT, hotfix)
    injector.undo_all([entry])
    after = read(control_plane, DEPLOYMENT)
    assert after is not None
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "vllm:1"


def test_a_workload_that_somebody_scaled_meanwhile_is_left(
    tmp_path: Path, control_plane: ControlPlane, page: str
) -> None:
    journal = Journal(tmp_path / "journal")
    with Injector(target_of(tmp_path, control_plane, page), journal).broken({"scale": "p", "replicas": 0}):
        merge(control_plane, DEPLOYMENT, {"spec": {"replicas": 2}})
    after = read(control_plane, DEPLOYMENT)
    assert after is not None
    assert after["spec"]["replicas"] == 2
    assert journal.unfinished() == []
    merge(control_plane, DEPLOYMENT, {"spec": {"replicas": 3}})
    with control_plane.client() as client:
        await_object(client, DEPLOYMENT, lambda item: item["status"].get("readyReplicas") == 3)


def test_how_many_replicas_there_are_is_the_autoscalers_affair(control_plane: ControlPlane) -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "vllm", "namespace": SPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "vllm"},
            "minReplicas": 2, "maxReplicas": 5,
        },
    }  # fmt: skip
    with (
        ClusterApi(Cluster(CONTEXT, SPACE, control_plane.kubeconfig), PROBES) as api,
        control_plane.client() as client,
    ):
        releases = WorkloadReleases(api, "deployment/vllm", list)
        assert (releases.state()["replicas"], releases.state()["ready"]) == (3, True)
        apply(client, scaler)
        try:
            before = releases.state()
            merge(control_plane, DEPLOYMENT, {"spec": {"replicas": 2}})
            await_object(client, DEPLOYMENT, lambda item: item["status"].get("readyReplicas") == 2)
            assert releases.state() == before
            assert (before["replicas"], before["ready"]) == ("as many as its autoscaler wants", True)
        finally:
            client.delete(f"/apis/autoscaling/v2/namespaces/{SPACE}/horizontalpodautoscalers/vllm").raise_for_status()
            merge(control_plane, DEPLOYMENT, {"spec": {"replicas": 3}})
            await_object(client, DEPLOYMENT, lambda item: item["status"].get("readyReplicas") == 3)


def test_a_drill_does_not_go_on_over_what_somebody_else_deployed(
    tmp_path: Path, control_plane: ControlPlane, page: str
) -> None:
    journal = Journal(tmp_path / "journal")
    injector = Injector(target_of(tmp_path, control_plane, page), journal)
    hotfix: dict[str, Any] = {"spec": {"template": {"metadata": {"annotations": {"hotfix": "2"}}}}}
    with ClusterApi(Cluster(CONTEXT, SPACE, control_plane.kubeconfig), PROBES) as api:
        releases = WorkloadReleases(api, "deployment/vllm", list)
        releases.keep(injector)
        merge(control_plane, DEPLOYMENT, hotfix)
        with pytest.raises(ChangedMeanwhileError):
            releases.deploy(Change(image="vllm:bad"))
    hotfix["spec"]["template"]["metadata"]["annotations"] = {"hotfix": None}
    merge(control_plane, DEPLOYMENT, hotfix)
    injector.undo_all(journal.unfinished())


def test_a_secret_is_put_back_by_what_the_patch_made_of_it(
    tmp_path: Path, control_plane: ControlPlane, page: str
) -> None:
    before = read(control_plane, SECRET)
    assert before is not None
    step = {"object": "Secret/keys", "patch": {"stringData": {"A": "broken", "NEW": "x"}}}
    with Injector(target_of(tmp_path, control_plane, page), Journal(tmp_path / "journal")).broken(step):
        seen = read(control_plane, SECRET)
        assert seen is not None
        assert set(seen["data"]) == {"A", "B", "NEW"}
    after = read(control_plane, SECRET)
    assert after is not None
    assert after["data"] == before["data"]


def test_the_workload_of_an_old_journal_may_be_paused_or_gone(
    tmp_path: Path, control_plane: ControlPlane, page: str
) -> None:
    journal = Journal(tmp_path / "journal")
    injector = Injector(target_of(tmp_path, control_plane, page), journal)
    entry = injector.keep_workload("deployment/vllm")
    merge(control_plane, DEPLOYMENT, {"spec": {"paused": True}})
    with pytest.raises(EndpointFailedError, match="was paused by somebody else"):
        injector.undo_all([entry])
    merge(control_plane, DEPLOYMENT, {"spec": {"paused": None}})
    injector.undo_all([entry])
    gone = journal.write("workload", {**entry.details, "workload": "deployment/deleted"})
    injector.undo_all([gone])
    assert journal.unfinished() == []
