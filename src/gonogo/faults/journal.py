"""The undo journal: what must be put back, on disk before anything is changed, so that a killed run can be undone."""

import fcntl
import hashlib
import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

from gonogo.targets.model import Target


@dataclass(frozen=True)
class Entry:
    """One change and how to undo it."""

    entry_id: str
    kind: str
    """Which undo reads the details: the `kind` of a means."""
    details: dict[str, Any]
    """``wrote`` among them is what was noted since (`Journal.note`)."""


class Journal:
    """A file of entries and of the marks that they are undone, locked as long as its process lives.

    So a run that starts can tell what a dead run left (it gets the lock) from what a living one is doing.
    """

    def __init__(self, folder: Path, file: TextIO | None = None) -> None:
        """A journal in a folder; `file` is an orphan's, locked already."""
        self._folder, self._file = folder, file
        self._path = Path(file.name) if file is not None else folder
        self._entries = _read_entries(file) if file is not None else {}

    @classmethod
    def orphans(cls, folder: Path) -> list[Self]:
        """The journals whose process is dead."""
        found = []
        for path in sorted(folder.glob("*.jsonl")):
            file = path.open("a+", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                found.append(cls(folder, file))
        return found

    @property
    def folder(self) -> Path:
        """Where the journals and their copies of files are."""
        return self._folder

    def write(self, kind: str, details: dict[str, Any]) -> Entry:
        """Note a change that is about to be made; on disk when this returns."""
        entry = Entry(uuid.uuid4().hex, kind, details)
        self._append({"id": entry.entry_id, "kind": kind, "details": details})
        self._entries[entry.entry_id] = entry
        return entry

    def note(self, entry: Entry, written: str) -> None:
        """Note what is about to be written, so that the undo can tell it from what somebody else wrote since.

        Args:
            entry: the change; it has ``wrote`` among its details then.
            written: what its undo will know it by: a digest, or the path of a copy.
        """
        self._append({"wrote": entry.entry_id, "what": written})
        entry.details.setdefault("wrote", []).append(written)

    def mark_undone(self, entry: Entry) -> None:
        """Note that a change has been put back; the file goes when nothing is left to undo."""
        self._append({"undone": entry.entry_id})
        self._entries.pop(entry.entry_id, None)
        self.close_if_empty()

    @property
    def path(self) -> Path:
        """Its file; what is in it is undone by the next run, unless somebody removes it."""
        return self._path

    def unfinished(self) -> list[Entry]:
        """Changes that were not put back, the oldest first."""
        return list(self._entries.values())

    def close_if_empty(self) -> None:
        """Remove the file when nothing is left to undo."""
        if self._file is not None and not self._entries:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _append(self, item: dict[str, Any]) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{os.getpid()}-{uuid.uuid4().hex}.jsonl"
            unlocked = path.with_suffix(".new")  # nobody may take it for an orphan before it is locked
            unlocked.touch(mode=0o600)  # what a command needs to be undone may be nobody's business
            self._file, self._path = unlocked.open("a+", encoding="utf-8"), path
            fcntl.flock(self._file, fcntl.LOCK_EX)
            unlocked.rename(path)
        # The newline comes first, too: a run that was killed while writing left half a line.
        self._file.write("\n" + json.dumps(item) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _read_entries(file: TextIO) -> dict[str, Entry]:
    """The entries of a journal that are not undone. A half-written line was never acted upon."""
    entries: dict[str, Entry] = {}
    file.seek(0)
    for line in file:
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if "undone" in item:
            entries.pop(item["undone"], None)
        elif "wrote" in item:
            entries[item["wrote"]].details.setdefault("wrote", []).append(item["what"])
        else:
            entries[item["id"]] = Entry(item["id"], item["kind"], item["details"])
    return entries


def state_folder(target: Target) -> Path:
    """Where locks and the journal of a target live on this machine: the same for every run against it."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return home / "gonogo" / _identity(target)


def _identity(target: Target) -> str:
    """Two targets of the same addresses are the same deployment, whatever their files say otherwise."""
    addresses = sorted(endpoint.url for endpoint in target.endpoints())
    addresses += [target.chatbot.url] if target.chatbot else []
    if target.cluster is not None:  # two clusters may be reached through the same forwarded port
        addresses += [f"{target.cluster.server}/{target.cluster.context}/{target.cluster.namespace}"]
    if not addresses and target.agent is not None:
        addresses.append(target.agent.url)
    return hashlib.sha256("\n".join(addresses or [str(target.file)]).encode()).hexdigest()[:12]
