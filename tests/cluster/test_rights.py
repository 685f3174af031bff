"""What an account needs, two runners that exclude each other, and a large namespace."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gonogo.errors import InconclusiveError
from gonogo.faults import lease as lease_module
from gonogo.faults.lease import NAME, Lease
from gonogo.probes.context import ProbeContext
from gonogo.probes.kubernetes import ClusterApi
from gonogo.redaction import Redactor
from gonogo.resources import ROOT
from gonogo.targets.cluster import Cluster
from tests.cluster.control_plane import CONTEXT, ControlPlane, apply
from tests.cluster.namespace import QuietChatbot, await_object
from tests.cluster.runs import Run

CONTEXT_OF_PROBES = ProbeContext(lambda _: None, Redactor([]))
ROLES = ROOT / "deploy" / "kubernetes" / "role.yaml"


@pytest.fixture
def reader(quiet: QuietChatbot, control_plane: ControlPlane) -> Path:
    """The kubeconfig of an account with the documented roles for reading."""
    group = "rbac.authorization.k8s.io"
    subject = [{"kind": "User", "name": "reader", "apiGroup": group}]
    with control_plane.client() as client:
        for role in yaml.safe_load_all(ROLES.read_text(encoding="utf-8")):
            if role["metadata"]["name"] == "gonogo-drill":
                continue
            reference = {"apiGroup": group, "kind": role["kind"], "name": role["metadata"]["name"]}
            # one flow comes from the namespace default: its policies are read as well
            for space in (quiet.name, "default") if role["kind"] == "Role" else ("",):
                name = {"name": role["metadata"]["name"], **({"namespace": space} if space else {})}
                binding = {"apiVersion": f"{group}/v1", "kind": f"{role['kind']}Binding", "metadata": name,
                           "roleRef": reference, "subjects": subject}  # fmt: skip
                apply(client, {**role, "metadata": name}, binding)
    return control_plane.user("reader")


def test_the_documented_roles_are_enough(quiet: QuietChatbot, reader: Path, tmp_path: Path) -> None:
    with Run(quiet, tmp_path, "--stage=ci", "suites/cluster", environment={"CLUSTER_KUBECONFIG": str(reader)}) as run:
        run.end()
        assert set(run.outcomes().values()) <= {"pass", "skip"}, run.output


def test_an_account_without_rights_decides_nothing(
    quiet: QuietChatbot, control_plane: ControlPlane, tmp_path: Path
) -> None:
    kubeconfig = str(control_plane.user("driller"))
    with Run(quiet, tmp_path, "--stage=ci", "suites/cluster", environment={"CLUSTER_KUBECONFIG": kubeconfig}) as run:
        assert run.end() == 6, run.output
        outcomes = {
            name: outcome for name, outcome in run.outcomes().items() if "backup" not in name and outcome != "skip"
        }
    assert set(outcomes.values()) == {"inconclusive"}, outcomes
    assert "the account may not (403)" in run.output


def test_policies_of_other_kinds_leave_a_flow_undecided(
    quiet: QuietChatbot, reader: Path, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Cilium's kind is really served; a flow is decided again once there is no policy of it."""
    names = {"plural": "ciliumnetworkpolicies", "singular": "ciliumnetworkpolicy", "kind": "CiliumNetworkPolicy"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = {"name": "v2", "served": True, "storage": True, "schema": schema}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "ciliumnetworkpolicies.cilium.io",
                     "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
        "spec": {"group": "cilium.io", "scope": "Namespaced", "names": names, "versions": [served]},
    }  # fmt: skip
    policies = f"/apis/cilium.io/v2/namespaces/{quiet.name}/ciliumnetworkpolicies"
    policy = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "closed"}}
    rights = {"CLUSTER_KUBECONFIG": str(reader)}
    with control_plane.client() as client:
        apply(client, definition)
        try:
            await_object(client, policies, lambda _: True)
            await_object(client, "/apis", lambda told: any(group["name"] == "cilium.io" for group in told["groups"]))
            for folder, wanted in (("none", "pass"), ("one", "inconclusive")):
                if wanted == "inconclusive":
                    client.post(policies, json=policy).raise_for_status()
                with Run(quiet, tmp_path / folder, "--stage=ci", "-k=network_flows", environment=rights) as run:
                    run.end()
                    found = {told for name, told in run.outcomes().items() if name.startswith("cluster.network.flows")}
                    assert found == {wanted}, run.output
                    assert ("closed (ciliumnetworkpolicies.cilium.io)" in run.output) == (wanted == "inconclusive")
        finally:
            crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            client.delete(f"{crds}/ciliumnetworkpolicies.cilium.io").raise_for_status()


def test_no_secret_value_is_ever_read(quiet: QuietChatbot, tmp_path: Path) -> None:
    with Run(quiet, tmp_path, "--stage=ci", "suites/cluster", "-k=secrets or needs") as run:
        run.end()
    written = "".join(path.read_text(encoding="utf-8") for path in run.reports.rglob("*") if path.is_file())
    assert "gateway-keys" in written
    assert "never-read" not in written
    assert "bmV2ZXItcmVhZC" not in written  # the same in base64


def cluster_of(quiet: QuietChatbot) -> Cluster:
    return Cluster(CONTEXT, quiet.name, quiet.plane.kubeconfig)


def test_two_runners_exclude_each_other(quiet: QuietChatbot, tmp_path: Path) -> None:
    first = Lease(cluster_of(quiet), CONTEXT_OF_PROBES, "first", tmp_path)
    worker = Lease(cluster_of(quiet), CONTEXT_OF_PROBES, "first", tmp_path)
    second = Lease(cluster_of(quiet), CONTEXT_OF_PROBES, "second", tmp_path)
    first.hold(1)
    worker.hold(1)  # of the same run
    with pytest.raises(InconclusiveError, match="the run first holds the Lease"):
        second.hold(1)
    worker.stop()
    first.give_back()
    second.hold(5)
    first.give_back()  # it is not its own any more
    with ClusterApi(cluster_of(quiet), CONTEXT_OF_PROBES) as api:
        found = api.read("Lease", NAME)
        assert found is not None
        assert found["spec"]["holderIdentity"] == "second"
        second.give_back()
        assert api.read("Lease", NAME) is None


def test_a_dead_runners_lease_ends_by_itself(quiet: QuietChatbot, tmp_path: Path) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NAME, "namespace": quiet.name},
             "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 2, "renewTime": "2030-01-01T00:00:00.000000Z"}}  # fmt: skip
    with quiet.plane.client() as client:
        apply(client, lease)
    began = time.monotonic()
    mine = Lease(cluster_of(quiet), CONTEXT_OF_PROBES, "mine", tmp_path)
    mine.hold(20)
    assert time.monotonic() - began >= 2  # its clock may be wrong: only what we watched counts
    mine.give_back()


HELD = """
import os, sys
from pathlib import Path
from gonogo.faults.lease import Lease
from gonogo.probes.context import ProbeContext
from gonogo.redaction import Redactor
from gonogo.targets.cluster import Cluster

context, namespace, kubeconfig, folder = sys.argv[1:]
cluster = Cluster(context, namespace, Path(kubeconfig))
Lease(cluster, ProbeContext(lambda _: None, Redactor(())), "killed", Path(folder)).hold(5)
os.kill(os.getpid(), 9)
"""


def test_the_lease_of_a_run_that_was_killed_on_this_machine_is_free_at_once(
    quiet: QuietChatbot, tmp_path: Path
) -> None:
    words = [sys.executable, "-c", HELD, CONTEXT, quiet.name, str(quiet.plane.kubeconfig), str(tmp_path)]
    assert subprocess.run(words, check=False).returncode == -9
    elsewhere = Lease(cluster_of(quiet), CONTEXT_OF_PROBES, "elsewhere", tmp_path / "another machine")
    with pytest.raises(InconclusiveError, match="the run killed holds the Lease"):
        elsewhere.hold(1)
    mine = Lease(cluster_of(quiet), CONTEXT_OF_PROBES, "mine", tmp_path)
    mine.hold(1)
    mine.give_back()
    assert list(tmp_path.glob("*.lease")) == []


def expect_held_for(lease: Lease, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        lease.expect_held()
        time.sleep(0.05)


def test_a_lease_that_was_lost_ends_the_run(
    quiet: QuietChatbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "_RENEWED_EVERY_S", 0.1)
    mine = Lease(cluster_of(quiet), CONTEXT_OF_PROBES, "mine", tmp_path)
    mine.hold(5)
    mine.expect_held()
    with quiet.plane.client() as client:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{quiet.name}/leases/{NAME}"
        patch = {"spec": {"holderIdentity": "another"}}
        client.patch(path, json=patch, headers={"content-type": "application/merge-patch+json"}).raise_for_status()
        with pytest.raises(InconclusiveError, match="the run another has taken the Lease"):
            expect_held_for(mine, 10)
        with pytest.raises(InconclusiveError, match="the run another has taken"):
            mine.hold(1)
        mine.give_back()
        assert client.get(path).json()["spec"]["holderIdentity"] == "another"
        client.delete(path)
