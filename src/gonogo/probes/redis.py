"""The Redis probe."""

import socket
import time
from collections.abc import Callable
from typing import Any

import redis

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.deadline import addresses_of, left, within
from gonogo.probes.tcp import why_ours
from gonogo.targets.model import Cache

_LIMIT_S = 5.0
"""Of one command, its connection and the library's own second attempts included."""
_MOST_BYTES = 16_000_000
"""That come over one connection; INFO has a few thousand."""
_NONSENSE = (ValueError, TypeError, AttributeError, LookupError, RecursionError, MemoryError)
"""What redis-py raises about an answer that no Redis gives."""


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
        self._inner.settimeout(left(_LIMIT_S, TimeoutError))


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
    addresses_of(connection.host, connection.port, left(_LIMIT_S, TimeoutError) or _LIMIT_S)
    return _Socket(connect())


class RedisProbe:
    """Looks at the Redis behind the gateway; reads only."""

    def __init__(self, cache: Cache, context: ProbeContext) -> None:
        password = cache.password.value if cache.password else None
        self._url, self._context = cache.url, context
        self._client = redis.Redis.from_url(
            cache.url,
            password=password,
            socket_timeout=_LIMIT_S,
            socket_connect_timeout=_LIMIT_S,
            connection_class=_TlsConnection if cache.url.startswith("rediss:") else _Connection,
        )

    def info(self) -> dict[str, object]:
        """Redis' INFO.

        Raises:
            EndpointFailedError: Redis refuses, hangs or is not Redis.
        """
        wanted = ("redis_version", "uptime_in_seconds", "used_memory", "maxmemory", "role", "keyspace_hits")
        info: dict[str, object] = self._ask("INFO", self._client.info)
        return {name: info[name] for name in wanted if name in info}

    def holds(self, key: str) -> bool:
        """Whether Redis holds a key.

        Raises:
            EndpointFailedError: as `info`.
        """
        return bool(self._ask(f"EXISTS {key}", lambda: self._client.exists(key)))

    def keys(self) -> int:
        """How many keys the database holds.

        Raises:
            EndpointFailedError: as `info`.
        """
        return int(self._ask("DBSIZE", self._client.dbsize))

    def hits(self) -> int:
        """How many reads have found their key, since the server started.

        Raises:
            EndpointFailedError: as `info`.
        """
        return int(str(self.info().get("keyspace_hits", 0)))

    def note(self, subject: str, seen: dict[str, object]) -> None:
        """Record what was read out of several answers."""
        self._context.record(Observation("redis", subject, 0.0, answer=seen))

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _ask(self, command: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 (whatever Redis answers)
        self._context.spend(1, 0)
        started, answer = time.perf_counter(), None
        try:
            with within(_LIMIT_S):
                answer = call()
        except (redis.RedisError, EndpointFailedError, *_NONSENSE) as error:
            answer = {"error": str(error)}
            if why := why_ours(error):
                raise InconclusiveError(f"{self._url}: {why}: {error}") from error
            if isinstance(error, redis.exceptions.NoPermissionError):
                raise InconclusiveError(f"{self._url}: the account may not {command}: {error}") from error
            raise EndpointFailedError(f"{self._url}: {error}") from error
        finally:
            duration_ms = round((time.perf_counter() - started) * 1000, 3)
            masked = self._context.redactor.json(answer if isinstance(answer, dict) else {"answer": answer})
            subject = self._context.redactor.text(f"{command} at {self._url}")
            self._context.record(Observation("redis", subject, duration_ms, answer=masked))
        return answer
