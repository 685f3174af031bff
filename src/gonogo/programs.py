"""Run a program to its end: in bounded time and memory; one that has to be ended takes its children along.

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

MAX_PRINTED_BYTES = 16_000_000
"""Of each of its two outputs: as much as an answer over HTTP may have."""
_PIECE_BYTES = 65_536
_LAST_WORDS = 300
_LOOK_S = 0.1
_LINGER_S = 1.0
"""So long after it has ended what it has started may still print: a service may go on with our pipes."""
_PATIENCE_S = 5.0
"""So long it may take until one that was killed is gone."""


class EndlessProgramError(Exception):
    """It did not end in time; it was ended, with all in its process group."""


class TooMuchPrintedError(EndlessProgramError):
    """It printed without end; it was ended, with all in its process group."""


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
    """Run a program and wait for its end; it gets nothing to read, and a process group of its own.

    What it has started and left behind when it ended goes on: a service is started like that.

    Args:
        words: the program and its arguments; no shell is involved.
        timeout_s: how long it may take.
        folder: where it runs; None: where we do.
        environment: all of its variables; None: ours.

    Raises:
        OSError: it cannot be started.
        EndlessProgramError: it did not end in time.
        TooMuchPrintedError: it printed more than `MAX_PRINTED_BYTES`.
    """
    deadline = time.monotonic() + timeout_s
    process = subprocess.Popen(
        list(words), cwd=folder, env=environment, process_group=0,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        stdout, stderr = _printed(process, words[0], deadline)
        exit_code = process.wait(max(0.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise EndlessProgramError(f"{words[0]} did not end within {timeout_s:g} s") from error
    finally:  # Ctrl-C, too, reaches our own group only
        process.stdout.close()
        process.stderr.close()
        if process.poll() is None:
            _end(process)
    return Completed(exit_code, stdout, stderr)


def _printed(process: "subprocess.Popen[bytes]", name: str, deadline: float) -> tuple[str, str]:
    """What comes out of both pipes until both are closed, or the program has ended and others hold them."""
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, text in ((process.stdout, stdout), (process.stderr, stderr)):
            assert pipe is not None
            selector.register(pipe, selectors.EVENT_READ, text)
        has_ended = False
        while selector.get_map():
            if not has_ended and process.poll() is not None:
                has_ended, deadline = True, min(deadline, time.monotonic() + _LINGER_S)
            if time.monotonic() >= deadline:
                if has_ended:
                    break
                raise TimeoutError
            for key, _ in selector.select(_LOOK_S):
                piece = os.read(key.fd, _PIECE_BYTES)
                key.data.extend(piece)
                if not piece:
                    selector.unregister(key.fileobj)
                if len(key.data) > MAX_PRINTED_BYTES:
                    raise TooMuchPrintedError(f"{name} printed more than {MAX_PRINTED_BYTES:,} bytes")
    return stdout.decode("utf-8", errors="replace"), stderr.decode("utf-8", errors="replace")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it and what else is in its process group, as far as we may (``sudo`` makes it somebody else's)."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_S)
