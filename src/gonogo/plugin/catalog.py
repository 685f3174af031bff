"""The catalogue of checks as data: the generated docs, the coverage test and other tools read the same."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gonogo.faults.catalogue import faults_of
from gonogo.plugin.checks import info_of


def catalog_of(items: Iterable[pytest.Item]) -> list[dict[str, Any]]:
    """Every check once, sorted by id."""
    entries: dict[str, dict[str, Any]] = {}
    for item in items:
        info = info_of(item)
        if info is None:
            continue
        entries[info.check_id] = {
            "id": info.check_id,
            "title": info.title,
            "suite": info.suite,
            "severity": info.severity.value,
            "permission": info.permission.value,
            "covers": list(info.covers),
            "faults": faults_of(info.check_id),
        }
    return [entries[check_id] for check_id in sorted(entries)]


def write_catalog(items: Iterable[pytest.Item], file: str, folder: Path) -> None:
    """Write the catalogue as JSON.

    Raises:
        pytest.UsageError: the file cannot be written.
    """
    text = json.dumps(catalog_of(items), indent=2, ensure_ascii=False) + "\n"
    try:
        (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise pytest.UsageError(f"--catalog: {file} cannot be written: {error.strerror}") from error
