"""A real Kubernetes control plane on loopback, without containers: etcd, API server, controllers, scheduler and kwok.

There is no kubelet. Pods on the node ``kwok-0`` are made ready by kwok; pods on the node ``process-0`` are real processes
(`tests.cluster.node`). Everything ends with the block, and nothing of it is left but its folder.
"""

import json
import os
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from embedded.ports import free_port
from gonogo.resources import ROOT
from tests.cluster.metrics import registration
from tests.servers.build import built_control_plane

READY_S = 60.0
CONTEXT = "gonogo-test"
_FAKE_NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "kwok-0", "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": {"type": "kwok"}},
    "spec": {"taints": [{"key": "kwok", "effect": "NoSchedule"}]},
    "status": {
        "allocatable": {"cpu": "1000", "memory": "4Ti", "pods": "2000"},
        "capacity": {"cpu": "1000", "memory": "4Ti", "pods": "2000"},
    },
}
"""Only pods that tolerate its taint run there: the others need a node with real processes."""


class ControlPlane:
    """The processes of a control plane, inside the block."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder, self._binaries = folder, binaries
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._api_port = free_port()
        self._token = secrets.token_hex(16)
        self._etcd = f"http://127.0.0.1:{free_port()}"
        self.kubeconfig = folder / "kubeconfig"
        self.server = f"https://127.0.0.1:{self._api_port}"

    @classmethod
    def built(cls, folder: Path) -> Self:
        """One from programs that are built if they are not there.

        Raises:
            CannotBuildError: they are not there and cannot be built.
        """
        return cls(folder, built_control_plane())

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process: the node first, which ends its pods; the others' state is nobody's any more."""
        if node := self._processes.pop("node", None):
            node.terminate()
            node.wait(timeout=30)
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()
        self._processes.clear()

    def end_api_server(self) -> None:
        """The API server dies; its state stays in etcd."""
        process = self._processes.pop("kube-apiserver")
        process.kill()
        process.wait()

    def start_api_server(self) -> None:
        """Start the API server, and wait until it answers."""
        self._run_api_server()
        self._await_api_server()

    def start_node(self, programs: Mapping[str, Sequence[str]] | None = None) -> None:
        """Start the node ``process-0`` (`tests.cluster.node`), and the API of resource metrics.

        Args:
            programs: by image, the words that start it; ``{port}`` and ``{config}`` stand for its port and for the folder
                with its config maps.
        """
        settings = {"server": self.server, "ca": str(self._folder / "certs" / "apiserver.crt"), "token": self._token,
                    "folder": str(self._folder / "pods"), "programs": programs or {}, "metrics_port": (port := free_port())}  # fmt: skip
        file = self._folder / "node.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(settings), encoding="utf-8")
        (self._folder / "pods").mkdir()
        self._start_program("node", [sys.executable, "-m", "tests.cluster.node", str(file)])
        with self.client() as client:
            apply(client, *registration(port))

    def user(self, name: str) -> Path:
        """A kubeconfig for a user without any right: what roles are tried with."""
        return self._write_kubeconfig(self._folder / f"{name}.kubeconfig", self._token_of(name))

    def _start(self) -> None:
        users = [("admin", self._token, "system:masters"), ("reader", self._token_of("reader"), ""),
                 ("driller", self._token_of("driller"), "")]  # fmt: skip
        lines = [f'{token},{name},{name},"{group}"' for name, token, group in users]
        (self._folder / "tokens.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        _write_key(self._folder / "sa.key")
        self._run_etcd()
        self._run_api_server()
        self._await_api_server()
        self._write_kubeconfig(self.kubeconfig, self._token)
        own = self._write_kubeconfig(self._folder / "own.kubeconfig", self._token, current=CONTEXT)
        config = f"--kubeconfig={own}"
        self._run("kube-controller-manager", [
            config, "--leader-elect=false", "--bind-address=127.0.0.1", f"--secure-port={free_port()}",
            f"--cert-dir={self._folder}/certs-manager", f"--service-account-private-key-file={self._folder}/sa.key",
            f"--root-ca-file={self._folder}/certs/apiserver.crt", "--horizontal-pod-autoscaler-sync-period=1s",
            "--horizontal-pod-autoscaler-downscale-stabilization=2s",
            "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
            "--horizontal-pod-autoscaler-cpu-initialization-period=0s",
        ])  # fmt: skip
        self._run("kube-scheduler", [config, "--leader-elect=false", "--bind-address=127.0.0.1",
                                     f"--secure-port={free_port()}", f"--cert-dir={self._folder}/certs-scheduler"])  # fmt: skip
        self._run("kwok", [config, "--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
                           "--node-lease-duration-seconds=40", f"--config={Path(__file__).parent / 'stages.yaml'}"])  # fmt: skip
        with self.client() as client:
            client.post("/api/v1/nodes", json=_FAKE_NODE).raise_for_status()
            self._await_service_accounts(client)

    def _token_of(self, name: str) -> str:
        return f"{name}-{self._token}"

    def _run_etcd(self) -> None:
        peer = f"http://127.0.0.1:{free_port()}"
        self._run("etcd", [
            f"--data-dir={self._folder}/etcd", f"--listen-client-urls={self._etcd}",
            f"--advertise-client-urls={self._etcd}", f"--listen-peer-urls={peer}", "--unsafe-no-fsync",
            f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
        ])  # fmt: skip

    def _run_api_server(self) -> None:
        self._run("kube-apiserver", [
            f"--etcd-servers={self._etcd}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--secure-port={self._api_port}", "--endpoint-reconciler-type=none", f"--cert-dir={self._folder}/certs",
            "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC",
            f"--token-auth-file={self._folder}/tokens.csv", "--profiling=false",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._folder}/sa.key", f"--service-account-signing-key-file={self._folder}/sa.key",
        ])  # fmt: skip

    def _run(self, program: str, arguments: Sequence[str]) -> None:
        self._start_program(program, ["--kill", str(self._binaries / program), *arguments])

    def _start_program(self, name: str, words: Sequence[str]) -> None:
        guarded = [sys.executable, "-m", "embedded.guard", *words]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                guarded,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "GOGC": "400"},  # a sixth of its work is collecting garbage
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def client(self) -> httpx.Client:
        """Requests to the API server as its administrator."""
        trusted = ssl.create_default_context(cafile=str(self._folder / "certs" / "apiserver.crt"))
        headers = {"authorization": f"Bearer {self._token}"}
        return httpx.Client(base_url=self.server, verify=trusted, headers=headers, timeout=30)

    def _await_api_server(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                with self.client() as client:
                    if client.get("/readyz").text == "ok":
                        return
            except (OSError, httpx.HTTPError):
                pass
            ended = [name for name, process in self._processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"the control plane does not start ({ended}):\n{self._told('kube-apiserver')}")
            time.sleep(0.1)

    def _await_service_accounts(self, client: httpx.Client) -> None:
        """Without its namespace's service account no pod is admitted; the controller manager makes it."""
        deadline = time.monotonic() + READY_S
        while client.get("/api/v1/namespaces/default/serviceaccounts/default").status_code != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no service account appears:\n{self._told('kube-controller-manager')}")
            time.sleep(0.1)

    def _told(self, program: str) -> str:
        path = self._folder / f"{program}.log"
        return path.read_text(encoding="utf-8", errors="replace")[-3000:] if path.exists() else ""

    def _write_kubeconfig(self, path: Path, token: str, current: str = "elsewhere") -> Path:
        """A kubeconfig; nothing of ours may use the current context, so there is none of that name."""
        cluster = {"server": self.server, "certificate-authority": str(self._folder / "certs" / "apiserver.crt")}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": current,
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": "test", "user": "user"}}],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path


def _write_key(path: Path) -> None:
    """A key with which the controller manager signs the tokens of service accounts."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))


def apply(client: httpx.Client, *objects: Mapping[str, object]) -> None:
    """Create or change objects by server-side apply."""
    for item in objects:
        answer = client.patch(
            path_of(item),
            params={"fieldManager": "tests", "force": "true"},
            headers={"content-type": "application/apply-patch+yaml"},
            content=json.dumps(item),
        )
        assert answer.status_code in {200, 201}, answer.text


_PLURALS = {"NetworkPolicy": "networkpolicies", "StorageClass": "storageclasses", "Endpoints": "endpoints",
            "Canary": "canaries"}  # fmt: skip
_OF_THE_CLUSTER = {"Namespace", "Node", "PersistentVolume", "StorageClass", "ClusterRole", "ClusterRoleBinding",
                   "CustomResourceDefinition", "APIService"}  # fmt: skip


def path_of(item: Mapping[str, object]) -> str:
    """An object's path in the API."""
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    version, kind = str(item["apiVersion"]), str(item["kind"])
    space = "" if kind in _OF_THE_CLUSTER else f"/namespaces/{metadata['namespace']}"
    plural = _PLURALS.get(kind, f"{kind.lower()}s")
    return f"/{'apis' if '/' in version else 'api'}/{version}{space}/{plural}/{metadata['name']}"
