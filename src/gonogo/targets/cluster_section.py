"""The section ``cluster`` of a target file."""

from collections.abc import Iterable
from typing import Any

from gonogo.targets.cluster import (
    Access,
    Autoscaler,
    Backup,
    Claim,
    Cluster,
    Flow,
    ScheduledJob,
    Workload,
)
from gonogo.targets.target_file import TargetFile


class ClusterSection:
    """Reads the section; what the schema cannot see is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def read(self, raw: dict[str, Any]) -> Cluster:
        """The section."""
        cluster = Cluster(
            context=raw["context"],
            namespace=raw.get("namespace", "default"),
            kubeconfig=self._file.path(raw["kubeconfig"]) if "kubeconfig" in raw else None,  # may be made later
            server=raw.get("server", "").rstrip("/"),
            workloads=tuple(_workload(item) for item in raw.get("workloads", ())),
            secrets=_names(raw.get("secrets", {})),
            config_maps=_names(raw.get("config_maps", {})),
            storage_classes=tuple(raw.get("storage_classes", ())),
            claims=tuple(Claim(name, **item) for name, item in raw.get("claims", {}).items()),
            autoscalers=tuple(Autoscaler(name, **item) for name, item in raw.get("autoscalers", {}).items()),
            cron_jobs=tuple(ScheduledJob(name, **item) for name, item in raw.get("cron_jobs", {}).items()),
            jobs=tuple(raw.get("jobs", ())),
            monitors=_names(raw.get("monitors", {})),
            flows=tuple(map(_flow, raw.get("flows", ()))),
            access=tuple(Access(**item) for item in raw.get("access", ())),
            backups={name: self._backup(item) for name, item in raw.get("backups", {}).items()},
        )
        self._check_twins("workloads", [workload.reference for workload in cluster.workloads])
        self._check_twins("flows", map(str, cluster.flows))
        self._check_twins("access", map(str, cluster.access))
        self._check_autoscalers(cluster)
        return cluster

    def _backup(self, raw: dict[str, Any]) -> Backup:
        return Backup(**{**raw, "folder": self._file.path(raw["folder"])})

    def _check_twins(self, section: str, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for i, name in enumerate(names):
            if name in seen:
                self._file.problem(("cluster", section, i), f"{name} is there twice")
            seen.add(name)

    def _check_autoscalers(self, cluster: Cluster) -> None:
        for scaler in cluster.autoscalers:
            if scaler.min is not None and scaler.max is not None and scaler.min > scaler.max:
                self._file.problem(("cluster", "autoscalers", scaler.name), "min is larger than max")


def _workload(raw: dict[str, Any]) -> Workload:
    kind, _, name = raw["workload"].partition("/")
    return Workload(kind, name, **{key: value for key, value in raw.items() if key != "workload"})


def _flow(raw: dict[str, Any]) -> Flow:
    fields = {{"from": "source", "to": "destination"}.get(key, key): value for key, value in raw.items()}
    return Flow(**fields)


def _names(raw: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(keys) for name, keys in raw.items()}
