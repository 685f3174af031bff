"""Files and repositories that the target names: edited, and put back byte for byte; and folders of the gate's own."""

import json
import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import ClassVar

from gonogo.errors import EndpointFailedError, GonogoError
from gonogo.faults.commits import commit_on_branch, delete_branch, new_branch
from gonogo.faults.edits import edit, edited, restore
from gonogo.faults.interface import Details, Step
from gonogo.targets.model import Target


def drop_orphans(folder: Path) -> None:
    """Remove copies that no journal names, of processes that are gone: they were killed before anything was changed."""
    journals = "".join(path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.jsonl"))
    for copy in folder.glob("*.copy"):
        pid = copy.name.partition("-")[0]
        if copy.name not in journals and not (pid.isdecimal() and Path(f"/proc/{pid}").exists()):
            copy.unlink(missing_ok=True)


class FileMeans:
    """``file``: edits a file that the target names.

    The name is ``config.gateway`` or any other kind of its ``config`` section (the first file of that kind;
    ``config.manifests/web.yaml`` is a file in a folder), ``config.deployed``, ``registry``, ``scan``, ``metrics-page``,
    ``model`` (the production model's file), ``evaluation`` (its record), ``last-known-good`` (that version's file),
    ``backup``, ``kubeconfig``, ``cluster.backup/FILE``, ``drills.restore/FILE`` (beside the first backup),
    ``drills.live/FILE`` or ``drills.history``. `gonogo.faults.edits` says how it can be edited.
    """

    keys: ClassVar[tuple[str, ...]] = ("file",)
    kind: ClassVar[str] = "file"

    def __init__(self, target: Target, copies: Path) -> None:
        self._target, self._copies = target, copies

    def lacks(self, step: Step) -> str:
        """The file, where it is not declared."""
        return "" if self._find(step["file"]) else str(step["file"])

    def prepare(self, step: Step) -> Details:
        """Copy it aside, and what it is to become."""
        path = self.path_of(step["file"])
        content = edited(path, step)
        wrote = [] if content is None else [self.aside(content)]
        return {**self.keep(path), "wrote": wrote, "link": step.get("link", "")}

    def keep(self, path: Path) -> Details:
        """Copy a file aside, on disk when this returns."""
        copy = self._new_copy()
        shutil.copy2(path, copy)
        with copy.open("rb") as written:
            os.fsync(written.fileno())
        return {"path": str(path), "copy": str(copy)}

    def aside(self, content: bytes) -> str:
        """Put what will be written into a file aside, on disk when this returns; the copy's path."""
        copy = self._new_copy()
        copy.touch(mode=0o600)
        with copy.open("wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        return str(copy)

    def apply(self, step: Step, details: Details) -> None:
        """Edit it."""
        content = Path(details["wrote"][0]).read_bytes() if details["wrote"] else None
        edit(Path(details["path"]), step, content)

    def undo(self, details: Details) -> None:
        """Put the copy back, unless somebody else has written the file since."""
        wrote = [Path(copy) for copy in details.get("wrote", ())]
        restore(Path(details["path"]), Path(details["copy"]), wrote, details.get("link", ""))

    def _new_copy(self) -> Path:
        self._copies.mkdir(parents=True, exist_ok=True)
        return self._copies / f"{os.getpid()}-{uuid.uuid4().hex}.copy"

    def path_of(self, name: str) -> Path:
        """The file of that name.

        Raises:
            GonogoError: the target does not declare it.
        """
        path = self._find(name)
        if path is None:
            raise GonogoError(f"the fault needs {name}, which {self._target.file.name} does not declare")
        return path

    def _find(self, name: str) -> Path | None:
        target = self._target
        first, _, rest = name.partition("/")
        paths: dict[str, Path | None] = {"registry": target.registry}
        if target.config is not None:
            paths |= {f"config.{file.kind}": file.path for file in reversed(target.config.files)}
            paths["config.deployed"] = target.config.deployed
            paths["metrics-page"] = next(iter(target.config.rules.metrics_pages), None)
        if target.artifacts is not None:
            paths["scan"] = next(iter(target.artifacts.scans), None)
        if target.drills.config_rollback is not None:
            paths["backup"] = target.drills.config_rollback.backup
        if target.cluster is not None:
            paths["kubeconfig"] = target.cluster.kubeconfig
            paths["cluster.backup"] = next((backup.folder for backup in target.cluster.backups.values()), None)
        paths["drills.restore"] = next((drill.archive.parent for drill in target.drills.restores), None)
        paths["drills.live"] = next((drill.live for drill in target.drills.restores), None)
        paths["drills.history"] = target.drills.history
        path = paths.get(first) or self._registered(first)
        return path / rest if path and rest else path

    def _registered(self, name: str) -> Path | None:
        if self._target.registry is None:
            return None
        for model in json.loads(self._target.registry.read_text(encoding="utf-8"))["models"]:
            for version in model["versions"]:
                if name == "last-known-good" and version["version"] == model["last_known_good"]:
                    return self._target.registry.parent / str(version["file"])
                if name in ("model", "evaluation") and version["status"] == "production":
                    return self._target.registry.parent / str(version["file" if name == "model" else "evaluation"])
        return None


class FolderMeans:
    """A folder of the gate's own, which goes with all that was written there; no fault has such a step."""

    kind: ClassVar[str] = "folder"

    @staticmethod
    def prepare(purpose: str) -> Details:
        """A name that nothing has yet, where the system keeps what is for a while."""
        return {"folder": str(Path(tempfile.gettempdir()) / f"gonogo-{purpose}-{uuid.uuid4().hex}")}

    @staticmethod
    def undo(details: Details) -> None:
        """Remove it, if it is there.

        Raises:
            EndpointFailedError: something of it cannot be removed.
        """
        try:
            for inner in (Path(at, name) for at, names, _ in os.walk(details["folder"]) for name in names):
                if not inner.is_symlink():
                    inner.chmod(0o700)  # what is copied from a backup may be closed to its owner
            shutil.rmtree(details["folder"])
        except FileNotFoundError:
            pass
        except OSError as error:
            raise EndpointFailedError(f"{details['folder']} cannot be removed: {error}") from error


class CommitMeans:
    """``commit``: a text that is committed to the target's repository, on a branch of its own."""

    keys: ClassVar[tuple[str, ...]] = ("commit",)
    kind: ClassVar[str] = "git"

    def __init__(self, target: Target) -> None:
        self._repository = target.config.repository if target.config else None

    def lacks(self, step: Step) -> str:
        """A repository, where none is declared."""
        del step
        return "" if self._repository else "a repository"

    def prepare(self, step: Step) -> Details:
        """Choose the branch."""
        del step
        return {"repository": str(self._repository), "branch": new_branch()}

    def apply(self, step: Step, details: Details) -> None:
        """Commit."""
        commit_on_branch(Path(details["repository"]), details["branch"], step["commit"])

    def undo(self, details: Details) -> None:
        """Remove the branch."""
        delete_branch(Path(details["repository"]), details["branch"])
