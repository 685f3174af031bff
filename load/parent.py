"""A load generator that a gate has started ends with it, however it ended: nothing is sent for nobody."""

import os
import signal

import gevent

_EVERY_S = 0.5


def end_with(gate: int) -> None:
    """Wait until the process that has started this one is gone, then end as by SIGTERM."""
    while os.getppid() == gate:
        gevent.sleep(_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
