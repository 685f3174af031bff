"""A namespace of the test cluster with a healthy chatbot in it: where the suite cluster is calibrated."""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from embedded.registry import write_registry
from gonogo.resources import ROOT
from tests.calibration.servers import Servers
from tests.cluster.control_plane import CONTEXT, ControlPlane, apply, path_of

TARGET = ROOT / "tests" / "calibration" / "cluster.yaml"
_MANIFESTS = Path(__file__).parent / "chatbot.yaml"
_VERSIONS = (("1.0.0", "previous"), ("1.1.0", "production"))
_SETTLED_S = 20.0


class Namespace(Servers):
    """A namespace, the registry of its images, and the files of its target."""

    target = TARGET

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        """Write the files below a folder; its name is the namespace's."""
        super().__init__("CLUSTER")
        self._plane, self._folder, self.name = plane, folder, folder.name
        folder.mkdir(parents=True)
        shutil.copyfile(plane.kubeconfig, folder / "kubeconfig")
        self.environment |= {
            "CLUSTER_STATE": str(folder), "CLUSTER_KUBECONFIG": str(folder / "kubeconfig"), "CLUSTER_CONTEXT": CONTEXT,
            "CLUSTER_SERVER": plane.server, "CLUSTER_NAMESPACE": self.name,
        }  # fmt: skip

    def reset(self) -> None:
        """Every run puts back what it broke; here only the cluster's own work is waited for."""
        with self._plane.client() as client:
            self._settle(client)
            for item in client.get(f"/apis/apps/v1/namespaces/{self.name}/replicasets").json()["items"]:
                image = item["spec"]["template"]["spec"]["containers"][0]["image"]
                if not item["spec"]["replicas"] and not image.endswith(":1.0.0"):
                    client.delete(f"/apis/apps/v1/namespaces/{self.name}/replicasets/{item['metadata']['name']}")

    def start(self) -> None:
        """Serve the images' registry, and bring the chatbot to its second version."""
        self._write_files()
        images = [
            "-m",
            "http.server",
            "--bind",
            "127.0.0.1",
            "--directory",
            str(self._folder / "images"),
            str(self.place("images")),
        ]
        self.run([sys.executable, *images], quiet=True)
        with self._plane.client() as client:
            apply(client, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})
            self._await(client, f"/api/v1/namespaces/{self.name}/serviceaccounts/default", lambda _: True)
            for version, _ in _VERSIONS:
                apply(client, *self._manifests(version))
                self._settle(client)
            self._note_success(client)

    def stop(self) -> None:
        """Delete the namespace, and what of it lies beside."""
        try:
            with self._plane.client() as client:
                client.delete(f"/api/v1/namespaces/{self.name}")
                for item in self._manifests("1.1.0"):
                    if item["kind"] in {"PersistentVolume", "StorageClass"}:
                        client.delete(path_of(item))
        except httpx.HTTPError:
            pass  # the whole cluster is gone already
        super().stop()

    def _write_files(self) -> None:
        write_registry(self._folder, "http://127.0.0.1:9/none")
        registry = json.loads((self._folder / "registry.json").read_text(encoding="utf-8"))
        versions = [
            {"version": version, "status": status, "image": f"registry.test/chatbot:{version}",
             "config_maps": [f"chatbot-{version}"], "model": {"name": "tiny-chat", "version": "1.0.0"}}
            for version, status in _VERSIONS
        ]  # fmt: skip
        registry["releases"] = [{"name": "chatbot", "last_known_good": "1.0.0", "versions": versions}]
        (self._folder / "registry.json").write_text(json.dumps(registry, indent=2), encoding="utf-8")
        images = self._folder / "images" / "v2" / "chatbot" / "manifests"
        images.mkdir(parents=True)
        for version, _ in _VERSIONS:
            (images / version).write_text(_image(version), encoding="utf-8")
        manifests = self._folder / "k8s"
        manifests.mkdir()
        wanted = [
            item for item in self._manifests("1.1.0") if item["kind"] in {"Deployment", "ConfigMap", "NetworkPolicy"}
        ]
        (manifests / "chatbot.yaml").write_text(yaml.safe_dump_all(wanted), encoding="utf-8")
        (self._folder / "backup").mkdir()
        (self._folder / "backup" / "policies.tar").write_bytes(b"all of it")

    def _manifests(self, version: str) -> list[dict[str, Any]]:
        digest = f"sha256:{hashlib.sha256(_image(version).encode()).hexdigest()}"
        text = _MANIFESTS.read_text(encoding="utf-8")
        for name, value in (("space", self.name), ("version", version), ("digest", digest)):
            text = text.replace(f"{{{name}}}", value)
        return list(yaml.safe_load_all(text))

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
        apps = f"/apis/apps/v1/namespaces/{self.name}"
        self._await(client, f"{apps}/deployments/chatbot", _is_rolled_out)
        self._await(client, f"{apps}/statefulsets/redis", lambda item: item["status"].get("readyReplicas") == 1)
        self._await(client, f"{apps}/daemonsets/collector", lambda item: item["status"].get("numberReady") == 1)
        self._await(
            client,
            f"/api/v1/namespaces/{self.name}/persistentvolumeclaims/models",
            lambda item: item["status"]["phase"] == "Bound",
        )
        self._await(
            client,
            f"/apis/batch/v1/namespaces/{self.name}/jobs/load-model",
            lambda item: item["status"].get("succeeded") == 1,
        )
        self._await(client, f"/apis/autoscaling/v2/namespaces/{self.name}/horizontalpodautoscalers/chatbot",
                    lambda item: bool((item["status"].get("currentMetrics") or [{}])[0].get("resource")))  # fmt: skip

    def _await(self, client: httpx.Client, path: str, is_so: Callable[[dict[str, Any]], bool]) -> None:
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
