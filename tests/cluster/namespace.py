"""Namespaces of the test cluster with a healthy chatbot in them: where the suites cluster and drills are calibrated."""

import hashlib
import json
import shutil
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from embedded.registry import write_registry
from gonogo.resources import ROOT
from tests.calibration.servers import Servers
from tests.cluster.control_plane import CONTEXT, ControlPlane, apply, path_of

CLUSTER_TARGET = ROOT / "tests" / "calibration" / "cluster.yaml"
ELASTIC_TARGET = ROOT / "tests" / "calibration" / "elastic.yaml"
DRILLS_TARGET = ROOT / "tests" / "calibration" / "drills.yaml"
_HERE = Path(__file__).parent
_VERSIONS = (("1.0.0", "previous"), ("1.1.0", "production"))
_SETTLED_S = 30.0


class Namespace(Servers):
    """A namespace of its own, and the files of its target."""

    def __init__(self, plane: ControlPlane, folder: Path, prefix: str) -> None:
        """Its files go below a folder, whose name is the namespace's."""
        super().__init__(prefix)
        self.plane, self.folder = plane, folder
        self.name = f"{folder.parent.name}-{folder.name}".strip("-")
        folder.mkdir(parents=True)
        shutil.copyfile(plane.kubeconfig, folder / "kubeconfig")
        told = {"STATE": str(folder), "KUBECONFIG": str(folder / "kubeconfig"), "CONTEXT": CONTEXT,
                "SERVER": plane.server, "NAMESPACE": self.name}  # fmt: skip
        self.environment |= {f"{prefix}_{name}": value for name, value in told.items()}

    def start(self) -> None:
        """Make it."""
        with self.plane.client() as client:
            apply(client, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})
            await_object(client, f"/api/v1/namespaces/{self.name}/serviceaccounts/default", lambda _: True)

    def stop(self) -> None:
        """Delete it, and wait until its pods are gone."""
        with suppress(httpx.HTTPError), self.plane.client() as client:  # the whole cluster may be gone already
            client.delete(f"/api/v1/namespaces/{self.name}")
            deadline = time.monotonic() + _SETTLED_S
            while client.get(f"/api/v1/namespaces/{self.name}/pods").json().get("items"):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.1)
        super().stop()

    def write_registry(self) -> None:
        """The registry: two versions of the model, and two of the chatbot."""
        write_registry(self.folder, "http://127.0.0.1:9/none")
        registry = json.loads((self.folder / "registry.json").read_text(encoding="utf-8"))
        versions = [
            {"version": version, "status": status, "image": f"registry.test/chatbot:{version}",
             "config_maps": [f"chatbot-{version}"], "model": {"name": "tiny-chat", "version": "1.0.0"}}
            for version, status in _VERSIONS
        ]  # fmt: skip
        registry["releases"] = [{"name": "chatbot", "last_known_good": "1.0.0", "versions": versions}]
        (self.folder / "registry.json").write_text(json.dumps(registry, indent=2) + "\n", encoding="utf-8")

    def manifests(self, file: str, version: str, **places: object) -> list[dict[str, Any]]:
        """The objects of a file, with its places filled."""
        text = (_HERE / file).read_text(encoding="utf-8")
        for name, value in {"space": self.name, "version": version, **places}.items():
            text = text.replace(f"{{{name}}}", str(value))
        return list(yaml.safe_load_all(text))

    def rolled_out(self, client: httpx.Client, name: str) -> None:
        """Wait until a Deployment is rolled out."""
        await_object(client, f"/apis/apps/v1/namespaces/{self.name}/deployments/{name}", _is_rolled_out)


class QuietChatbot(Namespace):
    """A chatbot on kwok's node: nothing answers, and everything is as fast as the control plane is."""

    target = CLUSTER_TARGET

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        super().__init__(plane, folder, "CLUSTER")

    def reset(self) -> None:
        """Every run puts back what it broke; here the cluster's own work is waited for, and its history made short."""
        with self.plane.client() as client:
            self._settle(client)
            replica_sets = f"/apis/apps/v1/namespaces/{self.name}/replicasets"
            for item in client.get(replica_sets).json()["items"]:
                image = item["spec"]["template"]["spec"]["containers"][0]["image"]
                if not item["spec"]["replicas"] and not image.endswith(":1.0.0"):
                    client.delete(f"{replica_sets}/{item['metadata']['name']}")

    def start(self) -> None:
        """Serve the images' registry, and bring the chatbot to its second version."""
        super().start()
        self._write_files()
        served = ["--directory", str(self.folder / "images"), str(self.place("images"))]
        self.run([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", *served], quiet=True)
        with self.plane.client() as client:
            for version, _ in _VERSIONS:
                apply(client, *self._objects(version))
                self._settle(client)
            self._note_success(client)

    def stop(self) -> None:
        """Delete the namespace, and what of it lies beside."""
        with suppress(httpx.HTTPError), self.plane.client() as client:
            for item in self._objects("1.1.0"):
                if item["kind"] in {"PersistentVolume", "StorageClass"}:
                    client.delete(path_of(item))
        super().stop()

    def _write_files(self) -> None:
        self.write_registry()
        images = self.folder / "images" / "v2" / "chatbot" / "manifests"
        images.mkdir(parents=True)
        for version, _ in _VERSIONS:
            (images / version).write_text(_image(version), encoding="utf-8")
        (self.folder / "k8s").mkdir()
        applied = {"Deployment", "ConfigMap", "NetworkPolicy"}
        wanted = [item for item in self._objects("1.1.0") if item["kind"] in applied]
        (self.folder / "k8s" / "chatbot.yaml").write_text(yaml.safe_dump_all(wanted), encoding="utf-8")
        (self.folder / "backup").mkdir()
        (self.folder / "backup" / "policies.tar").write_bytes(b"all of it")

    def _objects(self, version: str) -> list[dict[str, Any]]:
        digest = f"sha256:{hashlib.sha256(_image(version).encode()).hexdigest()}"
        return self.manifests("chatbot.yaml", version, digest=digest)

    def _note_success(self, client: httpx.Client) -> None:
        """The CronJob ran today; its controller will say no more before next January."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        client.patch(
            f"/apis/batch/v1/namespaces/{self.name}/cronjobs/drift/status",
            headers={"content-type": "application/merge-patch+json"},
            json={"status": {"lastScheduleTime": now, "lastSuccessfulTime": now}},
        ).raise_for_status()

    def _settle(self, client: httpx.Client) -> None:
        """Wait until every controller has done its work."""
        apps, space = f"/apis/apps/v1/namespaces/{self.name}", f"namespaces/{self.name}"
        self.rolled_out(client, "chatbot")
        await_object(client, f"{apps}/statefulsets/redis", lambda item: item["status"].get("readyReplicas") == 1)
        await_object(client, f"{apps}/daemonsets/collector", lambda item: item["status"].get("numberReady") == 1)
        await_object(
            client, f"/api/v1/{space}/persistentvolumeclaims/models", lambda item: item["status"]["phase"] == "Bound"
        )
        await_object(
            client, f"/apis/batch/v1/{space}/jobs/load-model", lambda item: item["status"].get("succeeded") == 1
        )
        await_object(client, f"/apis/autoscaling/v2/{space}/horizontalpodautoscalers/chatbot", _knows_its_metric)


class LivelyChatbot(Namespace):
    """A chatbot whose pods are real processes, in two colours, behind a service on loopback."""

    target = DRILLS_TARGET

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        super().__init__(plane, folder, "DRILLS")

    def reset(self) -> None:
        """Every run puts back what it broke."""
        with self.plane.client() as client:
            self.rolled_out(client, "chatbot")

    def start(self) -> None:
        """Bring the chatbot to its second version."""
        super().start()
        self.write_registry()
        self._write_backup()
        done = {"name": "restore-policies", "began": datetime.now(UTC).isoformat(), "good": True}
        (self.folder / "drills.jsonl").write_text(json.dumps(done) + "\n", encoding="utf-8")
        port = self.place("service")
        with self.plane.client() as client:
            for version, _ in _VERSIONS:
                apply(client, *self.manifests("drills.yaml", version, port=port))
                self.rolled_out(client, "chatbot")
            self.rolled_out(client, "chatbot-green")

    def _write_backup(self) -> None:
        """Policies, and a backup of them with its digests."""
        policies, backup = self.folder / "policies", self.folder / "backup"
        policies.mkdir()
        backup.mkdir()
        (policies / "rules.json").write_text('{"R2": "approval"}', encoding="utf-8")
        with tarfile.open(backup / "policies.tar.gz", "w:gz") as archive:
            archive.add(policies, "policies")
        digest = hashlib.sha256((policies / "rules.json").read_bytes()).hexdigest()
        (backup / "SHA256SUMS").write_text(f"{digest}  policies/rules.json\n", encoding="utf-8")


class ElasticChatbot(LivelyChatbot):
    """The same with an autoscaler."""

    target = ELASTIC_TARGET

    def start(self) -> None:
        """Add the autoscaler, and wait until it knows its metric."""
        super().start()
        metric = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "30m"}},
        }
        down = {"stabilizationWindowSeconds": 3, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 1}]}
        spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chatbot"}, "minReplicas": 2,
                "maxReplicas": 3, "metrics": [metric], "behavior": {"scaleDown": down}}  # fmt: skip
        with self.plane.client() as client:
            apply(client, {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
                           "metadata": {"name": "chatbot", "namespace": self.name}, "spec": spec})  # fmt: skip
            self._settle(client)

    def reset(self) -> None:
        """Every run puts back what it broke; the autoscaler has its own work to do after that."""
        with self.plane.client() as client:
            self._settle(client)

    def _settle(self, client: httpx.Client) -> None:
        path = f"/apis/autoscaling/v2/namespaces/{self.name}/horizontalpodautoscalers/chatbot"
        await_object(client, path, lambda item: _knows_its_metric(item) and item["status"].get("currentReplicas") == 2)
        self.rolled_out(client, "chatbot")


def await_object(client: httpx.Client, path: str, is_so: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until an object is as it should be."""
    deadline = time.monotonic() + _SETTLED_S
    while True:
        answer = client.get(path)
        if answer.status_code == 200 and is_so(answer.json()):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} does not settle: {answer.text[-1500:]}")
        time.sleep(0.05)


def _is_rolled_out(item: dict[str, Any]) -> bool:
    status, wanted = item["status"], item["spec"]["replicas"]
    counts = {status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    return status.get("observedGeneration") == item["metadata"]["generation"] and counts == {wanted}


def _knows_its_metric(item: dict[str, Any]) -> bool:
    return bool((item["status"].get("currentMetrics") or [{}])[0].get("resource"))


def _image(version: str) -> str:
    """An image's manifest; its digest is what the kubelet tells."""
    return json.dumps({"schemaVersion": 2, "annotations": {"version": version}, "layers": []})


def install_operator(client: httpx.Client) -> None:
    """The Prometheus operator's kinds, without the operator."""
    kinds = {"prometheusrules": "PrometheusRule", "servicemonitors": "ServiceMonitor"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for plural, kind in kinds.items():
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"plural": plural, "singular": kind.lower(), "kind": kind}
        apply(client, {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.monitoring.coreos.com"},
            "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced", "names": names, "versions": [version]},
        })  # fmt: skip
    deadline = time.monotonic() + _SETTLED_S
    for plural in kinds:
        while client.get(f"/apis/monitoring.coreos.com/v1/{plural}").status_code != 200:
            assert time.monotonic() < deadline, f"the API server does not serve {plural}"
            time.sleep(0.05)
