"""The nouns of a target's files: configuration and artifacts, and the thresholds that the target sets for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gonogo.targets.secrets import Secret


@dataclass(frozen=True)
class ConfigFile:
    """One configuration file, or one folder of manifests."""

    kind: str
    """``gateway``, ``providers``, ``alerts``, ...: its key in the target's ``config`` section."""
    name: str
    """Its path below the root: the name of its instance."""
    path: Path


@dataclass(frozen=True)
class Generator:
    """The command that prints the gateway's configuration as it is generated."""

    command: tuple[str, ...]
    timeout_s: float


@dataclass(frozen=True)
class KubernetesRules:
    """What the manifests must say."""

    version: str = ""
    """The cluster's version, like ``1.34``; the newest known one if empty."""
    resources: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    """By workload: requests and limits that its containers must have."""
    replicas: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By workload: the bounds that its autoscaler must have."""
    volumes: Mapping[str, str] = field(default_factory=dict)
    """By claim: its size."""
    startup_s: Mapping[str, float] = field(default_factory=dict)
    """By workload: seconds that it must be given to start."""


@dataclass(frozen=True)
class PublicPath:
    """A path that clients ask, and the host that must answer for it (any, if empty)."""

    path: str
    method: str = "GET"
    host: str = ""


@dataclass(frozen=True)
class ConfigRules:
    """What the configuration must hold beyond its schemas."""

    exposed: bool
    """Whether the gateway can be reached from outside."""
    client_timeout_s: float | None = None
    """How long the gateway's clients wait."""
    smaller_context: tuple[str, ...] = ()
    """Models that may be fallen back to although their context window is smaller."""
    set_elsewhere: tuple[str, ...] = ()
    """Environment variables that are set where the deployment runs, not where the gate does."""
    known_secrets: tuple[str, ...] = ()
    """Fingerprints of secrets that are known to stand in files or history, and revoked."""
    required_alerts: Mapping[str, str] | None = None
    """Severity by name of the alert, empty for any; None: not verified."""
    exported_metrics: tuple[str, ...] = ()
    metrics_pages: tuple[Path, ...] = ()
    """Saved metrics pages: what the deployment exports."""
    public_paths: tuple[PublicPath, ...] = ()
    kubernetes: KubernetesRules = KubernetesRules()


@dataclass(frozen=True)
class Configuration:
    """The deployment's configuration files."""

    files: tuple[ConfigFile, ...]
    rules: ConfigRules
    generator: Generator | None = None
    deployed: Path | None = None
    """The gateway's file as it lies where it runs."""
    repository: Path | None = None
    """A git working tree in which no secret may stand, neither now nor in its history."""

    def of(self, kind: str) -> tuple[ConfigFile, ...]:
        """The files of a kind."""
        return tuple(file for file in self.files if file.kind == kind)

    @property
    def gateway(self) -> Path | None:
        """The gateway's configuration file."""
        return next((file.path for file in self.of("gateway")), None)


DOCKER_HUB = "registry-1.docker.io"
_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io"})


def registry_host(name: str) -> str:
    """The host of the registry that an image's name begins with: Docker Hub answers at another than images name."""
    return DOCKER_HUB if name in _DOCKER_HUB_NAMES else name


@dataclass(frozen=True)
class ImageRegistry:
    """How a container registry is reached."""

    url: str
    user: str = ""
    password: Secret | None = None


@dataclass(frozen=True)
class Dataset:
    """A store of documents that answers a known query with a known document."""

    name: str
    url: str
    body: Any
    """The query, sent as JSON."""
    expect: str
    """A text that the answer must contain, for instance the document's id."""
    key: Secret | None = None


@dataclass(frozen=True)
class Artifacts:
    """Models, images and datasets."""

    registry: Path | None = None
    scans: tuple[Path, ...] = ()
    """Trivy's JSON reports."""
    max_critical: int = 0
    """How many critical findings a scan may have (row A6: none)."""
    image_registries: Mapping[str, ImageRegistry] = field(default_factory=dict)
    """By the host in an image's name; others are reached by https without credentials."""
    check_images: bool = False
    """Whether to ask the registries for the images: that leaves the machine."""
    hub_url: str = "https://huggingface.co"
    hub_token: Secret | None = None
    datasets: tuple[Dataset, ...] = ()
