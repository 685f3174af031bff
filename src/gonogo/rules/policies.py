"""Policies on Kubernetes manifests: probes, resources, disruption, autoscaling, storage, time to start."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gonogo.documents import Part, Problem, Problems, did_you_mean
from gonogo.rules.objects import LONG_RUNNING, WORKLOADS, Manifests, name_of, quantity
from gonogo.rules.sources import containers, pod_spec


def _main_container(workload: Part) -> Part | None:
    """The container that a workload is there for: the one of its name, else the first; others are side-cars."""
    every = list(containers(workload))
    return next((c for c in every if c["name"].text() == name_of(workload)), every[0] if every else None)


def without_probes(manifests: Manifests) -> Problems:
    """Containers of long-running workloads without a readiness or liveness probe."""
    return [
        container.problem(f"{name_of(workload)}/{container['name'].text()} has no {probe}")
        for workload in manifests.of(*LONG_RUNNING)
        for container in containers(workload)
        for probe in ("readinessProbe", "livenessProbe")
        if not container[probe]
    ]


def without_resources(manifests: Manifests, wanted: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Problems:
    """Containers without requests or limits, with a request above its limit, or with others than the target wants.

    Args:
        manifests: the objects.
        wanted: by workload: ``{"requests": {"cpu": "100m", "memory": "128Mi"}}``.
    """
    problems: Problems = []
    for workload in manifests.of(*WORKLOADS):
        for container in containers(workload, initial=True):
            where = f"{name_of(workload)}/{container['name'].text()}"
            problems += _missing_resources(where, container["resources"], container)
        main = _main_container(workload)
        if main is not None and name_of(workload) in wanted:
            where = f"{name_of(workload)}/{main['name'].text()}"
            problems += _other_resources(where, main, wanted[name_of(workload)])
    return problems + _absent(manifests, wanted, WORKLOADS)


def _missing_resources(where: str, resources: Part, container: Part) -> Iterator[Problem]:
    for name in ("cpu", "memory"):
        request, limit = resources["requests"][name], resources["limits"][name]
        if limit.value is None:
            yield container.problem(f"{where} has no limits.{name}")
            if request.value is None:  # with a limit alone, Kubernetes requests as much
                yield container.problem(f"{where} has no requests.{name}")
        if request and limit and quantity(request.text()) > quantity(limit.text()):
            yield request.problem(f"{where} requests more {name} ({request.text()}) than its limit ({limit.text()})")


def _other_resources(where: str, container: Part, wanted: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
    for section, values in wanted.items():
        for name, value in values.items():
            part = container.at("resources", section, name)
            if quantity(part.text()) != quantity(value):
                place = part or container
                yield place.problem(
                    f"{where}: {section}.{name} is {part.text() or 'not set'}, the target wants {value}"
                )


def _absent(manifests: Manifests, wanted: Mapping[str, object], kinds: tuple[str, ...]) -> Problems:
    """Names in the target's rules that no object has: a rule about nothing would pass for ever."""
    names = [name_of(part) for part in manifests.of(*kinds)]
    return [
        manifests.place.problem(f"no {' or '.join(kinds)} is called {name!r}{did_you_mean(name, names)}")
        for name in wanted
        if name not in names
    ]


def undisruptable(manifests: Manifests) -> Problems:
    """Replicated workloads without a PodDisruptionBudget, and budgets that protect nothing or forbid everything."""
    protected: set[int] = set()
    problems: Problems = []
    for budget in manifests.of("PodDisruptionBudget"):
        selector, is_v1 = budget.at("spec", "selector"), budget["apiVersion"].text() == "policy/v1"
        selected = manifests.selected_by(selector, empty_takes_all=is_v1 and isinstance(selector.value, dict))
        protected |= {id(workload.document) for workload in selected}
        problems += _useless_budget(budget, _pods_of(selected, manifests) if selected else None)
    unprotected = [
        workload.at("metadata", "name").problem(f"{name_of(workload)} has no PodDisruptionBudget")
        for workload in manifests.of("Deployment", "StatefulSet")
        if _replicas(workload, manifests) > 1 and id(workload.document) not in protected
    ]
    return unprotected + problems


def _pods_of(workloads: Iterable[Part], manifests: Manifests) -> float:
    """How many pods some workloads have; one that stands there several times, for several environments, counts once."""
    most: dict[tuple[str, str], float] = {}
    for workload in workloads:
        key = (workload["kind"].text(), name_of(workload))
        most[key] = max(most.get(key, 0.0), _replicas(workload, manifests))
    return sum(most.values())


def _useless_budget(budget: Part, replicas: float | None) -> Iterator[Problem]:
    """What is wrong with a budget over so many replicas; None: it selects nothing."""
    least, most = budget.at("spec", "minAvailable"), budget.at("spec", "maxUnavailable")
    if replicas is None:
        yield budget["spec"].problem(f"{name_of(budget)} selects no workload of these manifests")
    elif _at_least(least, replicas) >= replicas:
        yield least.problem(f"{name_of(budget)} forbids every eviction: a node can never be drained")
    if most.text() in ("0", "0%"):
        yield most.problem(f"{name_of(budget)} forbids every eviction")


def _at_least(least: Part, replicas: float) -> float:
    """How many of the replicas must stay: a number, or a share that is rounded up."""
    share = re.fullmatch(r"(\d{1,3})%", least.text())
    return math.ceil(replicas * int(share.group(1)) / 100) if share else least.number() or 0


def _replicas(workload: Part, manifests: Manifests) -> float:
    scaler = manifests.scaler_of(workload)
    if scaler is not None:
        return _least(scaler)
    given = workload.at("spec", "replicas").number()
    return 1 if given is None else given


def wrong_scaling(manifests: Manifests, bounds: Mapping[str, tuple[int, int]]) -> Problems:
    """Autoscalers without a target or with bounds that make no sense, or that are not the target's.

    Args:
        manifests: the objects.
        bounds: by workload: the least and the greatest number of replicas that its autoscaler must have.
    """
    problems = [problem for scaler in manifests.of("HorizontalPodAutoscaler") for problem in _scaler(scaler, manifests)]
    for name, (low, high) in bounds.items():
        scalers = manifests.scalers.get(name, [])
        if not scalers:
            place = manifests.named(name, *LONG_RUNNING) or manifests.place
            problems.append(place.problem(f"{name} has no HorizontalPodAutoscaler"))
        problems += _other_bounds(name, scalers, (low, high))
    return problems


def _other_bounds(name: str, scalers: Sequence[Part], wanted: tuple[int, int]) -> Problems:
    """Autoscalers of a workload whose bounds are not the wanted ones.

    Where another one's are, they are suspect only: they may be for another environment.
    """
    bounds = [(_least(scaler), scaler.at("spec", "maxReplicas").number()) for scaler in scalers]
    return [
        scaler["spec"].problem(
            f"{name} has {least:g} to {most or 0:g} replicas, the target wants {wanted[0]} to {wanted[1]}",
            warning=wanted in bounds,
        )
        for scaler, (least, most) in zip(scalers, bounds, strict=True)
        if (least, most) != wanted
    ]


def _scaler(scaler: Part, manifests: Manifests) -> Iterator[Problem]:
    reference = scaler.at("spec", "scaleTargetRef")
    kind, name = reference["kind"].text(), reference["name"].text()
    if manifests.named(name, kind) is None:
        yield reference.problem(f"{name_of(scaler)} scales {kind} {name}, which is not in these manifests")
    most = scaler.at("spec", "maxReplicas").number()
    if most is not None and _least(scaler) > most:
        yield scaler["spec"].problem(f"{name_of(scaler)}: minReplicas {_least(scaler):g} exceeds maxReplicas {most:g}")


def _least(scaler: Part) -> float:
    told = scaler.at("spec", "minReplicas").number()
    return 1 if told is None else told


def wrong_storage(manifests: Manifests, sizes: Mapping[str, str]) -> Problems:
    """Claims that pods use and nobody declares, and claims of another size than the target wants.

    Args:
        manifests: the objects.
        sizes: by claim: its size, like ``10Gi``.
    """
    claims = {name_of(part): part for part in manifests.of("PersistentVolumeClaim")}
    for workload in manifests.of("StatefulSet"):
        claims |= {name_of(template): template for template in workload.at("spec", "volumeClaimTemplates")}
    problems = [
        manifests.place.problem(f"no PersistentVolumeClaim is called {name!r}{did_you_mean(name, claims)}")
        for name in sizes
        if name not in claims
    ]
    for workload in manifests.of(*WORKLOADS):
        for volume in pod_spec(workload)["volumes"]:
            claim = volume.at("persistentVolumeClaim", "claimName")
            if claim and claim.text() not in claims:
                hint = did_you_mean(claim.text(), claims)
                problems.append(
                    claim.problem(f"{name_of(workload)} uses the claim {claim.text()!r}, which is not declared{hint}")
                )
    for name, wanted in sizes.items():
        size = claims[name].at("spec", "resources", "requests", "storage") if name in claims else None
        if size is not None and quantity(size.text()) != quantity(wanted):
            problems.append(size.problem(f"{name} is {size.text() or 'without a size'}, the target wants {wanted}"))
    return problems


def short_startups(manifests: Manifests, budgets_s: Mapping[str, float]) -> Problems:
    """Workloads that are killed before their model can be loaded.

    Args:
        manifests: the objects.
        budgets_s: by workload: seconds that a container must be given to start.
    """
    problems = _absent(manifests, budgets_s, LONG_RUNNING)
    for workload in manifests.of(*LONG_RUNNING):
        wanted, container = budgets_s.get(name_of(workload)), _main_container(workload)
        if wanted is not None and container is not None and (given := startup_budget_s(container)) < wanted:
            message = f"{name_of(workload)} is given {given:g} s to start, its model needs up to {wanted:g} s"
            place = container["startupProbe"] or container["livenessProbe"] or container
            problems.append(place.problem(message))
    return problems


def startup_budget_s(container: Part) -> float:
    """Seconds until a container that does not answer yet is killed; infinite without a probe that kills.

    A startup probe holds the liveness probe back; delays, periods and thresholds have Kubernetes' defaults (0, 10, 3).
    """
    probe = container["startupProbe"] or container["livenessProbe"]
    if not probe:
        return math.inf
    delay, period, failures = (
        probe[name].number() for name in ("initialDelaySeconds", "periodSeconds", "failureThreshold")
    )
    return (delay or 0) + (period or 10) * (failures or 3)
