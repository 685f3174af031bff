"""One lock for each target on this machine: live checks share it, exclusive ones have it alone.

The kernel gives a dead process's lock back, so a crashed run never blocks the next one.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gonogo.errors import InconclusiveError

_POLL_S = 0.02


@contextmanager
def target_lock(folder: Path, *, exclusive: bool, timeout_s: float) -> Iterator[None]:
    """Hold the target's lock.

    Raises:
        InconclusiveError: another run on this target did not give it back in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, timeout_s)
        yield
    finally:
        os.close(descriptor)  # gives the lock back


def _acquire(descriptor: int, kind: int, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise InconclusiveError(
                    f"another run has held this target for {timeout_s:g} s (--lock-timeout): wait for it and rerun"
                ) from None
            time.sleep(_POLL_S)
        else:
            return
