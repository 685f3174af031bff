"""Edits of files, and how they are put back.

A step has one of: ``replace: [old, new]`` (the first one), ``set: [[path, value], ...]`` (null removes),
``append: text``, ``truncate: bytes``, ``flip_byte: offset``, ``remove: true``, ``link: path`` (a symbolic link).
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from gonogo.errors import EndpointFailedError, GonogoError
from gonogo.faults.interface import ChangedMeanwhileError
from gonogo.faults.journal import Entry
from gonogo.targets.binding import file_digest


def edited(path: Path, step: dict[str, Any]) -> bytes | None:
    """What a file's content is after a step; None for steps that put no content there (``remove``, ``link``).

    Raises:
        GonogoError: the text to replace is not there, so the fault would change nothing.
    """
    if step.get("remove") or "link" in step:
        return None
    content = path.read_bytes()
    if "append" in step:
        return content + str(step["append"]).encode()
    if "truncate" in step:
        return content[: step["truncate"]]
    if "flip_byte" in step:
        position = step["flip_byte"] % len(content)
        return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
    if "replace" in step:
        old, new = (text.encode() for text in step["replace"])
        if old not in content:
            raise GonogoError(f"the fault does not fit: {path} does not contain {step['replace'][0]!r}")
        return content.replace(old, new, 1)
    value = yaml.safe_load(content)
    for where, new_value in step["set"]:
        _set(value, where, new_value)
    text = json.dumps(value, indent=2) if path.suffix == ".json" else yaml.safe_dump(value, sort_keys=False)
    return text.encode()


def edit(path: Path, step: dict[str, Any], content: bytes | None) -> None:
    """Edit a file as a step says; `content` is what `edited` found."""
    if content is not None:
        path.write_bytes(content)
        return
    path.unlink()
    if "link" in step:
        path.symlink_to(step["link"])


def _set(value: Any, where: list[str | int], new_value: object) -> None:  # noqa: ANN401 (any JSON)
    """Set what a path of keys and indices leads to; None removes it."""
    for part in where[:-1]:
        value = value[part]
    if new_value is None:
        del value[where[-1]]
    else:
        value[where[-1]] = new_value


def restore(path: Path, copy: Path, wrote: Sequence[Path], link: str = "") -> None:
    """Put the copy back in place of the file, unless somebody else has written it since.

    Args:
        path: the file.
        copy: what it was.
        wrote: copies of what was written into it on purpose.
        link: where it leads, if it was made a symbolic link on purpose.

    Raises:
        EndpointFailedError: it holds something else, which is left as it is; or it cannot be written.
    """
    try:
        expect_ours(path, [copy, *wrote], link)
        if path.is_symlink() and link:
            path.unlink()
        shutil.copy2(copy, path)
        restored = file_digest(path) == file_digest(copy)
    except OSError as error:
        raise EndpointFailedError(f"{path} could not be restored from {copy}: {error.strerror}") from error
    if not restored:
        raise EndpointFailedError(f"{path} could not be restored from {copy}")


def expect_ours(path: Path, texts: Sequence[Path], link: str = "") -> None:
    """Nothing, if a file holds one of these texts, or is gone.

    Raises:
        ChangedMeanwhileError: it holds something else.
    """
    if not _is_ours(path, texts, link):
        raise ChangedMeanwhileError(str(path))


def _is_ours(path: Path, texts: Sequence[Path], link: str) -> bool:
    """Whether a file is gone, or holds one of these texts, or the beginning of one: a writer may have been killed."""
    if link and path.is_symlink():
        return str(path.readlink()) == link
    if not path.exists():
        return True
    content = path.read_bytes()
    return any(text.read_bytes().startswith(content) for text in texts)


def drop_copy(entry: Entry) -> None:
    """Remove the copies of a file whose entry is closed; before that they must stay."""
    if entry.kind == "file":
        for copy in (entry.details["copy"], *entry.details.get("wrote", ())):
            Path(copy).unlink(missing_ok=True)
