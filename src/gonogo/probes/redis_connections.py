"""Connections to Redis that keep a limit of time and of bytes, whatever the other side sends.

Only `gonogo.probes.redis` opens some, when it first needs one: redis-py with all that it imports takes a twentieth of a
short run, and few checks look into Redis.
"""

import socket
from collections.abc import Callable
from typing import Any

import redis

from gonogo.errors import EndpointFailedError
from gonogo.probes.deadline import addresses_of, left

LIMIT_S = 5.0
"""Of one command, its connection and the library's own second attempts included."""
_MOST_BYTES = 16_000_000
"""That come over one connection; INFO has a few thousand."""


def open_redis(url: str, password: str | None) -> redis.Redis:
    """A client whose connections are opened as it needs them."""
    return redis.Redis.from_url(
        url,
        password=password,
        socket_timeout=LIMIT_S,
        socket_connect_timeout=LIMIT_S,
        connection_class=_TlsConnection if url.startswith("rediss:") else _Connection,
    )


class _Socket:
    """A socket that minds the deadline and counts what has come: redis-py limits each read, not their sum."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner, self._bytes = inner, 0

    def recv(self, size: int) -> bytes:
        self._mind()
        data = self._inner.recv(size)
        self._bytes += len(data)
        return data

    def recv_into(self, buffer: bytearray) -> int:
        self._mind()
        size = self._inner.recv_into(buffer)
        self._bytes += size
        return size

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (all else is the socket's own)
        return getattr(self._inner, name)

    def _mind(self) -> None:
        if self._bytes > _MOST_BYTES:
            raise EndpointFailedError(f"more than {_MOST_BYTES} bytes came")
        self._inner.settimeout(left(LIMIT_S, TimeoutError))


class _Connection(redis.Connection):
    """Over TCP."""

    def _connect(self) -> _Socket:
        return _minded(self, super()._connect)


class _TlsConnection(redis.SSLConnection):
    """Over TLS."""

    def _connect(self) -> _Socket:
        return _minded(self, super()._connect)


def _minded(connection: redis.Connection, connect: Callable[[], socket.socket]) -> _Socket:
    """Connect; the name is resolved here first, since resolvers know no time limit of their own."""
    addresses_of(connection.host, connection.port, left(LIMIT_S, TimeoutError) or LIMIT_S)
    return _Socket(connect())
