"""Which drills were done when, on this machine: what is due."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any


class History:
    """A file with a line for each drill, the latest last."""

    def __init__(self, file: Path) -> None:
        """The file need not be there yet."""
        self._file = file

    def add(self, name: str, report: Mapping[str, Any], *, good: bool) -> None:
        """Note a drill.

        Args:
            name: what it is called.
            report: `gonogo.drills.engine.DrillReport` as JSON.
            good: whether every check that asked it passed.
        """
        kept = {key: report[key] for key in ("row", "began", "took_s", "outage_s", "lost")}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"name": name, "good": good, **kept})
        with self._file.open("a", encoding="utf-8") as file:  # one write: runs that end together do not mix their lines
            file.write(f"{line}\n" if self._is_whole() else f"\n{line}\n")

    def last_good(self, name: str) -> datetime | None:
        """When a drill was last done with success; None if it never was."""
        found = [item for line in self._lines() if (item := _read(line))]
        times = [item["began"] for item in found if item["good"] and item["name"] == name]
        return max(map(datetime.fromisoformat, times), default=None)

    def _is_whole(self) -> bool:
        """Whether the file ends with a line's end: a run that was killed, or a full disk, may have cut it off."""
        try:
            return self._file.read_bytes()[-1:] in {b"", b"\n"}
        except OSError:
            return True

    def _lines(self) -> list[str]:
        try:
            return self._file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []


def _read(line: str) -> dict[str, Any]:
    """A line; empty for one that was cut off."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
