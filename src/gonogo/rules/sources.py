"""Every configuration document of a target, by kind, and what the kinds have in common: variables and addresses."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gonogo.documents import Document, Part
from gonogo.redaction import default_of, is_reference


@dataclass(frozen=True)
class Sources:
    """The declared documents that could be read; a file that cannot be read is the schema check's finding."""

    by_kind: Mapping[str, tuple[Document, ...]]

    def of(self, kind: str) -> tuple[Document, ...]:
        """The documents of a kind."""
        return self.by_kind.get(kind, ())

    def all_but(self, *kinds: str) -> Iterator[Document]:
        """Every document that is not of these kinds."""
        for kind, documents in self.by_kind.items():
            if kind not in kinds:
                yield from documents


@dataclass(frozen=True)
class Variable:
    """An environment variable that a file sets."""

    name: str
    value: str
    place: Part

    @property
    def is_set(self) -> bool:
        """Whether it has a value of its own, and does not only pass on another variable."""
        return bool(default_of(self.value) or (self.value and not is_reference(self.value)))


def variables(sources: Sources) -> Iterator[Variable]:
    """Every environment variable that a file sets to a value of its own."""
    for kind in ("environment_files", "ollama_environment"):
        for document in sources.of(kind):
            yield from _table(document.root)
    for document in sources.of("gateway"):
        yield from _table(document.root["environment_variables"])
    for document in sources.of("compose"):
        for _, service in document.root["services"].entries():
            yield from compose_variables(service)
    for document in sources.of("manifests"):
        yield from _manifest_variables(document.root)


def _manifest_variables(root: Part) -> Iterator[Variable]:
    """What a ConfigMap or the containers of a workload set."""
    if root["kind"].text() == "ConfigMap":
        yield from _table(root["data"])
    for container in containers(root):
        for item in container["env"]:
            if item["value"].value is not None:
                yield Variable(item["name"].text(), item["value"].text(), item["value"])


def compose_variables(service: Part) -> Iterator[Variable]:
    """What a compose service's ``environment`` sets, as a table or as a list."""
    yield from _table(service["environment"])
    for item in service["environment"]:
        name, equals, value = item.text().partition("=")
        if equals:
            yield Variable(name, value, item)


def containers(manifest: Part, *, initial: bool = False) -> Iterator[Part]:
    """The containers of a Kubernetes workload, of whatever kind."""
    pod = pod_spec(manifest)
    yield from pod["containers"]
    if initial:
        yield from pod["initContainers"]


def pod_spec(manifest: Part) -> Part:
    """The pod that a Kubernetes workload describes; an empty part for anything else."""
    match manifest["kind"].text():
        case "Pod":
            return manifest["spec"]
        case "CronJob":
            return manifest.at("spec", "jobTemplate", "spec", "template", "spec")
        case _:
            return manifest.at("spec", "template", "spec")


def _table(part: Part) -> Iterator[Variable]:
    for name, value in part.entries():
        if value.value is not None:
            yield Variable(name, value.text(), value)


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine."""
    bare = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost" or bare.endswith(".localhost")


def is_inside(host: str) -> bool:
    """Whether a host is surely inside: a private address, a name without a dot, or a name of a cluster or a LAN."""
    bare = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(bare).is_private
    except ValueError:
        return "." not in bare or bare.endswith((".svc", ".local", ".internal", ".localhost", ".lan", ".home.arpa"))


def host_of(url: str) -> str:
    """The host of a URL, empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
