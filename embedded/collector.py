"""Garbage is collected between two instructions, as Python has it from 3.12 on.

Up to 3.11 the collector may begin inside of any allocation, and run finalizers there. One that sets a context variable
while `ContextVar.set` is copying its tree frees what is being copied: the process ends by SIGSEGV
(https://github.com/python/cpython/issues/148891). LiteLLM sets context variables with every request, and again when the
collector closes a coroutine: on Python 3.11 it died so in one of a dozen runs.
"""

import atexit
import gc
import itertools
import signal
import sys
from types import FrameType

EVERY_S = 0.5
_ALL_EVERY = 20
"""Every so manieth time old objects are looked at as well."""


def collect_between_instructions(every_s: float = EVERY_S) -> None:
    """Collect by a timer's signal, which Python handles between two instructions of the main thread.

    For a process's own main program: it takes SIGALRM. Nothing is changed from Python 3.12 on.
    """
    if sys.version_info >= (3, 12):
        return
    rounds = itertools.count(1)

    def collect(number: int, frame: FrameType | None) -> None:
        del number, frame
        gc.collect(2 if next(rounds) % _ALL_EVERY == 0 else 1)

    gc.disable()
    signal.signal(signal.SIGALRM, collect)
    signal.setitimer(signal.ITIMER_REAL, every_s, every_s)
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
