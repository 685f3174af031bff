"""Run a program that ends when its parent does: ``python -m embedded.guard PROGRAM ARGUMENTS...``.

On Linux the kernel sends SIGTERM to it at the parent's death, however the parent died, so that nothing is left running.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent thread ends (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    die_with_parent()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 (that is what it is for)
