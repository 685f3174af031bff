"""What a verdict is bound to: digests of the target and of what it names."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from gonogo import __version__
from gonogo.model import Binding
from gonogo.targets.model import Target
from gonogo.targets.secrets import Secret

_CHUNK = 1 << 20
_PROGRESS = 64 << 20


def bind(target: Target, *, models: bool = True) -> Binding:
    """The digests of the deployment as it is now; without `models` none of files of many gigabytes."""
    config = target.config.gateway if target.config else None
    return Binding(
        target_name=target.name,
        environment=target.environment,
        target_digest=target.digest,
        endpoints_digest=_endpoints_digest(target),
        gateway_config_digest=_digest_or_none(config) if config else None,
        model_digests=_production_models(target.registry) if target.registry and models else {},
        git_commit=_git_commit(target.file.parent),
        suite_version=__version__,
    )


@dataclass(frozen=True)
class Stamp:
    """What changes when a file is touched."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def stamp_of(path: Path) -> Stamp | None:
    """A file's stamp; None where there is no such file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return Stamp(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


_digests: dict[tuple[Path, Stamp], str] = {}
"""Files of many GB are read once in a process, for as long as they are not touched."""


def newest_in(folder: Path, pattern: str = "*") -> Path | None:
    """The newest file below a folder that is not empty; None where there is none."""
    files = [path for path in folder.rglob(pattern) if path.is_file() and path.stat().st_size]
    return max(files, key=lambda path: path.stat().st_mtime, default=None)


def file_digest(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """SHA256 of a file, read in pieces; `progress` is told the bytes read so far, at most every `_PROGRESS` bytes.

    Raises:
        OSError: it cannot be read.
    """
    stamp = stamp_of(path)
    if stamp is not None and (path, stamp) in _digests:
        return _digests[path, stamp]
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK))
    read = told = 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            read += count
            if progress is not None and read - told >= _PROGRESS:
                told = read
                progress(read)
    if stamp is not None and stamp == stamp_of(path):
        _digests[path, stamp] = digest.hexdigest()
    return digest.hexdigest()


def _digest_or_none(path: Path) -> str | None:
    """A digest; None for a file that cannot be read, which is the config suite's finding."""
    try:
        return file_digest(path)
    except OSError:
        return None


def _endpoints_digest(target: Target) -> str:
    return hashlib.sha256("\n".join(_addresses(target)).encode()).hexdigest()


def _addresses(value: object) -> Iterator[str]:
    """Every address in the target, variables filled in, whatever section it stands in; secrets may be changed."""
    if isinstance(value, Secret):
        return
    if isinstance(value, str):
        yield from [value] if "://" in value else []
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _addresses(item)
    elif isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes):
        for item in value if isinstance(value, Sequence) else sorted(value, key=str):
            yield from _addresses(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _addresses(getattr(value, field.name))


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
