"""Where everything of one embedded deployment is: ports, keys, files, and the environment that describes it."""

import json
import os
import secrets
import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from embedded.gateway import HEADER, gateway_configuration
from embedded.ports import free_port
from embedded.provider.depot import stock
from embedded.registry import write_registry

SERVICES = ("redis", "vllm", "ollama", "hosted", "llamacpp", "gateway", "service", "chatbot", "agent", "supervisor")
_DATA = Path(__file__).parent / "data"
_PROVIDER_SERVICE = {
    "vllm-main": "vllm",
    "ollama-edge": "ollama",
    "hosted-api": "hosted",
    "llamacpp-local": "llamacpp",
}


GATEWAY_ENVIRONMENT = {"LITELLM_CORS_ORIGINS": "https://coches.example"}
_IMAGES = ("registry.embedded/cars/chatbot:1.0.0", "registry.embedded/cars/web:1.0.0")


class StartError(RuntimeError):
    """The deployment cannot start; the message says why and what to do."""


@dataclass(frozen=True)
class Layout:
    """One deployment's folder, ports and keys."""

    state: Path
    ports: dict[str, int]
    keys: dict[str, str]
    model_file: Path

    @property
    def depot(self) -> Path:
        """What the object store, the container registry and the document store have."""
        return self.state / "depot"

    @property
    def pristine(self) -> Path:
        """Copies of every file that a fault may edit."""
        return self.state / "pristine"

    def url(self, service: str) -> str:
        """The base URL of a service."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def environment(self) -> dict[str, str]:
        """What ``targets/embedded.yaml`` refers to."""
        urls = {f"EMBEDDED_{name.upper()}_URL": self.url(name) for name in SERVICES}
        urls["EMBEDDED_REDIS_URL"] = f"redis://127.0.0.1:{self.ports['redis']}/0"
        return {**urls, **self.keys, "EMBEDDED_STATE": str(self.state)}

    def restore_files(self) -> list[Path]:
        """Put every edited file back as it was; return those that differed."""
        restored = []
        for folder in ("config", "artifacts", "backup"):
            for copy in sorted((self.pristine / folder).rglob("*")):
                original = self.state / copy.relative_to(self.pristine)
                if copy.is_file() and (not original.is_file() or original.read_bytes() != copy.read_bytes()):
                    shutil.copy2(copy, original)
                    restored.append(original)
        return restored


def lay_out(state: Path) -> Layout:
    """Write all files of a fresh deployment below `state`.

    Raises:
        StartError: a port that was asked for is taken.
    """
    ports = _choose_ports()
    names = ["GATEWAY_KEY", "PROVIDER_KEY", "HOSTED_KEY", "SUPERVISOR_PASSWORD"]
    names += ["AGENT_KEY", "AGENT_OTHER_KEY", "AGENT_APPROVER_KEY"]
    keys = {f"EMBEDDED_{name}": f"sk-{secrets.token_hex(16)}" for name in names}
    (state / "logs").mkdir(parents=True)
    objects = f"http://127.0.0.1:{ports['hosted']}/depot/objects"
    layout = Layout(state, ports, keys, write_registry(state / "artifacts", objects))
    _write_configuration(layout)
    _write_containers(layout)
    _write_versions(layout)
    for folder in ("config", "artifacts", "backup"):
        shutil.copytree(state / folder, layout.pristine / folder)
    return layout


def _write_configuration(layout: Layout) -> None:
    config = layout.state / "config"
    config.mkdir()
    providers: dict[str, Any] = yaml.safe_load((_DATA / "providers.yaml").read_text(encoding="utf-8"))
    for provider in providers["providers"]:
        provider["url"] = layout.url(_PROVIDER_SERVICE[provider["name"]])
    mappings_text = (_DATA / "model-mappings.yaml").read_text(encoding="utf-8")
    gateway = gateway_configuration(providers, yaml.safe_load(mappings_text), layout.ports["redis"])
    _write(config / "providers.yaml", yaml.safe_dump(providers, sort_keys=False))
    _write(config / "model-mappings.yaml", mappings_text)
    _write(config / "gateway.yaml", HEADER + yaml.safe_dump(gateway, sort_keys=False))
    chatbot = {
        "mode": "local",
        "base_url": f"{layout.url('gateway')}/v1",
        "model": "chat",
        "key_env": "EMBEDDED_GATEWAY_KEY",
        "allowed_origins": ["https://coches.example"],
        "timeout_s": 16,  # longer than the worst case of its chain: three providers of 5 s each
    }
    _write(config / "chatbot.json", json.dumps(chatbot, indent=2) + "\n")
    (layout.state / "backup").mkdir()
    shutil.copy2(config / "gateway.yaml", layout.state / "backup" / "gateway.yaml")


def _write_versions(layout: Layout) -> None:
    """The files of the chatbot's version in production, and what the registry says of it."""
    folder = layout.state / "versions" / "1.1.0"
    folder.mkdir(parents=True)
    shutil.copy2(layout.state / "config" / "chatbot.json", folder / "chatbot.json")
    file = layout.state / "artifacts" / "registry.json"
    registry = json.loads(file.read_text(encoding="utf-8"))
    versions = [{"version": version, "status": status, "image": f"{_IMAGES[0].rpartition(':')[0]}:{version}"}
                for version, status in (("1.0.0", "previous"), ("1.1.0", "production"))]  # fmt: skip
    registry["releases"] = [{"name": "chatbot", "last_known_good": "1.0.0", "versions": versions}]
    _write(file, json.dumps(registry, indent=2) + "\n")


def _write_containers(layout: Layout) -> None:
    """The same chatbot as it would run in containers, its images at a registry, and their vulnerability scans."""
    models = sorted((layout.state / "artifacts" / "models").iterdir())
    digests = stock(layout.depot, models, list(_IMAGES))
    shutil.copy2(_DATA / "documents.json", layout.depot / "documents.json")
    services, scans = {}, layout.state / "artifacts" / "scans"
    scans.mkdir()
    for image, digest in digests.items():
        name = image.partition(":")[0].rpartition("/")[2]
        services[name] = {"image": f"{image}@{digest}", "restart": "unless-stopped"}
        report = {
            "SchemaVersion": 2,
            "ArtifactName": f"{image}@{digest}",
            "Metadata": {"RepoDigests": [f"{image.rpartition(':')[0]}@{digest}"]},
            "Results": [{"Target": name, "Vulnerabilities": [{"VulnerabilityID": "CVE-2026-0001", "Severity": "LOW"}]}],
        }
        _write(scans / f"{name}.json", json.dumps(report, indent=2) + "\n")
    _write(layout.state / "config" / "compose.yaml", yaml.safe_dump({"services": services}, sort_keys=False))
    lines = [f"{name}={value}\n" for name, value in GATEWAY_ENVIRONMENT.items()]
    _write(layout.state / "config" / "gateway.env", "".join(lines))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _choose_ports() -> dict[str, int]:
    """A free loopback port for each service; ``EMBEDDED_<SERVICE>_PORT`` asks for a particular one."""
    with ExitStack() as held:  # until each has one: no two get the same
        ports = {}
        for service in SERVICES:
            variable = f"EMBEDDED_{service.upper()}_PORT"
            wanted = os.environ.get(variable, "")
            holder = held.enter_context(socket.socket())
            try:
                ports[service] = int(wanted) if wanted else free_port()
                holder.bind(("127.0.0.1", ports[service]))
            except (OSError, ValueError, OverflowError) as error:
                raise StartError(
                    f"{service}: cannot listen on 127.0.0.1 port {wanted!r} ({error}). "
                    f"End the program that holds it, or change or unset {variable} (unset: any free port)."
                ) from error
        return ports
