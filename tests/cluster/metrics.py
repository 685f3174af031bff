"""The resource metrics API (``metrics.k8s.io``) of the test cluster: what the pods' processes really take of the CPU.

Pods without a process (kwok's) take `IDLE_MILLICORES`. Registered as an aggregated API at the API server; the service that
it names is an ExternalName, for the API refuses loopback addresses as endpoints.
"""

import asyncio
import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Object = dict[str, Any]
IDLE_MILLICORES = 5
_SAMPLE_S = 1.0
_GROUP = "metrics.k8s.io/v1beta1"


class Metrics:
    """Samples the processes, and answers the API server."""

    def __init__(self, list_pods: Callable[[str, str], Any], pid_of: Callable[[str], int]) -> None:
        """`list_pods` gives a namespace's pods that a selector takes; `pid_of` the process of a pod's uid, or 0."""
        self._list_pods, self._pid_of = list_pods, pid_of
        self._ticks: dict[int, tuple[float, int]] = {}
        self._millicores: dict[int, int] = {}

    async def sample(self) -> None:
        """Look at every process that was asked for, once a second."""
        while True:
            now = asyncio.get_running_loop().time()
            for pid in list(self._ticks):
                before_s, before = self._ticks[pid]
                ticks = cpu_ticks(pid)
                spent_s = (ticks - before) / os.sysconf("SC_CLK_TCK")
                self._millicores[pid] = int(1000 * spent_s / max(0.001, now - before_s))
                self._ticks[pid] = (now, ticks)
            await asyncio.sleep(_SAMPLE_S)

    async def serve(self, port: int, folder: Path) -> None:
        """Answer on a loopback port, with a certificate of our own."""
        certificate = trustme.CA().issue_cert("localhost")
        certificate.private_key_pem.write_to_path(folder / "metrics.key")
        certificate.cert_chain_pems[0].write_to_path(folder / "metrics.crt")
        config = uvicorn.Config(self._app(), host="127.0.0.1", port=port, log_level="warning",
                                ssl_keyfile=folder / "metrics.key", ssl_certfile=folder / "metrics.crt")  # fmt: skip
        await _Server(config).serve()

    def _app(self) -> Starlette:
        base = f"/apis/{_GROUP}"
        return Starlette(
            routes=[
                Route(base, self._resources),
                Route(f"{base}/namespaces/{{space}}/pods", self._pods),
            ]
        )

    async def _resources(self, _: Request) -> Response:
        pods = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
        return JSONResponse(
            {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": _GROUP, "resources": [pods]}
        )

    async def _pods(self, request: Request) -> Response:
        found = await self._list_pods(request.path_params["space"], request.query_params.get("labelSelector", ""))
        return JSONResponse(
            {"kind": "PodMetricsList", "apiVersion": _GROUP, "metadata": {}, "items": list(map(self._item, found))}
        )

    def _item(self, pod: Object) -> Object:
        pid = self._pid_of(pod["metadata"]["uid"])
        if pid and pid not in self._ticks:
            self._ticks[pid] = (asyncio.get_running_loop().time(), cpu_ticks(pid))
        usage = {"cpu": f"{self._millicores.get(pid, IDLE_MILLICORES)}m", "memory": "64Mi"}
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
        containers = [{"name": container["name"], "usage": usage} for container in pod["spec"]["containers"]]
        return {"metadata": metadata, "timestamp": now, "window": "1s", "containers": containers}


class _Server(uvicorn.Server):
    """A server whose process handles its own signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def cpu_ticks(pid: int) -> int:
    """The kernel's ticks that a process has used (proc(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def registration(port: int) -> list[Object]:
    """The objects that make the API server pass its requests on."""
    metadata = {"name": "metrics", "namespace": "kube-system"}
    service = {"type": "ExternalName", "externalName": "localhost"}
    api = {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
           "insecureSkipTLSVerify": True, "service": {**metadata, "port": port}}  # fmt: skip
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
         "spec": api},
    ]  # fmt: skip
