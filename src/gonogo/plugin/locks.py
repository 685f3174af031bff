"""One lock for each target on this machine: live checks share it, exclusive ones have it alone.

The kernel gives a dead process's lock back, so a crashed run never blocks the next one.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gonogo.errors import InconclusiveError

_POLL_S = 0.02


@contextmanager
def target_lock(folder: Path, *, exclusive: bool, timeout_s: float) -> Iterator[None]:
    """Hold the target's lock.

    Whoever waits keeps the turn: those who come later wait behind, so that shared locks, one after the other, do not
    keep an exclusive one out for ever.

    Raises:
        InconclusiveError: another check or run on this target did not give it back in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    with ExitStack() as held:
        with ExitStack() as waiting:
            _acquire(_opened(folder / "turn", waiting), fcntl.LOCK_EX, deadline, timeout_s)
            descriptor = _opened(folder / "lock", held)
            _acquire(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, deadline, timeout_s)
        yield


def _opened(file: Path, until: ExitStack) -> int:
    """A descriptor; to close it gives its lock back."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    until.callback(os.close, descriptor)
    return descriptor


def _acquire(descriptor: int, kind: int, deadline: float, timeout_s: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise InconclusiveError(
                    f"another check or run has held this target for {timeout_s:g} s (--lock-timeout): wait and rerun"
                ) from None
            time.sleep(_POLL_S)
        else:
            return
