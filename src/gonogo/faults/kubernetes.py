"""A Kubernetes cluster, changed and put back: workloads scaled, objects patched, deleted or added.

The cluster's context is the one that the target names, never the current one.
"""

import copy
import math
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from gonogo.documents import Part
from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError
from gonogo.faults.interface import ChangedMeanwhileError, Details, Step
from gonogo.faults.patches import changed_meanwhile, differences, digest_of, left_over, undoing
from gonogo.probes.context import ProbeContext
from gonogo.probes.kubernetes import FIELD_MANAGER, ApiDownError, ClusterApi, Object, RefusedError, as_part
from gonogo.rules.pods import condition, is_ready, pods_of, rollout_of
from gonogo.rules.revisions import REVISION
from gonogo.rules.selectors import labels_of, selects
from gonogo.targets.cluster import KINDS, Cluster
from gonogo.targets.model import Target
from gonogo.texts import with_texts

SCALED_WITHIN_S = 300.0
CONDITION_WITHIN_S = 60.0
UP_WITHIN_S = 30.0
"""An undo waits so long for an API server that is away."""
STALLED_GRACE_S = 10.0
_LOOK_S = 2.0
_POLL_S = 0.2
_NOW = re.compile(r"\{now(?:-(\d+))?\}")
_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
"""What the API server writes into an object's metadata itself."""


def where(cluster: Cluster) -> Details:
    """What of a cluster must be journalled, so that a change can be undone even if the target has changed since."""
    kept = {key: value for key, value in asdict(cluster).items() if key in ("context", "namespace", "server")}
    return {**kept, "kubeconfig": str(cluster.kubeconfig) if cluster.kubeconfig else None}


def cluster_of(details: Details) -> Cluster:
    """The cluster that a journal's entry is about."""
    kubeconfig = Path(details["kubeconfig"]) if details.get("kubeconfig") else None
    return Cluster(details["context"], details["namespace"], kubeconfig, details.get("server", ""))


def kind_of(reference: str) -> tuple[str, str]:
    """Kind and name of a workload: ``deployment/chatbot``."""
    kind, _, name = reference.partition("/")
    return KINDS[kind], name


class ScaleMeans:
    """``scale``: the workload of a part (a provider, ``gateway``, ``cache``) gets other ``replicas`` (0)."""

    keys: ClassVar[tuple[str, ...]] = ("scale",)
    kind: ClassVar[str] = "scale"

    def __init__(self, target: Target, context: ProbeContext, await_part: Callable[[str], None]) -> None:
        self._target, self._context, self._await_part = target, context, await_part

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
        assert levers.workload is not None
        assert self._target.cluster is not None
        details = {"workload": levers.workload, **where(self._target.cluster)}
        with ClusterApi(self._target.cluster, self._context) as api:
            wanted = int(read_workload(api, levers.workload)["spec"]["replicas"])
        if wanted == step.get("replicas", 0):
            raise GonogoError(f"{levers.workload} has {wanted} replicas already: somebody else may have scaled it")
        return {**details, "part": step["scale"], "replicas": wanted, "to": step.get("replicas", 0)}

    def apply(self, step: Step, details: Details) -> None:
        """Scale it, and wait until that many replicas are left, and no pod is still ending."""
        del step
        with ClusterApi(cluster_of(details), self._context) as api:
            scale(api, details["workload"], details["to"])
            _await_ended(api, details["workload"])

    def undo(self, details: Details) -> None:
        """Scale it back, unless somebody else has scaled it since, and wait until all of them are ready."""
        with ClusterApi(cluster_of(details), self._context) as api:
            api.await_up(UP_WITHIN_S)
            kind, name = kind_of(details["workload"])
            found = api.read(kind, name)
            if found is None:
                return  # whoever deleted it has decided
            if found["spec"]["replicas"] not in {details["replicas"], details["to"]}:
                return  # what was written here is gone: an autoscaler or a person has decided since
            scale(api, details["workload"], details["replicas"], may_move=True)
        self._await_part(details["part"])


def scale(api: ClusterApi, reference: str, replicas: int, *, may_move: bool = False) -> None:
    """Set a workload's number of replicas, and wait until so many are there, and ready.

    Args:
        api: its cluster.
        reference: the workload.
        replicas: how many.
        may_move: an autoscaler may want another number meanwhile.

    Raises:
        EndpointFailedError: they are not in time, or the API server refuses, or somebody else scales it.
        InconclusiveError: the API server does not answer.
    """
    kind, name = kind_of(reference)
    api.patch(f"{api.path(kind, name)}/scale", {"spec": {"replicas": replicas}})
    for item in api.states(kind, name, SCALED_WITHIN_S):
        found = as_part(item or {})
        wanted = int(found.at("spec", "replicas").number() or 0)
        if item is not None and wanted != replicas and not may_move:
            raise ChangedMeanwhileError(f"the number of replicas of {reference}")
        there = (int(found.at("status", field).number() or 0) for field in ("replicas", "readyReplicas"))
        if all(number == wanted for number in there) and item is not None:
            return
    raise EndpointFailedError(f"{reference} has not {replicas} ready replicas after {SCALED_WITHIN_S:g} s")


def _await_ended(api: ClusterApi, reference: str) -> None:
    """Wait until no pod of a workload is still being ended.

    Raises:
        EndpointFailedError: they are not in time.
    """
    deadline = time.monotonic() + CONDITION_WITHIN_S
    while _going(api, read_workload(api, reference)):
        if time.monotonic() > deadline:
            raise EndpointFailedError(f"pods of {reference} are still being ended after {CONDITION_WITHIN_S:g} s")
        time.sleep(_POLL_S)


def read_workload(api: ClusterApi, reference: str) -> Object:
    """A workload as it is now.

    Raises:
        EndpointFailedError: there is none of that name.
        InconclusiveError: the API server does not answer, or does not let us look.
    """
    kind, name = kind_of(reference)
    found = api.read(kind, name)
    if found is None:
        raise EndpointFailedError(f"there is no {reference} in the namespace {api.cluster.namespace}")
    return {"kind": kind, **found}


def read_pods(api: ClusterApi, workload: Object) -> list[Part]:
    """The pods of a workload (`read_workload`) as they are now."""
    return pods_of(as_part(workload), [as_part(item) for item in api.list("Pod")])


def kubectl(cluster: Cluster) -> str:
    """The beginning of a command line for people."""
    return f"kubectl --context {cluster.context} -n {cluster.namespace}"


def set_template(
    api: ClusterApi, reference: str, template: Object, *, instead_of: Object | None = None, dry_run: bool = False
) -> Object:
    """Make a workload's pod template this one, as a whole.

    Args:
        api: its cluster.
        reference: the workload.
        template: the new one.
        instead_of: the one that it has; None: whichever it has.
        dry_run: the API server only says whether it would.

    Returns:
        What the API server makes of it.

    Raises:
        RefusedError: it does not take it.
        ChangedMeanwhileError: the workload has another one than expected.
    """
    kind, name = kind_of(reference)
    query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
    expected = [{"op": "test", "path": "/spec/template", "value": instead_of}] if instead_of is not None else []
    patch = [*expected, {"op": "replace", "path": "/spec/template", "value": template}]
    try:
        answer = api.send("PATCH", api.path(kind, name), patch, query=query, content="application/json-patch+json")
    except RefusedError as error:
        if instead_of is not None and read_workload(api, reference)["spec"]["template"] != instead_of:
            raise ChangedMeanwhileError(f"the pod template of {reference}") from error
        raise
    stored: Object = answer["spec"]["template"]
    return stored


def template_digest(template: Object) -> str:
    """What a pod template is known by, also as one of a workload's revisions has it."""
    labels = template["metadata"].get("labels") or {}
    metadata = {**template["metadata"], "labels": {k: v for k, v in labels.items() if k != "pod-template-hash"}}
    return digest_of({**template, "metadata": metadata})


def rolled_out(api: ClusterApi, reference: str, within_s: float) -> None:
    """Wait until a workload's rollout is complete.

    Raises:
        EndpointFailedError: it is not in time, or its controller has given it up.
    """
    kind, name = kind_of(reference)
    told, began = "it is not there", time.monotonic()
    given_up_s = math.inf
    while (now_s := time.monotonic() - began) < min(within_s, given_up_s):
        try:
            for item in api.states(kind, name, min(_LOOK_S, within_s - now_s)):
                state = rollout_of(as_part(item or {}))
                told = state.told
                if item is not None and state.done and not _going(api, item):
                    return
                # its controller has given it up, but what was in its way may have been put back a moment ago
                given_up_s = min(given_up_s, now_s + STALLED_GRACE_S) if state.stalled else math.inf
        except ApiDownError as error:  # it may be restarting: it is waited for
            told = str(error)
            time.sleep(_POLL_S)
    raise EndpointFailedError(f"{reference} is not rolled out after {time.monotonic() - began:.0f} s: {told}")


def _going(api: ClusterApi, workload: Object) -> bool:
    """Whether pods of it are still being ended: they may be answering requests."""
    pods = _selected(api, as_part(workload).at("spec", "selector"))
    return any(pod.at("metadata", "deletionTimestamp") for pod in pods)


def _refuse_unfit(api: ClusterApi, reference: str, workload: Object) -> None:
    """A drill must not begin where it could not put everything back.

    Raises:
        InconclusiveError: the workload is paused, or its history is full: another revision would push out the oldest.
    """
    if workload["spec"].get("paused"):
        raise InconclusiveError(f"{reference} is paused: nothing was changed")
    uid, limit = workload["metadata"]["uid"], workload["spec"].get("revisionHistoryLimit", 10)
    old = [
        item for item in api.list("ReplicaSet")
        if not item["spec"].get("replicas") and uid in {o["uid"] for o in item["metadata"].get("ownerReferences", ())}
    ]  # fmt: skip
    if len(old) >= limit:
        raise InconclusiveError(
            f"{reference} keeps {limit} old revisions (revisionHistoryLimit), and has so many: a drill would push out "
            "the oldest for good. Raise the limit; nothing was changed"
        )


class RevisionMeans:
    """What a drill did to a workload: its template is put back, and what the drill left beside it goes.

    No step asks for it: a drill keeps a workload by it (`Injector.keep_workload`).
    """

    keys: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[str] = "workload"

    def __init__(self, target: Target, context: ProbeContext) -> None:
        self._target, self._context = target, context

    def lacks(self, step: Step) -> str:
        """A cluster."""
        del step
        return "" if self._target.cluster is not None else "a cluster"

    def prepare(self, step: Step) -> Details:
        """The workload's template, and the names of its revisions and of the namespace's config maps."""
        assert self._target.cluster is not None
        with ClusterApi(self._target.cluster, self._context) as api:
            found = read_workload(api, step["workload"])
            _refuse_unfit(api, step["workload"], found)
            names = {kind: _names(api, kind) for kind in ("ReplicaSet", "ConfigMap")}
        revision = found["metadata"].get("annotations", {}).get(REVISION, "N")
        return {**where(self._target.cluster), "workload": step["workload"], "template": found["spec"]["template"],
                "revision": revision, "before": names}  # fmt: skip

    def apply(self, step: Step, details: Details) -> None:
        """Nothing: the drill does it."""

    def undo(self, details: Details) -> None:
        """Put the template back, wait for the rollout, and take away what the drill made.

        Only what the drill wrote is undone: a template that somebody else has put there since stays.
        """
        workload = details["workload"]
        with ClusterApi(cluster_of(details), self._context) as api:
            api.await_up(UP_WITHIN_S)
            kind, name = kind_of(workload)
            found = api.read(kind, name)
            if found is None:  # whoever deleted it has decided; its revisions went with it
                self._drop_config_maps(api, details)
                return
            original, now = template_digest(details["template"]), template_digest(found["spec"]["template"])
            if now not in {original, *details.get("wrote", ())}:
                raise ChangedMeanwhileError(f"the pod template of {workload}")
            if now != original:
                set_template(api, workload, details["template"], instead_of=found["spec"]["template"])
            if found["spec"].get("paused"):
                raise EndpointFailedError(
                    f"{workload} was paused by somebody else meanwhile: its template is put back, but not rolled out"
                )
            rolled_out(api, workload, SCALED_WITHIN_S)
            self._tidy(api, details, found["metadata"]["uid"])
            if template_digest(read_workload(api, workload)["spec"]["template"]) != original:
                raise ChangedMeanwhileError(f"the pod template of {workload}")

    def _tidy(self, api: ClusterApi, details: Details, uid: str) -> None:
        """Remove the empty revisions and the config maps that the drill made."""
        for item in api.list("ReplicaSet"):
            name, owners = item["metadata"]["name"], item["metadata"].get("ownerReferences", ())
            is_left = uid in {owner["uid"] for owner in owners} and not item["spec"].get("replicas")
            is_ours = template_digest(item["spec"]["template"]) in details.get("wrote", ())
            if is_left and is_ours and name not in details["before"]["ReplicaSet"]:
                _delete(api, "ReplicaSet", name)
        self._drop_config_maps(api, details)

    @staticmethod
    def _drop_config_maps(api: ClusterApi, details: Details) -> None:
        for name in _names(api, "ConfigMap"):
            if name not in details["before"]["ConfigMap"] and name.endswith(DRILL_SUFFIX):
                _delete(api, "ConfigMap", name)


DRILL_SUFFIX = "-gonogo-drill"
"""Ends the name of a config map that a drill makes."""


def _names(api: ClusterApi, kind: str) -> list[str]:
    return [item["metadata"]["name"] for item in api.list(kind)]


def _delete(api: ClusterApi, kind: str, name: str) -> None:
    """Delete an object; one that is gone stays gone."""
    try:
        api.send("DELETE", api.path(kind, name), {"propagationPolicy": "Background"})
    except RefusedError as error:
        if error.status != 404:
            raise


class ObjectMeans:
    """``object``: an object of the cluster (``Kind/name``) is patched (``patch``), deleted (``delete: true``) or added.

    ``patch`` is a merge patch; with ``status: true`` it changes what the object says of itself, which a controller that
    watches it puts right again. ``add`` is a whole manifest. Without a name, ``of`` names a workload whose pod it
    is, and ``index`` which one: ``{object: Pod, of: deployment/chatbot, index: 1}``. In texts ``{now}`` stands for the
    time (``{now-60}`` for a minute ago), ``{namespace}`` for the target's namespace. ``until: [CONDITION, STATUS]``
    waits until the object says so, ``rolled_out: true`` until its rollout is complete, after the undo too.
    """

    keys: ClassVar[tuple[str, ...]] = ("object",)
    kind: ClassVar[str] = "object"

    def __init__(self, target: Target, context: ProbeContext) -> None:
        self._target, self._context = target, context

    def lacks(self, step: Step) -> str:
        """A cluster."""
        del step
        return "" if self._target.cluster is not None else "a cluster"

    def prepare(self, step: Step) -> Details:
        """The object as it is, None where there is none, and what a patch will make of it, as the API server says.

        Raises:
            GonogoError: it is not there, or is there already.
        """
        assert self._target.cluster is not None
        with ClusterApi(self._target.cluster, self._context) as api:
            filled = _filled(step, api.cluster.namespace)
            path = self._path(api, filled)
            before, after = api.get(path), None
            if (before is None) is not ("add" in step):
                raise GonogoError(f"{step['object']} is {'not ' if before is None else ''}there: nothing was changed")
            if "patch" in step and not step.get("status"):
                after = api.patch(path, filled["patch"], query={"dryRun": "All"})
        return {**where(self._target.cluster), "object": step["object"], "path": path, "before": before,
                "patch": filled.get("patch"), "after": after, "status": bool(step.get("status")),
                "is_pod": step["object"] == "Pod", "rolled_out": bool(step.get("rolled_out"))}  # fmt: skip

    def apply(self, step: Step, details: Details) -> None:
        """Change it."""
        step = _filled(step, details["namespace"])
        with ClusterApi(cluster_of(details), self._context) as api:
            if "patch" in step:
                api.patch(f"{details['path']}/status" if details["status"] else details["path"], details["patch"])
            elif "add" in step:
                api.send("POST", details["path"].rpartition("/")[0], step["add"], query=_AS_OURS)
            else:
                api.send("DELETE", details["path"], {"propagationPolicy": "Orphan"})
                _await_gone(api, details["path"])
            if "until" in step:
                _await_condition(api, details["path"], *step["until"])
            if step.get("rolled_out"):
                rolled_out(api, _reference(details["object"]), SCALED_WITHIN_S)

    def undo(self, details: Details) -> None:
        """What was added goes, what was deleted comes back, what was patched is as before; the rest stays as it is.

        A pod whose status was changed is replaced by a new one, by whatever owns it.
        """
        with ClusterApi(cluster_of(details), self._context) as api:
            api.await_up(UP_WITHIN_S)
            if details["is_pod"] and details["before"] is not None:
                replace_pod(api, details["before"])
            elif details["before"] is None:
                _take_away(api, details["path"])
            elif details["patch"] is None:
                _bring_back(api, details["path"], details["before"])
            else:
                _unpatch(api, details)
            if details.get("rolled_out"):
                rolled_out(api, _reference(details["object"]), SCALED_WITHIN_S)

    def _path(self, api: ClusterApi, step: Step) -> str:
        kind, _, name = str(step["object"]).partition("/")
        if "add" in step:
            return api.path_of(step["add"])
        if kind == "Pod" and "of" in step:
            pods = read_pods(api, read_workload(api, step["of"]))
            index = step.get("index", 0)
            if index >= len(pods):
                raise GonogoError(f"{step['of']} has {len(pods)} pods: nothing was changed")
            name = sorted(pod.at("metadata", "name").text() for pod in pods)[index]
        return api.path(kind, name)


def _filled(step: Step, namespace: str) -> Step:
    """The same with its places filled."""

    def fill(text: str) -> str:
        now = datetime.now(UTC)
        timed = _NOW.sub(lambda found: f"{now - timedelta(seconds=int(found[1] or 0)):%Y-%m-%dT%H:%M:%SZ}", text)
        return timed.replace("{namespace}", namespace)

    filled: Step = with_texts(step, fill)
    return filled


def _await_condition(api: ClusterApi, path: str, kind: str, status: str) -> None:
    """Wait until an object has a condition.

    Raises:
        EndpointFailedError: it has not in time.
    """
    deadline = time.monotonic() + CONDITION_WITHIN_S
    while condition(as_part(api.get(path) or {}), kind) != status:
        if time.monotonic() > deadline:
            raise EndpointFailedError(f"{path}: {kind} is not {status} after {CONDITION_WITHIN_S:g} s")
        time.sleep(0.1)


def _await_gone(api: ClusterApi, path: str) -> None:
    """Wait until an object is gone: what is orphaned stays until the garbage collector has seen it.

    Raises:
        EndpointFailedError: it is not in time.
    """
    deadline = time.monotonic() + CONDITION_WITHIN_S
    while api.get(path) is not None:
        if time.monotonic() > deadline:
            raise EndpointFailedError(f"{path} is still there after {CONDITION_WITHIN_S:g} s")
        time.sleep(0.05)


def _reference(item: str) -> str:
    kind, _, name = item.partition("/")
    return f"{kind.lower()}/{name}"


_AS_OURS = {"fieldManager": FIELD_MANAGER}


def _take_away(api: ClusterApi, path: str) -> None:
    """Delete an object that was added; one that somebody else has made stays."""
    now = api.get(path)
    managers = {item.get("manager") for item in now["metadata"].get("managedFields", ())} if now else set()
    if FIELD_MANAGER in managers:
        api.send("DELETE", path, {"propagationPolicy": "Background"})


def _bring_back(api: ClusterApi, path: str, before: Object) -> None:
    """Make an object anew that was deleted.

    Raises:
        EndpointFailedError: somebody else has made another one.
    """
    now = api.get(path)
    if now is not None and now["metadata"].get("deletionTimestamp"):
        _await_gone(api, path)
        now = None
    if now is None:
        api.send("POST", path.rpartition("/")[0], _bare(before), query=_AS_OURS)
    elif differences(_bare(now), _bare(before)):
        raise ChangedMeanwhileError(path)


def _unpatch(api: ClusterApi, details: Details) -> None:
    """Put back what a patch has changed.

    Raises:
        EndpointFailedError: the object is gone, or somebody else has changed it there.
    """
    path, before = details["path"], details["before"]
    now = api.get(path)
    if now is None:
        raise EndpointFailedError(f"{path} was deleted by somebody else meanwhile")
    if details["status"]:  # its controller writes there as well
        api.patch(f"{path}/status", {"status": before.get("status")})
        return
    change = _bare(before), _bare(details["after"])
    if meanwhile := changed_meanwhile(*change, _bare(now)):
        raise ChangedMeanwhileError(f"{path}: {', '.join(meanwhile)}")
    after = api.patch(path, undoing(*change, _bare(now)))
    if left := left_over(*change, _bare(after)):
        raise EndpointFailedError(f"{path} is not what it was: {', '.join(left)}")


def _bare(item: Object) -> Object:
    """An object without what the API server and the controllers write into it."""
    bare = copy.deepcopy({key: value for key, value in item.items() if key != "status"})
    bare["metadata"] = {key: value for key, value in bare.get("metadata", {}).items() if key not in _OWN}
    annotations = bare["metadata"].pop("annotations", {})
    annotations.pop(REVISION, None)  # counts every rollout, back as well as forth
    bare["metadata"] |= {"annotations": annotations} if annotations else {}
    if item.get("kind") == "Job" and not item["spec"].get("manualSelector"):
        bare["spec"].pop("selector", None)  # made from the uid, which another job of that name does not have
        bare["spec"]["template"]["metadata"].pop("labels", None)
    return bare


def replace_pod(api: ClusterApi, pod: Object) -> None:
    """Delete a pod whose status is not its own any more, and wait until its owner has a ready one in its place.

    Raises:
        EndpointFailedError: it has not in time.
    """
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    selector = as_part({"matchLabels": labels_of(as_part(pod).at("metadata", "labels"))})
    before = len(_selected(api, selector))  # where the new one is not made yet, all that are left are ready
    try:
        api.send("DELETE", api.path("Pod", name), {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})
    except RefusedError as error:
        if error.status not in {404, 409}:  # it is gone already, or another one has its name
            raise
    deadline = time.monotonic() + SCALED_WITHIN_S
    while time.monotonic() < deadline:
        alike = _selected(api, selector)
        is_gone = uid not in {pod.at("metadata", "uid").text() for pod in alike}
        if is_gone and len(alike) >= max(1, before) and all(map(is_ready, alike)):
            return
        time.sleep(0.2)
    raise EndpointFailedError(f"no ready pod has come in the place of {name} after {SCALED_WITHIN_S:g} s")


def _selected(api: ClusterApi, selector: Part) -> list[Part]:
    """The pods with the selector's labels."""
    pods = [as_part(item) for item in api.list("Pod")]
    return [pod for pod in pods if selects(selector, labels_of(pod.at("metadata", "labels")))]


CLUSTER_KINDS = frozenset({ScaleMeans.kind, ObjectMeans.kind, RevisionMeans.kind})
"""The kinds of changes that a run on another machine could make as well."""
