"""The drills that a target declares: what is broken, what must notice it, and how fast all must be well again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

POD_OF = "pod/of/"
"""What is killed is a pod of the workload whose reference follows."""


@dataclass(frozen=True)
class Watching:
    """What runs while a drill does, and when it counts as noticed (the triggers of row G1)."""

    interval_s: float = 0.1
    """A request is sent so often, whatever the others do."""
    errors: float = 0.05
    """The share of failed requests that is noticed."""
    latency_factor: float = 2.0
    """How many times the median latency of before is noticed."""
    latency_least_ms: float = 100.0
    """A slowdown of less is not noticed, whatever the factor: it may be the machine's own noise."""
    notice_s: float = 120.0
    """Within this a bad version must be noticed."""
    steady_s: float = 60.0
    """Within this it must be steady, before a drill and after it."""
    golden: tuple[str, ...] = ()
    """Messages whose intents must stay as they were before the drill: another one is a loss of quality."""
    version_header: str = ""
    """The header in which an answer says which version gave it, or in which mode: it must be as before in the end."""


@dataclass(frozen=True)
class Change:
    """What makes a version bad; all that is given is changed at once."""

    image: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """By its key in the config map, or its name among the release's files: the new text."""

    def __str__(self) -> str:
        parts = [f"image {self.image}"] if self.image else []
        parts += [f"environment {', '.join(self.environment)}"] if self.environment else []
        parts += [f"file {', '.join(self.files)}"] if self.files else []
        return "; ".join(parts)


@dataclass(frozen=True)
class Released:
    """A service whose versions can be deployed: a workload of the cluster, or files that a supervised service reads."""

    service: str
    """``deployment/NAME``, or a service's name at the actor."""
    release: str = ""
    """Its name among the releases of the registry."""
    actor: str = ""
    """Which actor restarts it; empty: the cluster for a workload, else the first one."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Without a cluster: the live files by their names."""
    versions: Path | None = None
    """Without a cluster: a folder with a folder for each version, which has its files."""
    health_url: str = ""

    @property
    def is_workload(self) -> bool:
        """Whether it is a workload of the cluster."""
        return "/" in self.service


@dataclass(frozen=True)
class Rollback:
    """Row G1, G2: a bad version is deployed, noticed, and rolled back."""

    kind: ClassVar[str] = "rollback"
    name: str
    of: Released
    change: Change
    max_seconds: float = 600.0
    """From the deployment to good answers again."""
    trigger: str = ""
    """Which trigger must notice it: ``errors``, ``latency``, ``health``, ``restarts``, ``progress``, ``quality``."""


@dataclass(frozen=True)
class Rollout:
    """Row G3: the pods are replaced, forth and back, under traffic that must not lose a request."""

    kind: ClassVar[str] = "rollout"
    name: str
    of: Released
    change: Change
    max_seconds: float = 600.0


@dataclass(frozen=True)
class Canary:
    """Row G4: a new version gets growing slices of the traffic, and is analysed between them."""

    kind: ClassVar[str] = "canary"
    name: str
    command: str
    """Which of the target's commands sets the slice (``{percent}`` in its words)."""
    model: str = ""
    """The gateway's model that is sliced and asked; empty: what every drill asks."""
    percents: tuple[float, ...] = (5.0, 25.0, 100.0)
    requests: int = 100
    """Analysed after each slice."""
    is_bad: bool = False
    """The new version is known to be bad: the drill must abort it."""
    version_header: str = ""
    """The header in which an answer tells its version; empty: that of `Watching`."""


@dataclass(frozen=True)
class BlueGreen:
    """Row G5: a service is switched to the other colour, and back."""

    kind: ClassVar[str] = "blue-green"
    name: str
    service: str
    """The Service of the cluster whose selector is switched."""
    label: str
    colours: tuple[str, str]
    """The label's value now, and the other one."""
    max_seconds: float = 60.0


@dataclass(frozen=True)
class Kill:
    """Row G7: something is killed, and must come back by itself."""

    kind: ClassVar[str] = "kill"
    name: str
    service: str
    """``pod/of/deployment/NAME``: one pod of a workload; else a service's name at the actor."""
    actor: str = ""
    recovery_s: float = 120.0
    may_lose: int | None = None
    """So many requests may fail; None: any number."""
    alert: str = ""
    """The alert of Prometheus that must fire, and clear once all is well again; empty: none is asked for."""
    alert_within_s: float = 120.0
    """From the kill to the alert (row G7)."""
    clear_within_s: float = 300.0
    """From when all is well again to the alert's end."""


@dataclass(frozen=True)
class Start:
    """Row K10: a service is stopped and started, and the time to its first true answer is measured."""

    kind: ClassVar[str] = "start"
    name: str
    service: str
    within_s: float
    """The phase's budget: 10 s, 15 s, or minutes for a model server."""
    actor: str = ""


@dataclass(frozen=True)
class Playbook:
    """Row G8: an incident is produced, noticed, answered by its action, and over."""

    kind: ClassVar[str] = "playbook"
    name: str
    symptom: tuple[Mapping[str, Any], ...]
    """Steps like those of a fault."""
    trigger: str
    action: Mapping[str, str]
    """``restart: SERVICE``, ``command: NAME``, or ``lift: true``: the cause is taken away."""
    asks: str = ""
    """``agent``: the requests that run through it are actions that need an approval, asked for without one."""
    recovery_s: float = 120.0


@dataclass(frozen=True)
class Restore:
    """Row G9: a backup is restored into an empty place, and works there."""

    kind: ClassVar[str] = "restore"
    name: str
    archive: Path
    """A tar file, a zip file, or a folder."""
    live: Path | None = None
    """What it is a backup of: the data that is newer than the backup would be lost."""
    digests: Path | None = None
    """A file in the form of ``sha256sum`` with the digest of everything in it."""
    check: tuple[str, ...] = ()
    """A command that ends with 0 if what was restored works; ``{folder}`` stands for the place."""
    max_seconds: float = 3600.0
    max_age_s: float = 86_400.0


@dataclass(frozen=True)
class Autoscaling:
    """Row G11: load drives the replicas up, and they come back when it ends."""

    kind: ClassVar[str] = "autoscaling"
    name: str
    autoscaler: str
    concurrency: int = 8
    up_s: float = 300.0
    down_s: float = 600.0


@dataclass(frozen=True)
class ConfigRollback:
    """Row G6: a bad configuration is deployed, noticed, and rolled back from the backup."""

    kind: ClassVar[str] = "config-rollback"
    name: ClassVar[str] = ""
    """There is only one."""
    service: str
    """The service's name at the actor."""
    file: Path
    backup: Path
    health_url: str
    max_seconds: float
    """The recovery time objective."""


@dataclass(frozen=True)
class Drills:
    """All of them."""

    watching: Watching = Watching()
    due_days: float = 31.0
    """A drill that has not been done for so long is due (row G9: monthly)."""
    history: Path | None = None
    """The file in which drills that were done are noted; None: this machine's own."""
    rollbacks: tuple[Rollback, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    canaries: tuple[Canary, ...] = ()
    blue_green: tuple[BlueGreen, ...] = ()
    kills: tuple[Kill, ...] = ()
    starts: tuple[Start, ...] = ()
    playbooks: tuple[Playbook, ...] = ()
    restores: tuple[Restore, ...] = ()
    autoscaling: tuple[Autoscaling, ...] = ()
    config_rollback: ConfigRollback | None = None

    @property
    def is_any(self) -> bool:
        """Whether there is any."""
        return any(self.sections().values()) or self.config_rollback is not None

    def sections(self) -> dict[str, tuple[Any, ...]]:
        """The drills of each kind of which there may be several, by the section in which they are declared."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, tuple)}
