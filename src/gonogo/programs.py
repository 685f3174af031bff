"""Run a program to its end: in bounded time and memory, and without leaving its children behind.

Forbidden here: importing anything of gonogo.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MAX_PRINTED_BYTES = 16_000_000
"""Of each of its two outputs: as much as an answer over HTTP may have."""
_PIECE_BYTES = 65_536
_LAST_WORDS = 300


class EndlessProgramError(Exception):
    """It did not end in time, or printed without end; it was ended, with all that it had started."""


@dataclass(frozen=True)
class Completed:
    """How a program ended."""

    exit_code: int
    """As a shell tells it; the negative number of the signal that ended it, if one did."""
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The end of what it said of its trouble."""
        return self.stderr.strip()[-_LAST_WORDS:]


def run_program(
    words: Sequence[str],
    timeout_s: float,
    folder: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Run a program and wait for its end; it gets nothing to read, and a session of its own.

    Args:
        words: the program and its arguments; no shell is involved.
        timeout_s: how long it may take.
        folder: where it runs; None: where we do.
        environment: all of its variables; None: ours.

    Raises:
        OSError: it cannot be started.
        EndlessProgramError: it did not end in time, or printed more than `MAX_PRINTED_BYTES`.
    """
    deadline = time.monotonic() + timeout_s
    with subprocess.Popen(
        list(words), cwd=folder, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            stdout, stderr = _printed(process.stdout, process.stderr, deadline)
            exit_code = process.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            _end(process)
            raise EndlessProgramError(f"{words[0]} did not end within {timeout_s:g} s") from error
        except _TooMuchError as error:
            _end(process)
            raise EndlessProgramError(f"{words[0]} printed more than {MAX_PRINTED_BYTES:,} bytes") from error
        except BaseException:  # Ctrl-C does not reach a session of its own
            _end(process)
            raise
    return Completed(exit_code, stdout, stderr)


class _TooMuchError(Exception):
    """A pipe never ends."""


def _printed(stdout: IO[bytes], stderr: IO[bytes], deadline: float) -> tuple[str, str]:
    """What comes out of both pipes until both are closed."""
    found = {stdout: bytearray(), stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe, text in found.items():
            selector.register(pipe, selectors.EVENT_READ, text)
        while selector.get_map():
            if (left_s := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            for key, _ in selector.select(left_s):
                piece = os.read(key.fd, _PIECE_BYTES)
                key.data.extend(piece)
                if not piece:
                    selector.unregister(key.fileobj)
                if len(key.data) > MAX_PRINTED_BYTES:
                    raise _TooMuchError
    texts = (text.decode("utf-8", errors="replace") for text in found.values())
    return next(texts), next(texts)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it and what it has started, as far as that is still in its session's first group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
