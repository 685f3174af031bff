"""The files probe: it reads documents below the target's root, and refuses whatever leads out of it."""

import json
import os
import re
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from gonogo.documents import (
    Document,
    DocumentError,
    load_document,
    load_documents,
    parse_document,
    parse_environment,
    parse_json,
    parse_modelfile,
    read_text,
)
from gonogo.errors import EndpointFailedError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.redaction import mask_values
from gonogo.rules.alerts import unwrapped
from gonogo.rules.manifests import unrolled
from gonogo.targets.binding import Stamp, file_digest, stamp_of
from gonogo.targets.files import ConfigFile

MANIFEST_ENDINGS = (".yaml", ".yml", ".json")
_COMMENT_LINE = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_PARSERS: dict[str, Callable[[str, str], Document]] = {
    "modelfile": parse_modelfile,
    "ollama_environment": parse_environment,
    "environment_files": parse_environment,
}


class Files:
    """Looks at files, and records what it saw."""

    def __init__(self, context: ProbeContext, root: Path) -> None:
        self._context, self._root = context, root

    def inside(self, path: Path) -> Path:
        """The path itself, if neither ``..`` nor a symbolic link leads out of the target's root.

        Raises:
            EndpointFailedError: it leads out.
        """
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise EndpointFailedError(f"{shown(path)} leads out of the target's root {self._root}: it is not read")
        return path

    def documents(self, file: ConfigFile) -> tuple[Document, ...]:
        """What a configuration file holds: one document, or those of all files of a folder of manifests.

        Raises:
            EndpointFailedError: something cannot be read or parsed; the message has every problem with its place.
            DocumentError: the same, where the problems themselves are wanted.
        """
        started = time.perf_counter()
        paths = files_of(file)
        try:
            found = [doc for path in paths for doc in _parsed(file.kind, self.inside(path), stamp_of(path))]
        except DocumentError as error:
            self._record(file.path, started, {"problems": [str(problem) for problem in error.problems]})
            raise
        self._record(file.path, started, {"files": len(paths), "documents": len(found)})
        return tuple(found)

    def document(self, path: Path) -> Document:
        """A YAML or JSON file.

        Raises:
            EndpointFailedError: it cannot be read or parsed; the message has every problem with its place.
        """
        started = time.perf_counter()
        try:
            (document,) = _parsed("", self.inside(path), stamp_of(path))
        except DocumentError as error:
            self._record(path, started, {"problems": [str(problem) for problem in error.problems]})
            raise EndpointFailedError(str(error)) from error
        masked = mask_values(document.value)
        value = masked if isinstance(masked, dict) else {"value": masked}
        answer = value if len(json.dumps(value, default=str)) < 4000 else {"keys": list(value)[:50]}
        self._record(path, started, answer)
        return document

    def text(self, path: Path) -> str:
        """A file's text.

        Raises:
            EndpointFailedError: it cannot be read.
        """
        started = time.perf_counter()
        try:
            text = read_text(self.inside(path), shown(path))
        except DocumentError as error:
            raise EndpointFailedError(str(error)) from error
        self._record(path, started, {"characters": len(text)})
        return text

    def digest(self, path: Path) -> tuple[str, int]:
        """SHA256 and size in bytes of a file; progress is shown while a large one is read.

        Raises:
            EndpointFailedError: the file cannot be read.
        """
        started = time.perf_counter()
        try:
            size = self.inside(path).stat().st_size
            name = path.name
            digest = file_digest(path, lambda read: self._context.progress(f"sha256 {name}: {100 * read // size} %"))
        except OSError as error:
            self._record(path, started, {"error": str(error)})
            raise EndpointFailedError(f"{shown(path)}: {error.strerror}") from error
        self._record(path, started, {"sha256": digest, "size_bytes": size})
        return digest, size

    def _record(self, file: Path, started: float, answer: dict[str, Any]) -> None:
        duration_ms = round((time.perf_counter() - started) * 1000, 3)
        masked = self._context.redactor.json(answer)
        self._context.record(Observation("file", str(file), duration_ms, answer=masked))


def files_of(file: ConfigFile) -> list[Path]:
    """The file itself; of a folder, the manifests below it in the order of their names."""
    if not file.path.is_dir():
        return [file.path]
    below = file.path.rglob("*")
    return sorted(path for path in below if path.suffix in MANIFEST_ENDINGS and path.is_file())


def shown(path: Path) -> str:
    """How a file is called in messages: relative to the working directory where it lies below it, as compilers do."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


@lru_cache(maxsize=4096)
def _parsed(kind: str, path: Path, stamp: Stamp | None) -> tuple[Document, ...]:
    """The documents of a file; parsed once for as long as the file is not touched.

    Raises:
        DocumentError: it cannot be read or parsed.
    """
    del stamp
    name = shown(path)
    if kind in _PARSERS:
        return (_PARSERS[kind](read_text(path, name), name),)
    if kind == "manifests":
        return tuple(unrolled(load_documents(path, name)))
    if kind == "alerts":
        return tuple(map(unwrapped, load_documents(path, name)))
    if kind == "routes":  # .NET takes comments in JSON
        return (parse_document(_COMMENT_LINE.sub("", read_text(path, name)), name),)
    if path.suffix == ".json":
        return (parse_json(read_text(path, name), name),)
    return (load_document(path, name),)
