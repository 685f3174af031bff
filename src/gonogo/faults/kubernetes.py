"""Workloads of a Kubernetes cluster, scaled to zero: nobody answers behind their service."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError
from gonogo.faults.interface import Details, Step
from gonogo.targets.model import Target

SCALED_WITHIN_S = 300.0
_KINDS = {"deployment": "deployment", "statefulset": "stateful_set"}


class ScaleMeans:
    """``scale``: the workload of a part (a provider, ``gateway`` or ``cache``) gets another number of ``replicas`` (0).

    The cluster's context is the one that the target names, never the current one.
    """

    keys: ClassVar[tuple[str, ...]] = ("scale",)
    kind: ClassVar[str] = "scale"

    def __init__(self, target: Target, await_part: Callable[[str], None]) -> None:
        self._target, self._await_part = target, await_part

    def lacks(self, step: Step) -> str:
        """A cluster, or the part's workload."""
        if self._target.cluster is None:
            return "a cluster"
        levers = self._target.levers(step["scale"])
        return "" if levers is not None and levers.workload is not None else f"a workload of {step['scale']}"

    def prepare(self, step: Step) -> Details:
        """How many replicas it has now.

        Raises:
            GonogoError: as many as it is to have.
        """
        levers = self._target.levers(step["scale"])
        assert levers is not None
        assert self._target.cluster is not None
        details = {
            "workload": levers.workload,
            "context": self._target.cluster.context,
            "namespace": self._target.cluster.namespace,
            "kubeconfig": str(self._target.cluster.kubeconfig) if self._target.cluster.kubeconfig else None,
        }
        with _workload(details) as workload:
            wanted = workload.wanted()
        if wanted == step.get("replicas", 0):
            raise GonogoError(f"{levers.workload} has {wanted} replicas already: somebody else may have scaled it")
        return {**details, "part": step["scale"], "replicas": wanted}

    def apply(self, step: Step, details: Details) -> None:
        """Scale it, and wait until that many replicas are left."""
        with _workload(details) as workload:
            workload.scale(step.get("replicas", 0))

    def undo(self, details: Details) -> None:
        """Scale it back, and wait until all of them are ready."""
        with _workload(details) as workload:
            workload.scale(details["replicas"])
        self._await_part(details["part"])


class _Workload:
    """One workload, over the official client."""

    def __init__(self, api: Any, kind: str, name: str, namespace: str) -> None:  # noqa: ANN401 (the client is untyped)
        self._api, self._kind, self._name, self._namespace = api, _KINDS[kind], name, namespace

    def wanted(self) -> int:
        """How many replicas it is meant to have."""
        return int(self._read().spec.replicas)

    def scale(self, replicas: int) -> None:
        """Set the number of replicas and wait until so many are there, and ready."""
        self._call("patch_namespaced_{}_scale", {"spec": {"replicas": replicas}})
        deadline = time.monotonic() + SCALED_WITHIN_S
        while True:
            read = self._read()
            status, replicas = read.status, read.spec.replicas  # an autoscaler may want another number meanwhile
            if (status.replicas or 0) == replicas and (status.ready_replicas or 0) == replicas:
                return
            if time.monotonic() > deadline:
                ready = f"{status.ready_replicas or 0} of {replicas} replicas are ready"
                raise EndpointFailedError(f"{self._kind}/{self._name}: {ready} after {SCALED_WITHIN_S:g} s")
            time.sleep(0.2)

    def _read(self) -> Any:  # noqa: ANN401
        return self._call("read_namespaced_{}")

    def _call(self, method: str, *body: object) -> Any:  # noqa: ANN401
        return getattr(self._api, method.format(self._kind))(self._name, self._namespace, *body, _request_timeout=30)


@contextmanager
def _workload(details: Details) -> Iterator[_Workload]:
    """The workload; kubernetes is imported here because only targets with a cluster pay for it.

    Raises:
        InconclusiveError: the context is not known here, or no API server answers.
        EndpointFailedError: the API server refuses.
    """
    from kubernetes import client, config  # noqa: PLC0415 (see above, ADR 12)
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        loaded = config.new_client_from_config(details["kubeconfig"], details["context"])
    except config.ConfigException as error:
        raise InconclusiveError(f"the cluster's context {details['context']} cannot be used here: {error}") from error
    kind, _, name = details["workload"].partition("/")
    try:
        yield _Workload(client.AppsV1Api(loaded), kind, name, details["namespace"])
    except client.ApiException as error:
        raise EndpointFailedError(
            f"{details['workload']}: the API server says {error.status} {error.reason}"
        ) from error
    except HTTPError as error:
        raise InconclusiveError(f"the API server of {details['context']} does not answer: {error}") from error
    finally:
        loaded.close()
