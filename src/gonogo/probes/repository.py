"""The repository probe: the files of a git working tree, and every line that its history ever added."""

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from gonogo.errors import InconclusiveError
from gonogo.probes.commands import Commands
from gonogo.programs import EndlessProgramError, run_program
from gonogo.rules.secrets import Line, lines_of

MAX_FILE_BYTES = 1_000_000
"""Larger files are data."""
MAX_HISTORY_S = 300.0
_SHALLOW_S = 20.0
_ENVIRONMENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def tree_files(folder: Path, commands: Commands) -> list[Path]:
    """The tracked files of a working tree, and those that are neither tracked nor ignored.

    Raises:
        InconclusiveError: git is missing, or this is no working tree.
    """
    arguments = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = commands.run(arguments, environment={**os.environ, **_ENVIRONMENT})
    if done.exit_code != 0:
        raise InconclusiveError(f"{folder} is not a git working tree: {done.stderr.strip()[:200]}")
    return [folder / name for name in done.stdout.split("\0") if name]


def tree_lines(folder: Path, commands: Commands) -> Iterator[Line]:
    """Every line of the text files of a working tree.

    Raises:
        InconclusiveError: as `tree_files`.
    """
    for path in tree_files(folder, commands):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            yield from lines_of(content.decode("utf-8", errors="replace"), str(path.relative_to(folder)))


def history_lines(folder: Path) -> Iterator[Line]:
    """Every line that any commit of any branch or tag added below the folder, each text once, the oldest commit first.

    The file of such a line is named ``path@commit``. The log is read as it comes: a long history takes no memory but
    for the lines already seen.

    Raises:
        InconclusiveError: git is missing, this is no repository, or its history is shallow: it cannot be known.
    """
    arguments = [
        "git", "-C", str(folder), "log", "--all", "--reverse", "-p", "-U0", "--format=commit %h",
        "--text", "-m", "--src-prefix=a/", "--dst-prefix=b/",  # whatever attributes and settings say
        "--no-color", "--no-ext-diff", "--no-textconv", "--relative", "--", ".",
    ]  # fmt: skip
    environment = {**os.environ, **_ENVIRONMENT}
    try:
        if _is_shallow(folder, environment):
            raise InconclusiveError(f"{folder} is a shallow clone: its history is not here (fetch with depth 0)")
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    except OSError as error:
        raise InconclusiveError(f"git cannot be run: {error.strerror}") from error
    with process:
        assert process.stdout is not None
        try:
            yield from _added_lines(process.stdout)
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.terminate()
    if process.returncode not in (0, -15, -13):
        raise InconclusiveError(f"git log failed on {folder} (exit code {process.returncode})")


def _is_shallow(folder: Path, environment: dict[str, str]) -> bool:
    arguments = ["git", "-C", str(folder), "rev-parse", "--is-shallow-repository"]
    try:
        done = run_program(arguments, _SHALLOW_S, environment=environment)
    except EndlessProgramError as error:
        raise InconclusiveError(f"{folder}: {error}") from error
    if done.exit_code != 0:
        raise InconclusiveError(f"{folder} is not a git repository: {done.last_words}")
    return done.stdout.strip() == "true"


def _added_lines(log: Iterable[bytes]) -> Iterator[Line]:
    commit, file, number = "", "", 0
    seen: set[bytes] = set()
    deadline = time.monotonic() + MAX_HISTORY_S
    for raw in log:
        if time.monotonic() > deadline:
            raise InconclusiveError(f"the history could not be read within {MAX_HISTORY_S:g} s")
        if raw.startswith(b"commit "):
            commit = raw[7:].decode("ascii", errors="replace").strip()
        elif raw.startswith(b"+++ "):
            file = raw[4:].decode("utf-8", errors="replace").strip().removeprefix("b/")
        elif raw.startswith(b"@@ "):
            number = int(raw.split(b"+", 1)[1].split(b" ", 1)[0].split(b",", 1)[0])
        elif raw.startswith(b"+"):
            if raw not in seen:
                seen.add(raw)
                yield Line(f"{file}@{commit}", number, raw[1:].decode("utf-8", errors="replace").rstrip("\r\n"))
            number += 1
