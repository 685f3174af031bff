"""Files that are there whole or not at all, whoever is killed while they are written.

Forbidden here: importing anything of gonogo.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
