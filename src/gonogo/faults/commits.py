"""A commit on a branch of its own: working tree, index and other branches of a repository stay untouched."""

import os
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from gonogo.errors import EndpointFailedError

_GIT_S = 30.0
_PREFIX = "refs/heads/gonogo-fault-"
_AUTHOR = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "gonogo"), ("EMAIL", "gonogo@localhost"))
}


def new_branch() -> str:
    """The name of a branch that is not there yet."""
    return f"{_PREFIX}{uuid.uuid4().hex}"


def commit_on_branch(repository: Path, branch: str, text: str) -> None:
    """Commit a file ``settings.env`` with a text below the folder, on a branch without parents.

    Raises:
        EndpointFailedError: git refuses.
    """
    blob = _git(repository, ["hash-object", "-w", "--stdin"], text)
    path = _git(repository, ["rev-parse", "--show-prefix"]) + "settings.env"
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(repository, ["update-index", "--add", "--cacheinfo", f"100644,{blob},{path}"], environment=index)
        tree = _git(repository, ["write-tree"], environment=index)
    commit = _git(repository, ["commit-tree", tree, "-m", "a fault, to be removed"])
    _git(repository, ["update-ref", branch, commit])


def delete_branch(repository: Path, branch: str) -> None:
    """Remove such a branch; one that was never made is fine.

    Raises:
        EndpointFailedError: git refuses, or the name is none of ours.
    """
    if not branch.startswith(_PREFIX):
        raise EndpointFailedError(f"{branch} is not a branch of a fault: not removed")
    _git(repository, ["update-ref", "-d", branch])


def _git(repository: Path, arguments: list[str], text: str = "", environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments], input=text, capture_output=True, text=True, timeout=_GIT_S,
            env={**os.environ, **_AUTHOR, **(environment or {})}, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EndpointFailedError(f"git {arguments[0]} cannot be run in {repository}: {error}") from error
    if done.returncode != 0:
        raise EndpointFailedError(f"git {arguments[0]} failed in {repository}: {done.stderr.strip()[:300]}")
    return done.stdout.strip()
