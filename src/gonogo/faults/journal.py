"""The undo journal: what must be put back, on disk before anything is changed, so that a killed run can be undone."""

import hashlib
import json
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.targets.model import Target


@dataclass(frozen=True)
class Entry:
    """One change and how to undo it."""

    entry_id: str
    kind: str
    """Which undo reads the details: ``file``, ``control`` or ``service``."""
    details: dict[str, Any]


class Journal:
    """An append-only file of entries and of the marks that they are undone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "journal.jsonl"

    @property
    def folder(self) -> Path:
        """Where the journal and its copies of files are."""
        return self._folder

    def write(self, kind: str, details: dict[str, Any]) -> Entry:
        """Note a change that is about to be made; on disk when this returns."""
        entry = Entry(uuid.uuid4().hex, kind, details)
        self._append({"id": entry.entry_id, "kind": kind, "details": details})
        return entry

    def mark_undone(self, entry: Entry) -> None:
        """Note that a change has been put back; the file goes when nothing is left to undo."""
        self._append({"undone": entry.entry_id})
        if not self.unfinished():
            self._file.unlink(missing_ok=True)

    def unfinished(self) -> list[Entry]:
        """Changes that were not put back, the latest first. A half-written last line was never acted upon."""
        if not self._file.exists():
            return []
        entries: dict[str, Entry] = {}
        for line in self._file.read_text(encoding="utf-8").splitlines():
            try:
                item = json.loads(line or "null")
            except ValueError:
                continue
            if item is None:
                continue
            if "undone" in item:
                entries.pop(item["undone"], None)
            else:
                entries[item["id"]] = Entry(item["id"], item["kind"], item["details"])
        return list(reversed(entries.values()))

    def _append(self, item: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            # The newline comes first, too: a run that was killed while writing left half a line.
            file.write("\n" + json.dumps(item) + "\n")
            file.flush()
            os.fsync(file.fileno())


def state_folder(target: Target) -> Path:
    """Where locks and the journal of a target live on this machine: the same for every run against it."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", target.name)
    return home / "gonogo" / f"{name}-{_identity(target)}"


def _identity(target: Target) -> str:
    """Two targets of the same addresses are the same deployment, whatever their files say otherwise."""
    addresses = sorted(endpoint.url for endpoint in target.endpoints())
    addresses += [target.chatbot.url] if target.chatbot else []
    return hashlib.sha256("\n".join(addresses or [str(target.file)]).encode()).hexdigest()[:12]
