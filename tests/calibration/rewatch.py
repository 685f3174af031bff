"""Change a file of whoever watches and have it read again: ``python3 rewatch.py (change|restore) FOLDER FILE [OLD NEW] URL``.

Used by ``watched.yaml`` as a command of its own; ``change`` returns when the change is in force.
"""

import shutil
import sys
import time
from pathlib import Path

import httpx

_SETTLED_S = 2.0
"""Some scrapes and evaluations."""


def main(verb: str, folder: str, name: str, *rest: str) -> None:
    """Do it."""
    file, url = Path(folder) / name, rest[-1]
    kept = file.with_suffix(".kept")
    if verb == "change":
        old, new = rest[:2]
        text = file.read_text(encoding="utf-8")
        if old not in text:
            sys.exit(f"{file} does not contain {old!r}")
        shutil.copy(file, kept)
        file.write_text(text.replace(old, new), encoding="utf-8")
    elif kept.exists():
        kept.replace(file)
    httpx.post(f"{url}/-/reload", timeout=10).raise_for_status()
    time.sleep(_SETTLED_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
