"""What must hold of the workloads and pods of a cluster: objects as the API server tells them in, flaws out."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gonogo.documents import Part
from gonogo.rules.images import parse_image
from gonogo.rules.objects import name_of
from gonogo.rules.selectors import labels_of, selects
from gonogo.rules.sources import containers
from gonogo.targets.cluster import Workload


def pods_of(workload: Part, pods: Sequence[Part]) -> list[Part]:
    """The pods of a workload, without those that have ended for good or are going."""
    selector = workload.at("spec", "selector")
    return [
        pod
        for pod in pods
        if selects(selector, labels_of(pod.at("metadata", "labels")))
        and _is_owned(pod, workload)
        and pod.at("status", "phase").text() not in {"Succeeded", "Failed"}
        and not pod.at("metadata", "deletionTimestamp")
    ]


def _is_owned(pod: Part, workload: Part) -> bool:
    """Whether a pod's controller is a workload, or its revision; another one's pods may have the same labels."""
    owner = next((item for item in pod.at("metadata", "ownerReferences") if item["controller"]), None)
    if owner is None:
        return False
    if owner["kind"].text() != "ReplicaSet":
        return owner["uid"].text() == workload.at("metadata", "uid").text()
    revision = pod.at("metadata", "labels", "pod-template-hash").text()  # its revision is called so (apps/v1)
    return owner["name"].text() == f"{name_of(workload)}-{revision}"


def is_ready(pod: Part) -> bool:
    """Whether a pod takes requests."""
    return condition(pod, "Ready") == "True"


def condition(part: Part, kind: str) -> str:
    """How one of an object's conditions stands: ``True``, ``False``, ``Unknown``; empty if it has none of the kind."""
    return next((item["status"].text() for item in part.at("status", "conditions") if item["type"].text() == kind), "")


def containers_of(pod: Part) -> Iterator[Part]:
    """The states of a pod's containers, those that run before the others too."""
    yield from pod.at("status", "containerStatuses")
    yield from pod.at("status", "initContainerStatuses")


def unready(declared: Workload, workload: Part, pods: Sequence[Part]) -> list[str]:
    """Why not as many pods are ready as are wanted, pod by pod.

    Args:
        declared: how many must be, at least.
        workload: the Deployment, StatefulSet or DaemonSet.
        pods: its pods.
    """
    ready = sum(map(is_ready, pods))
    wanted = max(declared.min_ready, wanted_pods(workload))
    if ready >= wanted:
        return []
    reasons = [f"{name_of(pod)}: {_why(pod)}" for pod in pods if not is_ready(pod)]
    return [f"{ready} of {wanted} pods are ready", *reasons]


def wanted_pods(workload: Part) -> int:
    """How many pods a workload is meant to have."""
    is_daemon = workload["kind"].text() == "DaemonSet"
    wanted = workload.at("status", "desiredNumberScheduled") if is_daemon else workload.at("spec", "replicas")
    number = wanted.number()
    return int(number) if number is not None else int(not is_daemon)


def _why(pod: Part) -> str:
    """Why a pod is not ready: what its containers wait for, else its conditions."""
    for container in containers_of(pod):
        for state in ("waiting", "terminated"):
            found = container.at("state", state)
            if found and found["reason"].text() not in {"", "Completed"}:
                return f"{found['reason'].text()}: {found['message'].text()}".rstrip(": ")
    for item in pod.at("status", "conditions"):
        if item["status"].text() == "False" and item["message"]:
            return f"{item['type'].text()} is False: {item['message'].text()}"
    return f"phase {pod.at('status', 'phase').text() or 'unknown'}, not ready"


def restarted(pods: Sequence[Part], since: datetime) -> list[str]:
    """Containers that ended and were started again since a time, or that are being started again and again."""
    flaws = []
    for pod in pods:
        for container in containers_of(pod):
            ended = container.at("lastState", "terminated")
            at, times = time_of(ended["finishedAt"]), int(container["restartCount"].number() or 0)
            loops = container.at("state", "waiting", "reason").text() == "CrashLoopBackOff"
            began = time_of(pod.at("status", "startTime"))
            latest = at or began  # without a time, but in a pod that is younger than `since`
            if loops or (times and latest is not None and latest >= since):
                told = f", the last time at {at:%H:%M:%S} UTC" if at else ""
                how = f" ({ended['reason'].text()}, exit code {ended['exitCode'].text()})" if ended else ""
                flaws.append(f"{name_of(pod)}/{container['name'].text()} was restarted {times} times{told}{how}")
    return flaws


def undated_restarts(pods: Sequence[Part]) -> list[str]:
    """Containers that were restarted, nobody knows when: their last state was cleaned up."""
    return [
        f"{name_of(pod)}/{container['name'].text()} was restarted {container['restartCount'].number():g} times"
        for pod in pods
        for container in containers_of(pod)
        if container["restartCount"].number() and not time_of(container.at("lastState", "terminated", "finishedAt"))
    ]


def memory_kills(pods: Sequence[Part]) -> list[str]:
    """Containers that were ended because they took more memory than they may, however long ago."""
    return [
        f"{name_of(pod)}/{container['name'].text()} was killed for its memory"
        for pod in pods
        for container in containers_of(pod)
        if "OOMKilled" in {container.at(state, "terminated", "reason").text() for state in ("state", "lastState")}
    ]


def other_accounts(wanted: str, pods: Sequence[Part]) -> list[str]:
    """Pods that run under another service account than they must."""
    accounts = {name_of(pod): pod.at("spec", "serviceAccountName").text() or "default" for pod in pods}
    return [f"{name} runs as {account}, not as {wanted}" for name, account in accounts.items() if account != wanted]


@dataclass(frozen=True)
class Rollout:
    """How far a rollout is."""

    done: bool
    stalled: bool
    """The controller has given it up: it made no progress within its deadline."""
    told: str
    """In words."""


def rollout_of(workload: Part) -> Rollout:
    """How far a rollout is; done when the controller has seen the latest change and every wanted pod is of it.

    The rules are those of ``kubectl rollout status``.
    """
    status, wanted = workload["status"], wanted_pods(workload)
    seen = int(status["observedGeneration"].number() or 0)
    generation = int(workload.at("metadata", "generation").number() or 0)
    fields = {"Deployment": ("replicas", "updatedReplicas", "availableReplicas"),
              "StatefulSet": ("replicas", "updatedReplicas", "readyReplicas"),
              "DaemonSet": ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable")}  # fmt: skip
    every, updated, available = (
        int(status[name].number() or 0) for name in fields.get(workload["kind"].text(), fields["Deployment"])
    )
    kept = int(workload.at("spec", "updateStrategy", "rollingUpdate", "partition").number() or 0)  # on the old revision
    if workload["kind"].text() == "StatefulSet" and status["currentRevision"].text() == status["updateRevision"].text():
        updated = every  # the controller stops counting when there is nothing to update
    paused = bool(workload.at("spec", "paused"))
    stalled = seen >= generation and condition_reason(workload, "Progressing") == "ProgressDeadlineExceeded"
    told = f"{updated} of {wanted} pods are of the latest revision, {available} available, {every} in all"
    told = f"generation {generation}, the controller has seen {seen}; {told}" if seen < generation else told
    told += "; it is paused" if paused else "; its progress deadline is exceeded" if stalled else ""
    is_updated = updated == wanted or (kept > 0 and updated >= wanted - kept)
    done = seen >= generation and is_updated and wanted == available == every and not paused
    return Rollout(done, stalled and not done, told)


def condition_reason(part: Part, kind: str) -> str:
    """Why one of an object's conditions is as it is; empty if it has none of the kind."""
    return next((item["reason"].text() for item in part.at("status", "conditions") if item["type"].text() == kind), "")


def images_of(workload: Part, registries: Collection[str]) -> list[Part]:
    """The images of a workload that are of one of these registries."""
    found = [(container["image"], parse_image(container["image"])) for container in containers(workload)]
    return [place for place, image in found if image is not None and image.registry in registries]


def digests_of(pods: Sequence[Part]) -> dict[str, set[str]]:
    """By image as the pods name it: the digests that really run (``sha256:...``)."""
    found: dict[str, set[str]] = {}
    for pod in pods:
        for container in pod.at("status", "containerStatuses"):
            _, at, digest = container["imageID"].text().rpartition("@")
            if at and digest.startswith("sha256:"):  # without a name it is the configuration's, not the manifest's
                wanted = {item["name"].text(): item["image"].text() for item in pod.at("spec", "containers")}
                image = wanted.get(container["name"].text(), container["image"].text())
                found.setdefault(image, set()).add(digest)
    return found


def startup_s(pod: Part) -> float | None:
    """Seconds from a pod's start on its node to ready, of pods that were not restarted since; None if not known."""
    began = time_of(pod.at("status", "startTime"))
    ready = next((item for item in pod.at("status", "conditions") if item["type"].text() == "Ready"), None)
    at = time_of(ready["lastTransitionTime"]) if ready is not None and ready["status"].text() == "True" else None
    if began is None or at is None or any(item["restartCount"].number() for item in containers_of(pod)):
        return None
    return (at - began).total_seconds()


def time_of(part: Part) -> datetime | None:
    """A time of the API (RFC 3339); None where there is none."""
    try:
        return datetime.fromisoformat(part.text())
    except ValueError:
        return None


def too_old(at: datetime | None, now: datetime, within_s: float) -> str:
    """Why a time is not recent enough; empty if it is."""
    if at is None:
        return "it never happened"
    age = now - at
    return (
        f"the last time was {age - timedelta(microseconds=age.microseconds)} ago"
        if age.total_seconds() > within_s
        else ""
    )
