"""Change a file of whoever watches and have it read again, or wait until Prometheus has an answer to a query.

``python3 rewatch.py (change|restore) FOLDER FILE [OLD NEW] URL``, ``python3 rewatch.py until URL QUERY``. Used by
``watched.yaml`` as commands of its own; ``change`` returns when the change is in force.
"""

import shutil
import sys
import time
from pathlib import Path

import httpx

_LOOKS, _LOOK_S = 100, 0.3
_SETTLED_S = 2.0
"""Some scrapes and evaluations."""


def until(url: str, query: str) -> None:
    """Wait until a query has an answer."""
    for _ in range(_LOOKS):
        answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=10).json()
        if answer["data"]["result"]:
            return
        time.sleep(_LOOK_S)
    sys.exit(f"nothing matches {query}")


def main(verb: str, folder: str, name: str, *rest: str) -> None:
    """Do it."""
    if verb == "until":
        until(folder, name)
        return
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
