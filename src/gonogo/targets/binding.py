"""What a verdict is bound to: digests of the target and of what it names."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from gonogo import __version__
from gonogo.model import Binding
from gonogo.targets.model import Target

_CHUNK = 1 << 20


def bind(target: Target) -> Binding:
    """The digests of the deployment as it is now."""
    config = target.config.gateway if target.config else None
    return Binding(
        target_name=target.name,
        environment=target.environment,
        target_digest=target.digest,
        endpoints_digest=_endpoints_digest(target),
        gateway_config_digest=_digest_or_none(config) if config else None,
        model_digests=_production_models(target.registry) if target.registry else {},
        git_commit=_git_commit(target.file.parent),
        suite_version=__version__,
    )


def file_digest(path: Path) -> str:
    """SHA256 of a file, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _digest_or_none(path: Path) -> str | None:
    """A digest; None for a file that cannot be read, which is the config suite's finding."""
    try:
        return file_digest(path)
    except OSError:
        return None


def _endpoints_digest(target: Target) -> str:
    addresses = [endpoint.url for endpoint in target.endpoints()]
    addresses += [target.chatbot.url] if target.chatbot else []
    addresses += [metrics.url for metrics in target.metrics]
    return hashlib.sha256("\n".join(addresses).encode()).hexdigest()


def _production_models(registry: Path) -> dict[str, str]:
    """Digests of the production models' files; a registry that cannot be read is the artifacts suite's finding."""
    try:
        models: list[dict[str, Any]] = json.loads(registry.read_text(encoding="utf-8"))["models"]
        return {
            str(model["name"]): file_digest(registry.parent / version["file"])
            for model in models
            for version in model["versions"]
            if version["status"] == "production"
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _git_commit(folder: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
