"""The command probe: it runs a program that looks at files (a generator, kustomize, promtool, git)."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gonogo.errors import InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext

MAX_SHOWN = 4000


@dataclass(frozen=True)
class Completed:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


class Commands:
    """Runs commands, and records them."""

    def __init__(self, context: ProbeContext, folder: Path) -> None:
        self._context, self._folder = context, folder

    def run(
        self, arguments: Sequence[str], timeout_s: float = 60, environment: Mapping[str, str] | None = None
    ) -> Completed:
        """Run a command in the target's root and wait for its end.

        Raises:
            InconclusiveError: it cannot be started, or does not end in time: nothing was seen.
        """
        started = time.perf_counter()
        line = shlex.join(arguments)
        try:
            done = subprocess.run(
                list(arguments), cwd=self._folder, env=environment, capture_output=True, timeout=timeout_s, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            told = f"did not end within {timeout_s:g} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
            raise InconclusiveError(f"the command {line} could not be run: {told}") from error
        duration_ms = round((time.perf_counter() - started) * 1000, 3)
        stdout, stderr = (raw.decode("utf-8", errors="replace") for raw in (done.stdout, done.stderr))
        answer = {"exit_code": done.returncode, "stdout_characters": len(stdout), "stderr": stderr[:MAX_SHOWN]}
        masked = self._context.redactor.json(answer)
        repeat = self._context.redactor.text(f"cd {shlex.quote(str(self._folder))} && {line}")
        self._context.record(Observation("command", arguments[0], duration_ms, answer=masked, repeat=repeat))
        return Completed(done.returncode, stdout, stderr)


def first_present(*programs: str) -> str | None:
    """The first of some programs that is on PATH."""
    return next((program for program in programs if shutil.which(program)), None)
