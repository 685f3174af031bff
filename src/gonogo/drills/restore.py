"""Row G9: a backup is restored into an empty place and works there; how long that takes, and how much would be lost."""

import errno
import hashlib
import os
import shutil
import tarfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gonogo.drills.engine import Scene, Step
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults.injection import Injector
from gonogo.programs import EndlessProgramError, run_program
from gonogo.targets.binding import newest_in
from gonogo.targets.drills import Restore

_OWN_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE)
"""Where the backup is restored there is no room, or the gate may not read or write."""


class RestoreDrill:
    """A backup in an empty place. Nothing of the deployment is changed."""

    row = "G9"
    has_traffic = False

    def __init__(self, drill: Restore) -> None:
        self.name, self._drill = drill.name, drill
        self._place: Path  # from `keep` on

    def state(self) -> dict[str, Any]:
        """Nothing: the deployment is not touched."""
        return {}

    def keep(self, injector: Injector) -> None:
        """Make the empty place, which is removed at the end: what is restored is nobody else's business."""
        self._place = injector.new_folder("restore")

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Look how old it is, restore, compare, try."""
        drill = self._drill
        return (
            Step(f"look how old {drill.archive.name} is", "read", lambda: self._age(scene)),
            Step(f"restore {drill.archive.name} into an empty place, verify and try it", "write a temporary folder",
                 lambda: self._restore(scene)),
        )  # fmt: skip

    def _age(self, scene: Scene) -> None:
        drill = self._drill
        if not drill.archive.exists():
            raise EndpointFailedError(f"there is no backup at {drill.archive}")
        taken = _written(drill.archive)
        scene.found["age_s"] = round(time.time() - taken, 1)
        # what was written since the backup was taken would be lost
        newest = _written(drill.live) if drill.live is not None and drill.live.exists() else None
        scene.found["data_loss_s"] = max(0.0, round(newest - taken, 1)) if newest is not None else None

    def _restore(self, scene: Scene) -> None:
        place = self._place
        began = scene.timeline.now_s()
        self._unpack(place)
        files = [path for path in sorted(place.rglob("*")) if path.is_file()]
        scene.found["files"] = len(files)
        scene.timeline.note(f"{len(files)} files are restored")
        scene.found["differing"] = self._compare(place)
        scene.found["check"] = self._try(place)
        scene.found["recovery_s"] = round(scene.timeline.now_s() - began, 2)

    def _unpack(self, place: Path) -> None:
        archive = self._drill.archive
        try:
            if archive.is_dir():
                shutil.copytree(archive, place, dirs_exist_ok=True)
            elif archive.suffix == ".zip":
                shutil.unpack_archive(archive, place)
            else:
                shutil.unpack_archive(archive, place, filter="data")
        except (OSError, ValueError, EOFError, tarfile.TarError, zlib.error, shutil.Error) as error:
            if any(os.strerror(code) in str(error) for code in _OWN_ERRNOS):  # `shutil.Error` keeps only their text
                raise InconclusiveError(f"{archive.name} cannot be unpacked here: {error}") from error
            raise EndpointFailedError(f"{archive.name} cannot be unpacked: {error}") from error

    def _compare(self, place: Path) -> list[str]:
        """What is missing or differs, by the file of digests; nothing where none is declared."""
        if self._drill.digests is None:
            return []
        try:
            lines = self._drill.digests.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise EndpointFailedError(f"the digests cannot be read: {error}") from error
        wanted = {
            name.strip().lstrip("*"): digest for digest, _, name in (line.partition(" ") for line in lines) if name
        }
        if not wanted:
            raise EndpointFailedError(f"{self._drill.digests.name} holds no digest")
        return [f"{name} {told}" for name, digest in wanted.items() if (told := _differs(place / name, digest))]

    def _try(self, place: Path) -> str:
        """Why the declared command does not find what was restored working; empty if it does."""
        words = [word.replace("{folder}", str(place)) for word in self._drill.check]
        if not words:
            return ""
        try:
            done = run_program(words, self._drill.max_seconds, place)
        except EndlessProgramError as error:
            return str(error)
        except OSError as error:
            raise InconclusiveError(f"{words[0]} cannot be run: {error.strerror}") from error
        return "" if done.exit_code == 0 else f"{words[0]} ended with {done.exit_code}: {done.last_words}"


def _written(path: Path) -> float:
    """When a file, or the newest in a folder, was written, as Unix time; 0 where there is none."""
    newest = path if path.is_file() else newest_in(path)
    return newest.stat().st_mtime if newest is not None else 0.0


def _differs(path: Path, digest: str) -> str:
    if not path.is_file():
        return "is missing"
    with path.open("rb") as file:
        return "" if hashlib.file_digest(file, "sha256").hexdigest() == digest.lower() else "differs"
