"""A node whose pods are real processes on loopback, and the way to them: ``python -m tests.cluster.node SETTINGS``.

What a kubelet does: pull (an image is a program of the settings, or it cannot be pulled), mount config maps, start, probe
readiness and liveness, restart with a back-off, end a container that takes more memory than its limit, drain (the
preStop sleep, SIGTERM, the grace period, SIGKILL).

What kube-proxy does: every service with the annotation ``gonogo.test/port`` is served on that loopback port; each
connection goes to the next ready endpoint of its EndpointSlices. A connection to a process that is gone is refused, as it
is in a cluster.
"""

import asyncio
import contextlib
import datetime
import hashlib
import itertools
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from embedded.ports import free_port
from tests.cluster.metrics import Metrics

Object = dict[str, Any]
NODE = "process-0"
PORT_ANNOTATION = "gonogo.test/port"
_LEASE_S = 10.0
_LOOK_S = 0.1
_LAST_WORDS_S = 3.0
_BACK_OFF_S = (0.3, 1.0, 2.0, 4.0)
_NODE: Object = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE}},
}
_CAPACITY = {"cpu": "64", "memory": "64Gi", "pods": "500"}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def _probing() -> httpx.AsyncClient:
    """For all probes: to make one takes as long as twenty of them. Each has a connection of its own, as a kubelet's."""
    return httpx.AsyncClient(verify=False, limits=httpx.Limits(max_keepalive_connections=0))  # noqa: S501 (no TLS here)


class Api:
    """The API server, which may be away for a while."""

    def __init__(self, settings: Object) -> None:
        trusted = ssl.create_default_context(cafile=settings["ca"])
        headers = {"authorization": f"Bearer {settings['token']}"}
        self._client = httpx.AsyncClient(base_url=settings["server"], verify=trusted, headers=headers, timeout=10)

    async def call(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json"
    ) -> Object | None:
        """One request, tried until the API server answers; None if the object is not there or has changed meanwhile."""
        while True:
            try:
                answer = await self._client.request(
                    method, path, content=json.dumps(body) if body is not None else None, headers={"content-type": kind}
                )
            except (httpx.HTTPError, OSError):
                await asyncio.sleep(_LOOK_S)
                continue
            if answer.status_code < 300:
                return dict(answer.json())
            if answer.status_code in {404, 409, 422}:
                return None
            await asyncio.sleep(_LOOK_S)

    async def patch(self, path: str, body: Object) -> None:
        """Merge into an object."""
        await self.call("PATCH", path, body, "application/merge-patch+json")

    async def watch(self, path: str, selector: str = "") -> AsyncIterator[tuple[str, Object]]:
        """Every object now and every change from now on; after a broken connection all from the beginning."""
        while True:
            query = f"{path}?watch=1{selector}"
            try:
                async with self._client.stream("GET", query, timeout=httpx.Timeout(10, read=None)) as answer:
                    async for line in answer.aiter_lines():
                        event = json.loads(line)
                        if event["type"] in {"ADDED", "MODIFIED", "DELETED"}:
                            yield event["type"], event["object"]
            except (httpx.HTTPError, OSError, ValueError):
                pass
            await asyncio.sleep(_LOOK_S)


@dataclass
class Container:
    """The one container of a pod, as its status tells it."""

    restarts: int = 0
    ready: bool = False
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: Object = field(default_factory=dict)


class Pod:
    """One pod, from its binding to its end."""

    def __init__(self, api: Api, pod: Object, settings: Object, address: str) -> None:
        self._api, self._settings, self.address = api, settings, address
        self._pod = pod
        metadata = pod["metadata"]
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self._spec: Object = pod["spec"]["containers"][0]
        self._folder = Path(settings["folder"]) / metadata["uid"]
        self.port = 0
        self._container = Container()
        self._process: asyncio.subprocess.Process | None = None
        self._ending = asyncio.Event()
        self._started = _now()

    @property
    def pid(self) -> int:
        """Its process; 0 if none runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    def end(self) -> None:
        """It is being deleted."""
        self._ending.set()

    async def run(self) -> None:
        """Live until it is deleted."""
        life = asyncio.create_task(self._live())
        await self._ending.wait()
        await self._drain()
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await life
        self._kill()
        while await self._api.call("GET", self._path) is not None:  # it may change between the look and the deletion
            await self._api.call("DELETE", self._path, {"gracePeriodSeconds": 0})

    async def _live(self) -> None:
        while True:
            await self._start(await self._program())  # config maps are mounted anew, as kubelets keep them up to date
            try:
                reason, code = await self._attend()
            finally:
                self._kill()
            if self._ending.is_set():  # asyncio.wait_for of Python 3.11 may swallow the cancellation meanwhile
                return
            ended = {"exitCode": code, "reason": reason, "startedAt": self._started, "finishedAt": _now()}
            crash = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
            back_off = _BACK_OFF_S[min(self._container.restarts, len(_BACK_OFF_S) - 1)]
            self._container = Container(
                self._container.restarts + 1, ready=False, state=crash, last={"terminated": ended}
            )
            await self._tell()
            await asyncio.sleep(back_off)

    async def _program(self) -> list[str]:
        """The image's program, once it is there and its config maps are."""
        words: list[str] | None = self._settings["programs"].get(self._spec["image"])
        if not self._container.restarts:
            await self._tell()
        if words is None:
            message = f'Back-off pulling image "{self._spec["image"]}"'
            self._container.state = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
            await self._tell()
            await asyncio.Event().wait()
        assert words is not None
        volumes = {volume["name"]: volume["configMap"]["name"] for volume in self._pod["spec"].get("volumes", ())
                   if "configMap" in volume}  # fmt: skip
        for mount in self._spec.get("volumeMounts", ()):
            if mount["name"] in volumes:
                await self._mount(volumes[mount["name"]])
        return words

    async def _mount(self, config_map: str) -> None:
        space = self._pod["metadata"]["namespace"]
        while (found := await self._api.call("GET", f"/api/v1/namespaces/{space}/configmaps/{config_map}")) is None:
            self._container.state = {
                "waiting": {"reason": "ContainerCreating", "message": f"no config map {config_map}"}
            }
            await self._tell()
            await asyncio.sleep(0.5)
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, text in found.get("data", {}).items():
            (self._folder / name).write_text(text, encoding="utf-8")

    async def _start(self, words: list[str]) -> None:
        self.port = free_port()
        places = {"{port}": str(self.port), "{config}": str(self._folder)}
        filled = [places.get(word, word.replace("{config}", str(self._folder))) for word in words]
        given = {item["name"]: item.get("value", "") for item in self._spec.get("env", ())}
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "embedded.guard", *filled, env={**os.environ, **given}, stdout=log, stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        self._started = _now()
        self._container.state = {"running": {"startedAt": self._started}}
        await self._tell()

    async def _attend(self) -> tuple[str, int]:
        """Probe it until it ends; the reason and the exit code."""
        assert self._process is not None
        readiness, liveness = self._spec.get("readinessProbe"), self._spec.get("livenessProbe")
        failed = {"readiness": 0, "liveness": 0}
        begun = probed = asyncio.get_running_loop().time()
        warm_up_s = float((readiness or {}).get("initialDelaySeconds", 0))
        limit = _bytes(self._spec.get("resources", {}).get("limits", {}).get("memory", ""))
        while self._process.returncode is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _LOOK_S)
                break
            if limit and _resident(self._process.pid) > limit:
                self._process.kill()
                await self._process.wait()
                return "OOMKilled", 137
            now = asyncio.get_running_loop().time()
            if readiness is None and not self._container.ready:
                await self._become(ready=True)
            period = float((readiness or liveness or {}).get("periodSeconds", 10))
            if now - begun < warm_up_s or (self._container.ready and now - probed < period):
                continue
            probed = now
            if readiness is not None:
                failed["readiness"] = 0 if await self._answers(readiness) else failed["readiness"] + 1
                if failed["readiness"] in {0, readiness.get("failureThreshold", 3)}:
                    await self._become(ready=failed["readiness"] == 0)
            if liveness is not None and self._container.ready:
                failed["liveness"] = 0 if await self._answers(liveness) else failed["liveness"] + 1
                if failed["liveness"] >= liveness.get("failureThreshold", 3):
                    self._process.kill()
        code = await self._process.wait()
        return ("Completed" if code == 0 else "Error"), code if code >= 0 else 128 - code

    async def _become(self, *, ready: bool) -> None:
        if ready != self._container.ready:
            self._container.ready = ready
            await self._tell()

    async def _answers(self, probe: Object) -> bool:
        url = f"http://127.0.0.1:{self.port}{probe['httpGet']['path']}"
        try:
            return (await _probing().get(url, timeout=float(probe.get("timeoutSeconds", 1)))).status_code < 400
        except httpx.HTTPError:
            return False

    async def _drain(self) -> None:
        """The preStop sleep, SIGTERM, and the rest of the grace period."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        grace = float(self._pod["spec"].get("terminationGracePeriodSeconds", 30))
        sleep = self._spec.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        await asyncio.sleep(min(float(sleep), grace))
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), max(0.1, grace - float(sleep)))

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _tell(self) -> None:
        """Report its status, unless it is going."""
        if self._ending.is_set():
            return
        image, ready = self._spec["image"], self._container.ready
        digest = hashlib.sha256(image.encode()).hexdigest()
        running = "running" in self._container.state
        conditions = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
        previous = {item["type"]: item for item in self._pod.get("status", {}).get("conditions", ())}
        told = []
        for kind, holds in conditions.items():
            status = "True" if holds else "False"
            same = previous.get(kind, {}).get("status") == status
            since = previous[kind].get("lastTransitionTime", _now()) if same else _now()
            told.append({"type": kind, "status": status, "lastTransitionTime": since})
        told_status = {
            "phase": "Running" if running or self._container.restarts else "Pending",
            "podIP": self.address, "podIPs": [{"ip": self.address}], "hostIP": "10.0.0.1", "startTime": self._started,
            "conditions": told,
            "containerStatuses": [{
                "name": self._spec["name"], "image": image, "ready": ready, "started": running,
                "imageID": f"{image.rpartition(':')[0]}@sha256:{digest}" if running else "",
                "restartCount": self._container.restarts, "state": self._container.state,
                "lastState": self._container.last,
            }],
        }  # fmt: skip
        self._pod["status"] = told_status
        await self._api.patch(f"{self._path}/status", {"status": told_status})


class Kubelet:
    """The pods of the node."""

    def __init__(self, api: Api, settings: Object) -> None:
        self._api, self._settings = api, settings
        self._addresses = (f"10.244.{i // 250}.{i % 250 + 1}" for i in itertools.count())
        self.pods: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take over every pod that is bound to the node."""
        async for kind, pod in self._api.watch("/api/v1/pods", f"&fieldSelector=spec.nodeName={NODE}"):
            uid = pod["metadata"]["uid"]
            if uid not in self.pods and kind != "DELETED":
                self.pods[uid] = Pod(self._api, pod, self._settings, next(self._addresses))
                task = asyncio.create_task(self._live(uid))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if uid in self.pods and (kind == "DELETED" or "deletionTimestamp" in pod["metadata"]):
                self.pods[uid].end()

    async def _live(self, uid: str) -> None:
        try:
            await self.pods[uid].run()
        finally:
            self.pods.pop(uid, None)

    async def keep_alive(self) -> None:
        """Register the node, and renew its lease."""
        await self._api.call("POST", "/api/v1/nodes", _NODE)
        while True:
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": _now(),
                     "lastTransitionTime": _now()}  # fmt: skip
            status = {"conditions": [ready], "capacity": _CAPACITY, "allocatable": _CAPACITY}
            await self._api.patch(f"/api/v1/nodes/{NODE}/status", {"status": status})
            renewed = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            lease = {
                "metadata": {"name": NODE},
                "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": renewed},
            }
            leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
            if (
                await self._api.call(
                    "PATCH", f"{leases}/{NODE}", {"spec": lease["spec"]}, "application/merge-patch+json"
                )
                is None
            ):
                await self._api.call("POST", leases, lease)
            await asyncio.sleep(_LEASE_S)

    def pid_of(self, uid: str) -> int:
        """The process of a pod; 0 if it has none now."""
        pod = self.pods.get(uid)
        return pod.pid if pod is not None else 0

    def port_of(self, address: str) -> int:
        """The loopback port of the process behind a pod's address; 0 if there is none."""
        return next((pod.port for pod in self.pods.values() if pod.address == address), 0)


class Router:
    """Services on loopback ports."""

    def __init__(self, api: Api, kubelet: Kubelet) -> None:
        self._api, self._kubelet = api, kubelet
        self._ready: dict[str, dict[str, list[str]]] = {}
        self._next: Iterator[int] = itertools.count()
        self._servers: dict[str, asyncio.Server] = {}
        self._connections: set[asyncio.Task[None]] = set()

    async def services(self) -> None:
        """Listen for every service that names a port."""
        async for kind, service in self._api.watch("/api/v1/services"):
            metadata = service["metadata"]
            name, port = (
                _full(metadata["namespace"], metadata["name"]),
                metadata.get("annotations", {}).get(PORT_ANNOTATION),
            )
            if kind == "DELETED" and name in self._servers:
                self._servers.pop(name).close()
            elif port and name not in self._servers and kind != "DELETED":
                self._servers[name] = await self._serve(name, int(port))

    async def endpoints(self) -> None:
        """Know which endpoints are ready."""
        async for kind, piece in self._api.watch("/apis/discovery.k8s.io/v1/endpointslices"):
            metadata = piece["metadata"]
            service = _full(metadata["namespace"], metadata.get("labels", {}).get("kubernetes.io/service-name", ""))
            ready = [address for endpoint in piece.get("endpoints") or () if endpoint["conditions"].get("ready")
                     for address in endpoint["addresses"]]  # fmt: skip
            self._ready.setdefault(service, {})[metadata["name"]] = ready if kind != "DELETED" else []

    async def _serve(self, service: str, port: int) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._connections.add(task)  # the loop itself holds its tasks weakly
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._pass_on(service, reader, writer)
            writer.close()
            self._connections.discard(task)

        return await asyncio.start_server(connected, "127.0.0.1", port)

    async def _pass_on(self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = [address for addresses in self._ready.get(service, {}).values() for address in addresses]
        if not ready or not (port := self._kubelet.port_of(ready[next(self._next) % len(ready)])):
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
        finally:
            there_writer.close()


def _full(space: str, name: str) -> str:
    return f"{space}/{name}"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()


def _bytes(quantity: str) -> int:
    for suffix, factor in (("Mi", 2**20), ("Gi", 2**30)):
        if quantity.endswith(suffix):
            return int(quantity.removesuffix(suffix)) * factor
    return int(quantity or 0)


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


async def _main(settings: Object) -> None:
    api = Api(settings)
    kubelet = Kubelet(api, settings)
    router = Router(api, kubelet)

    async def pods(space: str, selector: str) -> list[Object]:
        found = await api.call("GET", f"/api/v1/namespaces/{space}/pods?{urlencode({'labelSelector': selector})}")
        return list((found or {}).get("items", ()))

    metrics = Metrics(pods, kubelet.pid_of)
    serving = metrics.serve(settings["metrics_port"], Path(settings["folder"]))
    parts = (kubelet.keep_alive(), kubelet.run(), router.services(), router.endpoints(), metrics.sample(), serving)
    running = [asyncio.create_task(part) for part in parts]
    loop = asyncio.get_running_loop()

    def end() -> None:
        for task in running:
            task.cancel()
        loop.call_later(_LAST_WORDS_S, os._exit, 0)  # whatever still waits: the pods end with this process

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*running)


if __name__ == "__main__":
    asyncio.run(_main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
