"""The command probe: it runs a program that looks at files (a generator, kustomize, promtool, git)."""

import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gonogo.errors import InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.programs import Completed, EndlessProgramError, run_program

MAX_SHOWN = 4000


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
            done = run_program(arguments, timeout_s, self._folder, environment)
        except (OSError, EndlessProgramError) as error:
            raise InconclusiveError(f"the command {line} could not be run: {error}") from error
        duration_ms = round((time.perf_counter() - started) * 1000, 3)
        answer = {
            "exit_code": done.exit_code, "stdout_characters": len(done.stdout), "stderr": done.stderr[:MAX_SHOWN],
        }  # fmt: skip
        masked = self._context.redactor.json(answer)
        repeat = self._context.redactor.text(f"cd {shlex.quote(str(self._folder))} && {line}")
        self._context.record(Observation("command", arguments[0], duration_ms, answer=masked, repeat=repeat))
        return done


def first_present(*programs: str) -> str | None:
    """The first of some programs that is on PATH."""
    return next((program for program in programs if shutil.which(program)), None)
