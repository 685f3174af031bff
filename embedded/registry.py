"""The model registry: two versions with their true digests, evaluation records, and the last known good one kept."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from embedded.tiny_gguf import cached_tiny_gguf

NAME = "tiny-chat"
PRODUCTION = "1.1.0"
_VERSIONS = (("1.0.0", 1, "previous"), (PRODUCTION, 2, "production"))
_RESULTS = {"intent_accuracy": 0.94, "json_valid_rate": 1.0, "fallback_rate": 0.04}
_THRESHOLDS = {"intent_accuracy": {"min": 0.85}, "json_valid_rate": {"min": 0.99}, "fallback_rate": {"max": 0.1}}


def write_registry(folder: Path, objects_url: str) -> Path:
    """Write models, evaluation records and ``registry.json`` below a folder; return the production model's file.

    `objects_url` is where copies of the models lie.
    """
    (folder / "models").mkdir(parents=True)
    (folder / "evaluations").mkdir()
    versions = [_version(folder, objects_url, *version) for version in _VERSIONS]
    registry = {"models": [{"name": NAME, "last_known_good": "1.0.0", "versions": versions}]}
    (folder / "registry.json").write_text(json.dumps(registry, indent=2) + "\n", encoding="utf-8")
    return folder / str(versions[-1]["file"])


def _version(folder: Path, objects_url: str, version: str, seed: int, status: str) -> dict[str, Any]:
    file = folder / "models" / f"{NAME}-{version}.gguf"
    shutil.copyfile(cached_tiny_gguf(seed), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    evaluation = folder / "evaluations" / f"{NAME}-{version}.json"
    record = {
        "model": NAME,
        "version": version,
        "sha256": digest,
        "date": "2026-11-01",
        "dataset": "conversations-es",
        "results": _RESULTS,
        "thresholds": _THRESHOLDS,
        "go_nogo_result": "GO",
    }
    evaluation.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return {
        "version": version,
        "status": status,
        "file": str(file.relative_to(folder)),
        "sha256": digest,
        "size_bytes": file.stat().st_size,
        "architecture": "llama",
        "quantization": "ALL_F32",
        "evaluation": str(evaluation.relative_to(folder)),
        "remote": {"url": f"{objects_url}/{file.name}"},
    }
