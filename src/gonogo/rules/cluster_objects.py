"""What must hold of a cluster's other objects: keys, storage, autoscalers, jobs. Objects in, flaws out."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime

from gonogo.documents import Part
from gonogo.rules.objects import quantity
from gonogo.rules.pods import condition, condition_reason, time_of, too_old
from gonogo.targets.cluster import Autoscaler, Claim, ScheduledJob


def keys_of(metadata: Part) -> set[str] | None:
    """The keys of a secret or config map, as its metadata tells who set them; None if it does not tell.

    Whoever sets a key is noted under ``managedFields`` as ``f:data``, ``f:KEY`` (``f:stringData`` where so applied):
    https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    told = [fields["fieldsV1"] for fields in metadata.at("metadata", "managedFields")]
    found = {
        key.removeprefix("f:")
        for fields in told
        for section in ("f:data", "f:binaryData", "f:stringData")
        for key, _ in fields[section].entries()
        if key.startswith("f:")
    }
    return found if told else None


def missing_keys(wanted: Sequence[str], metadata: Part) -> list[str]:
    """Keys that a secret or config map lacks."""
    return [f"has no key {key}" for key in wanted if key not in (keys_of(metadata) or set())]


def claim_flaws(declared: Claim, claim: Part) -> list[str]:
    """Why a volume claim is not bound, too small, or of another class."""
    phase = claim.at("status", "phase").text()
    if phase != "Bound":
        return [f"is {phase or 'in no phase'}, not Bound"]
    flaws = []
    capacity = claim.at("status", "capacity", "storage").text()
    size = quantity(capacity)
    if math.isnan(size) or size < quantity(declared.size):
        flaws.append(f"has {capacity or 'no capacity'}, wanted at least {declared.size}")
    given = claim.at("spec", "storageClassName").text()
    if declared.storage_class and given != declared.storage_class:
        flaws.append(f"is of the storage class {given or '(none)'}, wanted {declared.storage_class}")
    return flaws


def autoscaler_flaws(declared: Autoscaler, scaler: Part) -> list[str]:
    """Why an autoscaler cannot scale: conditions, metrics that it does not know, other bounds than declared."""
    flaws = []
    if not _rests(scaler):
        for kind in ("AbleToScale", "ScalingActive"):
            if (status := condition(scaler, kind)) != "True":
                reason = condition_reason(scaler, kind)
                flaws.append(f"{kind} is {status or 'not told'}" + (f" ({reason})" if reason else ""))
        flaws += [f"knows no value of {name}" for name in _unknown_metrics(scaler)]
    bounds = (("minReplicas", declared.min), ("maxReplicas", declared.max))
    flaws += [
        f"has {field} {scaler.at('spec', field).text() or '1'}, wanted {wanted}"
        for field, wanted in bounds
        if wanted is not None and _bound(scaler, field) != wanted
    ]
    return flaws


def _bound(scaler: Part, field: str) -> float:
    """One where the field is absent, as the API has it for ``minReplicas``; none is a number, too (KEDA)."""
    told = scaler.at("spec", field).number()
    return 1 if told is None else told


def _rests(scaler: Part) -> bool:
    """Whether KEDA has scaled the workload to zero until there is work: its autoscaler then measures nothing."""
    owners = {owner["kind"].text() for owner in scaler.at("metadata", "ownerReferences")}
    return "ScaledObject" in owners and condition_reason(scaler, "ScalingActive") == "ScalingDisabled"


def _unknown_metrics(scaler: Part) -> Iterator[str]:
    """The metrics of its specification that have no current value."""
    known = {_metric(item) for item in scaler.at("status", "currentMetrics") if _has_value(item)}
    for item in scaler.at("spec", "metrics"):
        if _metric(item) not in known:
            yield _metric(item)


def _metric(item: Part) -> str:
    kind = item["type"].text()
    body = item[kind[:1].lower() + kind[1:]]
    return body["name"].text() or body.at("metric", "name").text() or kind


def _has_value(item: Part) -> bool:
    kind = item["type"].text()
    current = item[kind[:1].lower() + kind[1:]]["current"]
    return any(current[field].value is not None for field in ("averageUtilization", "averageValue", "value"))


def at_its_limit(scaler: Part) -> str:
    """Whether an autoscaler wants more than it may; empty if not."""
    if (
        condition(scaler, "ScalingLimited") == "True"
        and condition_reason(scaler, "ScalingLimited") == "TooManyReplicas"
    ):
        return f"wants more than its {scaler.at('spec', 'maxReplicas').text()} replicas"
    return ""


def cron_job_flaws(declared: ScheduledJob, job: Part, now: datetime) -> list[str]:
    """Why a CronJob does not run: suspended, never scheduled, no success within its time."""
    flaws = ["is suspended"] if job.at("spec", "suspend").value is True else []
    if declared.succeeded_within_s is not None:
        last = time_of(job.at("status", "lastSuccessfulTime"))
        if old := too_old(last, now, declared.succeeded_within_s):
            flaws.append(f"has not succeeded within {declared.succeeded_within_s:g} s: {old}")
    return flaws


def last_run_failed(name: str, jobs: Sequence[Part]) -> list[str]:
    """Whether the latest job of a CronJob failed."""
    owned = [job for job in jobs if name in {o["name"].text() for o in job.at("metadata", "ownerReferences")}]
    owned.sort(key=lambda job: job.at("metadata", "creationTimestamp").text())
    if owned and condition(owned[-1], "Failed") == "True":
        return [f"its last run failed ({condition_reason(owned[-1], 'Failed')})"]
    return []


def unfinished(job: Part) -> list[str]:
    """Why a job is not complete."""
    if condition(job, "Complete") == "True":
        return []
    if condition(job, "Failed") == "True":
        return [f"failed ({condition_reason(job, 'Failed')})"]
    return [f"has not completed: {int(job.at('status', 'active').number() or 0)} pods are active"]
