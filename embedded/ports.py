"""Ports for servers that start in a moment."""

import random
import socket

_QUIET_PORTS = range(10_000, 32_000)
"""Below those that the system gives away by itself (32768 to 60999 on Linux): between the choice of a port here and the
start of its server, no other connection and no server on port 0 can take one of these."""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on.

    Raises:
        OSError: none of many is free.
    """
    for port in random.sample(_QUIET_PORTS, 100):
        with socket.socket() as holder:
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
