"""Files and lines that are there whole or not at all, whoever is killed while they are written.

Forbidden here: importing anything of gonogo.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def write_whole(path: Path, text: str) -> Path:
    """Write a file, or leave what was there; what is no Unicode is escaped. The file.

    Raises:
        OSError: it cannot be written.
    """
    with _beside(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def copy_whole(source: Path, path: Path) -> Path:
    """Copy a file, or leave what was there. The copy.

    Raises:
        OSError: it cannot be read or written.
    """
    with _beside(path) as unfinished:
        shutil.copyfile(source, unfinished)
    return path


def add_line(file: Path, item: Mapping[str, Any]) -> None:
    """Add a line of JSON in one write, so that runs that end together do not mix theirs.

    Raises:
        OSError: it cannot be written.
    """
    line = json.dumps(item, ensure_ascii=False) + "\n"
    with file.open("a", encoding="utf-8") as lines:
        lines.write(line if _ends_whole(file) else f"\n{line}")


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The objects in a file of such lines, without those that were cut off (a killed run, a full disk)."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # JSON may hold what `splitlines` takes for an end
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError):
            found.append(json.loads(line))
    return [item for item in found if isinstance(item, dict)]


def _ends_whole(file: Path) -> bool:
    return file.read_bytes()[-1:] in {b"", b"\n"}


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A place of this process's own in the same folder, which becomes the file when the block ends well."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        unfinished = folder / path.name
        yield unfinished
        unfinished.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
