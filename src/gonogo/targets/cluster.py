"""What a target says of its Kubernetes cluster: which objects must be there, and what must hold of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}
"""What the API calls the kinds of workloads, by what kubectl and target files call them."""


@dataclass(frozen=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet that must run."""

    kind: str
    """``deployment``, ``statefulset`` or ``daemonset``."""
    name: str
    min_ready: int = 1
    """So many pods at least must be ready, however many are wanted now."""
    restart_window_s: float = 3600.0
    """No container may have been restarted within it."""
    rollout_s: float = 120.0
    """How long a rollout that is under way may take (row K4: 120 s, 600 s for a model server)."""
    startup_s: float | None = None
    """How long a pod may take from its start to ready (row K10)."""
    service_account: str = ""
    release: str = ""
    """Its name among the ``releases`` of the model registry: which of its revisions are good."""

    @property
    def reference(self) -> str:
        """For instance ``deployment/chatbot``, as kubectl takes it."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Claim:
    """A volume claim that must be bound."""

    name: str
    size: str = "0"
    """A Kubernetes quantity: its volume must be that large."""
    storage_class: str = ""


@dataclass(frozen=True)
class Autoscaler:
    """A HorizontalPodAutoscaler that must be able to scale."""

    name: str
    min: int | None = None
    max: int | None = None


@dataclass(frozen=True)
class ScheduledJob:
    """A CronJob that must run."""

    name: str
    succeeded_within_s: float | None = None
    """Its last success must not be older; None: it need not have succeeded yet."""


@dataclass(frozen=True)
class Flow:
    """Traffic between pods, and whether the network policies must allow it."""

    source: Mapping[str, str]
    """Labels of the pods that ask; empty: pods without labels, which no policy names."""
    destination: Mapping[str, str]
    port: int
    allowed: bool
    source_namespace: str = ""
    """The cluster section's own if empty."""

    def __str__(self) -> str:
        sides = [",".join(f"{k}={v}" for k, v in side.items()) or "anybody" for side in (self.source, self.destination)]
        return f"{self.source_namespace + '/' if self.source_namespace else ''}{sides[0]}-to-{sides[1]}-{self.port}"


@dataclass(frozen=True)
class Access:
    """What an account may do, or must not."""

    subject: str
    """A user's name, or ``system:serviceaccount:NAMESPACE:NAME``."""
    verb: str
    resource: str
    """For instance ``secrets``, ``pods/exec`` or ``deployments.apps``."""
    allowed: bool
    namespace: str = ""
    """The cluster section's own if empty; ``*``: all of them."""

    def __str__(self) -> str:
        return f"{self.subject.removeprefix('system:serviceaccount:')}-{self.verb}-{self.resource}"


@dataclass(frozen=True)
class Backup:
    """Where backups lie, and how old the newest may be."""

    folder: Path
    max_age_s: float = 86_400.0
    """A day: the recovery point objective of row G9."""
    pattern: str = "*"


@dataclass(frozen=True)
class Cluster:
    """The Kubernetes cluster that parts run in."""

    context: str
    """The kubeconfig's context; the current one is never used."""
    namespace: str = "default"
    kubeconfig: Path | None = None
    """None: where kubectl looks."""
    server: str = ""
    """The API server's address that the context must lead to; empty: any."""
    workloads: tuple[Workload, ...] = ()
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Required secrets and their keys; the values are never read."""
    config_maps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    storage_classes: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    cron_jobs: tuple[ScheduledJob, ...] = ()
    jobs: tuple[str, ...] = ()
    monitors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the Prometheus operator's objects by kind: ``PrometheusRule``, ``ServiceMonitor``, ``PodMonitor``."""
    flows: tuple[Flow, ...] = ()
    access: tuple[Access, ...] = ()
    backups: Mapping[str, Backup] = field(default_factory=dict)

    def workload(self, reference: str) -> Workload | None:
        """The declared workload, by ``kind/name``."""
        return next((workload for workload in self.workloads if workload.reference == reference), None)
