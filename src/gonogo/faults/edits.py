"""Edits of files, and how they are put back.

A step has one of: ``replace: [old, new]`` (the first one), ``set: [[path, value], ...]`` (null removes),
``append: text``, ``truncate: bytes``, ``flip_byte: offset``, ``remove: true``, ``link: path`` (a symbolic link).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from gonogo.errors import EndpointFailedError, GonogoError
from gonogo.faults.journal import Entry
from gonogo.targets.binding import file_digest


def edit(path: Path, step: dict[str, Any]) -> None:
    """Edit a file as a step says.

    Raises:
        GonogoError: the text to replace is not there, so the fault would change nothing.
    """
    content = path.read_bytes()
    if step.get("remove"):
        path.unlink()
    elif "link" in step:
        path.unlink()
        path.symlink_to(step["link"])
    elif "append" in step:
        path.write_bytes(content + step["append"].encode())
    elif "truncate" in step:
        path.write_bytes(content[: step["truncate"]])
    elif "flip_byte" in step:
        position = step["flip_byte"] % len(content)
        path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
    elif "replace" in step:
        old, new = (text.encode() for text in step["replace"])
        if old not in content:
            raise GonogoError(f"the fault does not fit: {path} does not contain {step['replace'][0]!r}")
        path.write_bytes(content.replace(old, new, 1))
    else:
        value = yaml.safe_load(content)
        for where, new_value in step["set"]:
            _set(value, where, new_value)
        text = json.dumps(value, indent=2) if path.suffix == ".json" else yaml.safe_dump(value, sort_keys=False)
        path.write_text(text, encoding="utf-8")


def _set(value: Any, where: list[str | int], new_value: object) -> None:  # noqa: ANN401 (any JSON)
    """Set what a path of keys and indices leads to; None removes it."""
    for part in where[:-1]:
        value = value[part]
    if new_value is None:
        del value[where[-1]]
    else:
        value[where[-1]] = new_value


def restore(path: Path, copy: Path) -> None:
    """Put the copy back in place of the file."""
    try:
        if path.is_symlink():
            path.unlink()
        shutil.copy2(copy, path)
        restored = file_digest(path) == file_digest(copy)
    except OSError as error:
        raise EndpointFailedError(f"{path} could not be restored from {copy}: {error.strerror}") from error
    if not restored:
        raise EndpointFailedError(f"{path} could not be restored from {copy}")


def drop_copy(entry: Entry) -> None:
    """Remove the copy of a file whose entry is closed; before that it must stay."""
    if entry.kind == "file":
        Path(entry.details["copy"]).unlink(missing_ok=True)
