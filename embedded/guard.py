"""Run a program that ends when its parent does: ``python -m embedded.guard [--kill] PROGRAM ARGUMENTS...``.

On Linux the kernel sends SIGTERM to it at the parent's death, however the parent died, so that nothing is left running;
with ``--kill`` SIGKILL, for programs that would first wait for one another.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel for a signal when the parent thread ends (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


if __name__ == "__main__":
    is_hard = sys.argv[1] == "--kill"
    die_with_parent(signal.SIGKILL if is_hard else signal.SIGTERM)
    words = sys.argv[2 if is_hard else 1 :]
    os.execvp(words[0], words)  # noqa: S606 (that is what it is for)
