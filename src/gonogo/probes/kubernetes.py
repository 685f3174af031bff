"""The API of a Kubernetes cluster, through the context that the target names and never through another.

The values of secrets are never asked for: of secrets only the metadata is read, in which the API server notes who set
which key (``managedFields``).
"""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol, Self, cast
from urllib.parse import urlencode

from gonogo.documents import Document, Part
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.patience import TOO_MANY
from gonogo.probes.tcp import why_ours
from gonogo.rules.reading import json_value
from gonogo.targets.cluster import Access, Cluster

TIMEOUT_S = 30.0
_RETRY_S = 0.3
MAX_BODY_BYTES, _PIECE = 64_000_000, 1 << 16
"""A list of 10,000 pods has some 50 MB."""
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_MERGE, _APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
FIELD_MANAGER = "gonogo"
Object = dict[str, Any]

_PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Service": "/api/v1/namespaces/{}/services",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
    "Namespace": "/api/v1/namespaces",
    "PrometheusRule": "/apis/monitoring.coreos.com/v1/namespaces/{}/prometheusrules",
    "ServiceMonitor": "/apis/monitoring.coreos.com/v1/namespaces/{}/servicemonitors",
    "PodMonitor": "/apis/monitoring.coreos.com/v1/namespaces/{}/podmonitors",
}
"""Where the objects of a kind lie; what is not here is found by asking the API server (`ClusterApi.path_of`)."""


class ApiDownError(InconclusiveError):
    """The API server does not answer: whatever was to be seen there could not be."""


class UnreachableError(ApiDownError):
    """No request could leave this machine, or the server's name does not resolve here: it says nothing of the cluster.

    Whoever waits until the API server is back waits for this, too.
    """


class ApiBusyError(ApiDownError):
    """It has no place for this request now (429, API priority and fairness), which says nothing of the cluster."""


class WrongClusterError(InconclusiveError):
    """The context leads to another API server than the target declares: it is not asked for anything."""


class RefusedError(EndpointFailedError):
    """The API server understood a request and refuses it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the API server says {status}: {message}")
        self.status, self.message = status, message


class _Response(Protocol):
    """What is used of urllib3's answer."""

    status: int

    def read1(self, amt: int, *, decode_content: bool) -> bytes:
        """The next piece of the body, as it comes; empty at its end."""

    def close(self) -> None:
        """Hang up."""


class ClusterApi:
    """One cluster and one namespace, over the official client."""

    def __init__(self, cluster: Cluster, context: ProbeContext, timeout_s: float = TIMEOUT_S) -> None:
        """Nothing is asked yet; `timeout_s` is for each request."""
        self.cluster, self._context, self._timeout_s = cluster, context, timeout_s
        self._client: Any = None
        self._plurals: dict[str, dict[str, Object]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    def path(self, kind: str, name: str = "", namespace: str = "") -> str:
        """The path of an object of a known kind, or of all of them."""
        base = _PATHS[kind].format(namespace or self.cluster.namespace)
        return f"{base}/{name}" if name else base

    def read(self, kind: str, name: str) -> Object | None:
        """An object; None if it is not there.

        Raises:
            InconclusiveError: the API server does not answer, or does not let us look.
        """
        return self.get(self.path(kind, name))

    def list(self, kind: str, namespace: str = "") -> list[Object]:
        """All objects of a kind; none where the cluster does not know the kind.

        Raises:
            InconclusiveError: the API server does not answer, or does not let us look.
        """
        found = self.get(self.path(kind, namespace=namespace)) or {}
        return [{"kind": kind, **item} for item in found.get("items", ())]

    def served(self, wanted: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
        """Some kinds' plurals by API group: of those that are served the group, and where all objects of a kind lie.

        Raises:
            InconclusiveError: the API server does not answer, or does not let us look.
        """
        for group in (self.get("/apis") or {}).get("groups", ()):
            left = set(wanted.get(group["name"], ()))
            for version in group["versions"] if left else ():
                base = f"/apis/{version['groupVersion']}"
                known = {item["name"] for item in (self.get(base) or {}).get("resources", ())} & left
                left -= known
                yield from ((group["name"], f"{base}/{name}") for name in sorted(known))

    def metadata(self, kind: str, name: str) -> Object | None:
        """An object's metadata and nothing else of it; None if it is not there."""
        return self.get(self.path(kind, name), accept=_METADATA_ONLY)

    def get(self, path: str, query: Mapping[str, str] | None = None, accept: str = "application/json") -> Object | None:
        """What lies at a path; None for 404.

        Raises:
            InconclusiveError: the API server does not answer, or does not let us look.
        """
        try:
            return self.send("GET", path, query=query, accept=accept)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def send(  # noqa: PLR0913 (what an HTTP request has)
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 (any JSON)
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        """One request; the answer's JSON.

        Raises:
            RefusedError: it is refused, or there is no such object.
            InconclusiveError: the API server does not answer, or the account lacks a right.
        """
        began = time.monotonic()
        response = self._call(method, path, body, query, content, accept)
        told = self._whole(response, began)
        found = _object_of(told)
        answer = {"message": told[:500].decode("utf-8", "replace")} if found is None else found
        shown = f"{path}?{urlencode(query)}" if query else path
        self._context.record(
            Observation(
                "kubernetes",
                f"{method} {shown}",
                round((time.monotonic() - began) * 1000, 3),
                answer={"status": response.status, **_summary(answer)},
                repeat=f"kubectl --context {self.cluster.context} get --raw '{shown}'" if method == "GET" else "",
            )
        )
        if response.status >= 400:
            raise _refusal(response.status, str(answer.get("message") or answer), method, shown)
        if response.status >= 300 or found is None:  # a proxy's login page, not the API's word
            raise ApiDownError(f"{method} {shown}: HTTP {response.status}, and no answer of the API: {told[:100]!r}")
        return answer

    def _whole(self, response: _Response, began: float) -> bytes:
        """An answer's body, read within the time and the size that one may have.

        Raises:
            ApiDownError: it is not there in time, or is too long.
        """
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 (see `_connected`)

        body, flaw = bytearray(), ""
        try:
            while piece := response.read1(_PIECE, decode_content=False):
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    flaw = f"is longer than {MAX_BODY_BYTES} bytes"
                elif time.monotonic() - began > self._timeout_s:
                    flaw = f"did not end within {self._timeout_s:g} s"
                if flaw:
                    response.close()
                    break
        except (HTTPError, OSError) as error:
            flaw = f"broke: {error}"
        if flaw:
            raise ApiDownError(f"an answer of {self.cluster.context} {flaw}")
        return bytes(body)

    def await_up(self, within_s: float) -> None:
        """Wait until the API server answers.

        Raises:
            ApiDownError: it does not in time.
        """
        deadline = time.monotonic() + within_s
        while True:
            try:
                self.get("/version")
            except ApiDownError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                return

    def patch(self, path: str, body: Any, *, query: Mapping[str, str] | None = None) -> Object:  # noqa: ANN401
        """Merge into an object; a null takes a field away."""
        return self.send("PATCH", path, body, query={"fieldManager": FIELD_MANAGER, **(query or {})}, content=_MERGE)

    def dry_apply(self, manifest: Object) -> None:
        """Ask the API server whether it would take a manifest (``kubectl apply --server-side --dry-run=server``).

        Raises:
            RefusedError: it would not; its message says why.
            InconclusiveError: the API server does not answer, or the account lacks a right.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "dryRun": "All"}
        self.send("PATCH", self.path_of(manifest), manifest, query=query, content=_APPLY)

    def path_of(self, manifest: Object) -> str:
        """Where an object of any kind that the API server knows lies.

        Raises:
            RefusedError: it does not know the kind.
        """
        version, kind = str(manifest.get("apiVersion", "")), str(manifest.get("kind", ""))
        metadata = manifest.get("metadata") or {}
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if base not in self._plurals:
            found = self.get(base) or {}
            kinds = [item for item in found.get("resources", ()) if "/" not in item["name"]]
            self._plurals[base] = {item["kind"]: item for item in kinds}
        known = self._plurals[base].get(kind)
        if known is None:
            raise RefusedError(404, f"no kind {kind!r} in {version!r}")
        space = f"/namespaces/{metadata.get('namespace') or self.cluster.namespace}" if known["namespaced"] else ""
        return f"{base}{space}/{known['name']}/{metadata.get('name', '')}"

    def may(self, access: Access) -> bool:
        """Whether an account has a right, as the API server judges it (``SubjectAccessReview``; nothing is changed).

        Raises:
            InconclusiveError: it cannot judge, or does not let us ask.
        """
        resource, _, subresource = access.resource.partition("/")
        resource, _, group = resource.partition(".")
        space = access.namespace or self.cluster.namespace
        attributes = {"verb": access.verb, "group": group, "resource": resource, "subresource": subresource,
                      "namespace": "" if space == "*" else space}  # fmt: skip
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": access.subject, "groups": _groups(access.subject), "resourceAttributes": attributes},
        }
        answer = self.send("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        judged = answer["status"]
        if not judged["allowed"] and judged.get("evaluationError"):
            raise InconclusiveError(f"{access.verb} {access.resource}: {judged['evaluationError']}")
        return bool(judged["allowed"])

    def states(self, kind: str, name: str, within_s: float) -> Iterator[Object | None]:
        """An object as it is now, and again after each change, for some time; None while it is not there.

        It is watched, not polled; an API server that goes away meanwhile is waited for.

        Raises:
            ApiDownError: the API server does not answer at the end of the time.
            InconclusiveError: it does not let us look.
        """
        deadline = time.monotonic() + within_s
        while True:
            try:
                query = {"fieldSelector": f"metadata.name={name}"}
                found = self.send("GET", self.path(kind), query=query)
                items = [{"kind": kind, **item} for item in found["items"]]
                yield items[0] if items else None
                query |= {"resourceVersion": found["metadata"]["resourceVersion"]}
                yield from self._watched(kind, query, deadline)
            except ApiDownError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                if time.monotonic() >= deadline:
                    return

    def _watched(self, kind: str, query: Mapping[str, str], deadline: float) -> Iterator[Object | None]:
        """Every change that the API server tells of, until the time is over or it has no more to tell."""
        left_s = max(1, int(deadline - time.monotonic()) + 1)
        asked = {**query, "watch": "1", "timeoutSeconds": str(left_s)}
        response = self._call("GET", self.path(kind), None, asked, "application/json", "application/json", left_s + 5)
        try:
            for event in _events(response):
                if event.get("type") in {"ADDED", "MODIFIED"}:
                    yield {"kind": kind, **event["object"]}
                elif event.get("type") == "DELETED":
                    yield None
                else:
                    return  # the place in the history is too old: begin anew
                if time.monotonic() >= deadline:
                    return
        finally:
            response.close()

    def _call(  # noqa: PLR0913, PLR0917 (what an HTTP request has)
        self,
        method: str,
        path: str,
        body: Any,  # noqa: ANN401
        query: Mapping[str, str] | None,
        content: str,
        accept: str,
        timeout_s: float | None = None,
    ) -> _Response:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 (comes with the client below)

        configuration = self._connected().configuration
        self._context.spend(1, 0)
        url = f"{configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        given = {item["key"]: item["value"] for item in configuration.auth_settings().values() if item["value"]}
        try:
            # below the client's own methods: those differ from release to release, and read whole answers only
            answer = self._client.rest_client.pool_manager.request(
                method,
                url,
                body=json.dumps(body) if body is not None else None,
                headers={**given, "accept": accept, "content-type": content},
                timeout=timeout_s or self._timeout_s,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            if why := why_ours(error):
                raise UnreachableError(f"the API server of {self.cluster.context}: {why}: {error}") from error
            raise ApiDownError(f"the API server of {self.cluster.context} does not answer: {error}") from error
        return cast("_Response", answer)

    def _connected(self) -> Any:  # noqa: ANN401 (the client is untyped)
        """The client; kubernetes is imported here because only targets with a cluster pay for it (ADR 12).

        Raises:
            InconclusiveError: the context is not known here.
            WrongClusterError: it leads elsewhere.
        """
        if self._client is None:
            from kubernetes import config  # noqa: PLC0415 (see above)

            kubeconfig = str(self.cluster.kubeconfig) if self.cluster.kubeconfig else None
            try:
                loaded = config.new_client_from_config(kubeconfig, self.cluster.context)
            except (config.ConfigException, OSError) as error:
                raise InconclusiveError(
                    f"the cluster's context {self.cluster.context} cannot be used here: {error}"
                ) from error
            host = str(loaded.configuration.host).rstrip("/")
            if self.cluster.server and host != self.cluster.server:
                loaded.close()
                raise WrongClusterError(
                    f"the context {self.cluster.context} leads to {host}, the target declares {self.cluster.server}"
                )
            self._client = loaded
        return self._client


def _object_of(data: bytes) -> Object | None:
    """The JSON object that a body is; None if it is none."""
    with suppress(ValueError):
        found = json_value(data)
        if isinstance(found, dict):
            return found
    return None


def _refusal(status: int, message: str, method: str, path: str) -> Exception:
    if status in {401, 403}:
        return InconclusiveError(f"{method} {path}: the account may not ({status}): {message}")
    if "does not support dry run" in message:  # an admission webhook with side effects: nobody can know
        return InconclusiveError(f"{method} {path}: {message}")
    if status == TOO_MANY:
        return ApiBusyError(f"{method} {path}: the API server has too many requests: {message}")
    if status in {500, 502, 503, 504}:
        return ApiDownError(f"{method} {path}: the API server says {status}: {message}")
    return RefusedError(status, message)


def _summary(answer: Object) -> Object:
    """What of an answer is evidence: an object's name, generation and status, never its data."""
    if "items" in answer:
        return {"items": len(answer["items"])}
    metadata = answer.get("metadata") or {}
    kept = {key: metadata[key] for key in ("name", "namespace", "generation", "labels") if key in metadata}
    told: Object = {key: answer[key] for key in ("kind", "message") if key in answer}
    told |= {"metadata": kept} if kept else {}
    return told | ({"object_status": answer["status"]} if answer.get("status") else {})


def _events(response: _Response) -> Iterator[Object]:
    """The lines of a watch, as they come; a broken connection ends them."""
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 (see `_connected`)

    rest = b""
    try:
        while piece := response.read1(_PIECE, decode_content=False):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.strip():
                    yield json_value(line)
            if len(rest) > MAX_BODY_BYTES:
                return
    except (HTTPError, OSError, ValueError):
        return


def _groups(subject: str) -> list[str]:
    """The groups that an account is in by its name alone."""
    parts = subject.split(":")
    if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4:
        return ["system:serviceaccounts", f"system:serviceaccounts:{parts[2]}", "system:authenticated"]
    return ["system:authenticated"]


def as_part(item: Object) -> Part:
    """An object whose parts can be walked without a look whether they are there."""
    return Document(str((item.get("metadata") or {}).get("name", "")), item).root
