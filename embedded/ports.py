"""Ports for servers that start in a moment."""

import os
import random
import socket
import sys
import time
from collections import deque

_QUIET_PORTS = range(10_000, 32_000)
"""Below those that the system gives away by itself (32768 to 60999 on Linux): between the choice of a port here and the
start of its server, no other connection and no server on port 0 can take one of these."""
_KEPT_S = 30.0
"""So long a port is nobody else's: its server listens by then."""
_MOST_KEPT = 256
_kept: deque[tuple[float, int]] = deque()
"""When a port was chosen, and the descriptor that keeps it."""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on, and that nobody else is given for half a minute.

    Raises:
        OSError: none of many is free.
    """
    now_s = time.monotonic()
    while _kept and (now_s - _kept[0][0] > _KEPT_S or len(_kept) >= _MOST_KEPT):
        os.close(_kept.popleft()[1])
    for port in random.sample(_QUIET_PORTS, 100):
        if (descriptor := _keep(port)) is None:
            continue
        if _is_free(port):
            _kept.append((now_s, descriptor))
            return port
        os.close(descriptor)
    raise OSError("no port is free")


def _keep(port: int) -> int | None:
    """The descriptor of a name that one process only can have; None if another has it.

    Without it two of the two thousand servers of a test run, some a dozen at once, got the same port every few runs.
    Such names leave no file behind and end with the process, but only Linux knows them (unix(7), abstract sockets).
    """
    with socket.socket(socket.AF_UNIX) as name:
        if sys.platform == "linux":
            try:
                name.bind(f"\0gonogo-port-{port}")
            except OSError:
                return None
        return name.detach()


def _is_free(port: int) -> bool:
    with socket.socket() as holder:
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
