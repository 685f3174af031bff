"""Which drills were done when, on this machine: what is due."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gonogo.writing import add_line, read_lines


class DrillHistory:
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
        add_line(self._file, {"name": name, "good": good, **kept})

    def last_good(self, name: str) -> datetime | None:
        """When a drill was last done with success; None if it never was."""
        times = [item["began"] for item in read_lines(self._file) if item["good"] and item["name"] == name]
        return max(map(datetime.fromisoformat, times), default=None)
