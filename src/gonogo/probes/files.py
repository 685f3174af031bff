"""The files probe: configuration files, the model registry, model files. It reads; nothing is loaded or run."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from gonogo.documents import Document, DocumentError, load_document
from gonogo.errors import EndpointFailedError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.targets.binding import file_digest


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model in the registry."""

    model: str
    version: str
    status: str
    file: Path
    sha256: str
    size_bytes: int
    architecture: str
    quantization: str
    evaluation: Path

    @property
    def name(self) -> str:
        """Model and version."""
        return f"{self.model} {self.version}"


@dataclass(frozen=True)
class RegisteredModel:
    """A model with its versions."""

    name: str
    last_known_good: str
    versions: tuple[ModelVersion, ...]

    def in_status(self, status: str) -> list[str]:
        """The versions that have a status."""
        return [version.version for version in self.versions if version.status == status]

    def good_version(self) -> ModelVersion | None:
        """The version that is named as the last known good one, if it is still registered."""
        return next((version for version in self.versions if version.version == self.last_known_good), None)


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF's header says."""

    architecture: str
    quantization: str
    tensors: int


@dataclass(frozen=True)
class Evaluation:
    """An evaluation record beside the registry entry that it should be about."""

    version: ModelVersion
    sha256: str
    decision: str
    results: Mapping[str, float]
    thresholds: Mapping[str, Mapping[str, float]]

    def flaws(self) -> list[str]:
        """Why the record does not show that this file passed; figures are compared again, whatever it says."""
        flaws = []
        if self.sha256 != self.version.sha256:
            flaws.append(f"{self.version.name}: the record is of another file ({self.sha256[:12]})")
        if self.decision != "GO":
            flaws.append(f"{self.version.name}: go_nogo_result is {self.decision!r}")
        if not self.thresholds:
            flaws.append(f"{self.version.name}: the record has no threshold")
        for name, bounds in self.thresholds.items():
            if not {"min", "max"} & set(bounds):
                flaws.append(f"{self.version.name}: the threshold of {name} has neither min nor max")
            value = self.results.get(name, math.nan)
            if not bounds.get("min", -math.inf) <= value <= bounds.get("max", math.inf):
                flaws.append(f"{self.version.name}: {name} is {value}, wanted {dict(bounds)}")
        return flaws


class Files:
    """Looks at files, and records what it saw."""

    def __init__(self, context: ProbeContext) -> None:
        self._context = context

    def document(self, file: Path) -> Document:
        """A YAML or JSON file.

        Raises:
            EndpointFailedError: it cannot be read or parsed; the message has every problem with its place.
        """
        started = time.perf_counter()
        try:
            document = load_document(file)
        except DocumentError as error:
            self._record(file, started, {"problems": [str(problem) for problem in error.problems]})
            raise EndpointFailedError(str(error)) from error
        self._record(file, started, {"size_bytes": file.stat().st_size})
        return document

    def registry(self, file: Path) -> tuple[RegisteredModel, ...]:
        """The model registry.

        Raises:
            EndpointFailedError: it cannot be read, or is not of its form.
        """
        raw = self.document(file).value
        try:
            models = tuple(_registered(model, file.parent) for model in raw["models"])
            _refuse_empty_or_double(models)
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointFailedError(f"{file}: not a model registry: {error!r}") from error
        return models

    def evaluation(self, version: ModelVersion) -> Evaluation:
        """The evaluation record of a registered version.

        Raises:
            EndpointFailedError: it cannot be read, or is not of its form.
        """
        raw = self.json(version.evaluation)
        try:
            results = {str(name): float(value) for name, value in raw["results"].items()}
            return Evaluation(version, raw["sha256"], raw["go_nogo_result"], results, raw["thresholds"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EndpointFailedError(f"{version.evaluation}: not an evaluation record: {error!r}") from error

    def json(self, file: Path) -> Any:  # noqa: ANN401 (any JSON)
        """A JSON file's value.

        Raises:
            EndpointFailedError: it cannot be read or is not JSON.
        """
        started = time.perf_counter()
        try:
            value = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            self._record(file, started, {"error": str(error)})
            raise EndpointFailedError(f"{file}: {error}") from error
        self._record(file, started, value if isinstance(value, dict) else {"value": value})
        return value

    def digest(self, file: Path) -> tuple[str, int]:
        """SHA256 and size in bytes of a file.

        Raises:
            EndpointFailedError: the file cannot be read.
        """
        started = time.perf_counter()
        try:
            seen = (file_digest(file), file.stat().st_size)
        except OSError as error:
            self._record(file, started, {"error": str(error)})
            raise EndpointFailedError(f"{file}: {error.strerror}") from error
        self._record(file, started, {"sha256": seen[0], "size_bytes": seen[1]})
        return seen

    def gguf_header(self, file: Path) -> GgufHeader:
        """Header and tensor table of a GGUF; the tensors must lie inside the file, they are not loaded.

        Raises:
            EndpointFailedError: the file is missing, truncated or not a GGUF.
        """
        started = time.perf_counter()
        try:
            header = _read_gguf(file)
        except Exception as error:
            # the reader raises whatever numpy and struct raise on broken bytes
            self._record(file, started, {"error": repr(error)})
            raise EndpointFailedError(f"{file}: not a well-formed GGUF: {error}") from error
        self._record(file, started, vars(header))
        return header

    def _record(self, file: Path, started: float, answer: dict[str, Any]) -> None:
        duration_ms = round((time.perf_counter() - started) * 1000, 3)
        masked = self._context.redactor.json(answer)
        self._context.record(Observation("file", str(file), duration_ms, answer=masked))


def _refuse_empty_or_double(models: tuple[RegisteredModel, ...]) -> None:
    """A registry without a version verifies nothing, and of two entries of one name only one would be looked at."""
    names = [version.name for model in models for version in model.versions]
    if not names:
        raise ValueError("it holds no version of any model")
    if len(set(names)) < len(names):
        raise ValueError(f"a version stands there twice: {sorted(n for n in set(names) if names.count(n) > 1)}")


def _registered(raw: dict[str, Any], folder: Path) -> RegisteredModel:
    versions = tuple(
        ModelVersion(
            model=raw["name"],
            version=item["version"],
            status=item["status"],
            file=folder / item["file"],
            sha256=item["sha256"],
            size_bytes=int(item["size_bytes"]),
            architecture=item["architecture"],
            quantization=item["quantization"],
            evaluation=folder / item["evaluation"],
        )
        for item in raw["versions"]
    )
    return RegisteredModel(raw["name"], raw["last_known_good"], versions)


def _read_gguf(file: Path) -> GgufHeader:
    reader = gguf.GGUFReader(file)
    size = file.stat().st_size
    for tensor in reader.tensors:
        if tensor.data_offset + tensor.n_bytes > size:
            raise ValueError(f"tensor {tensor.name} ends after the end of the file")
    architecture = reader.fields["general.architecture"].contents()
    file_type = reader.fields["general.file_type"].contents()
    return GgufHeader(str(architecture), gguf.LlamaFileType(file_type).name, len(reader.tensors))
