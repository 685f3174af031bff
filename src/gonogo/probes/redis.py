"""The Redis probe."""

import time
from collections.abc import Callable
from typing import Any

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.deadline import within
from gonogo.probes.tcp import why_ours
from gonogo.targets.model import Cache

_NONSENSE = (ValueError, TypeError, AttributeError, LookupError, RecursionError, MemoryError)
"""What redis-py raises about an answer that no Redis gives."""


class RedisProbe:
    """Looks at the Redis behind the gateway; reads only."""

    def __init__(self, cache: Cache, context: ProbeContext) -> None:
        from gonogo.probes import redis_connections  # noqa: PLC0415 (ADR 12)

        password = cache.password.value if cache.password else None
        self._url, self._context = cache.url, context
        self._client, self._limit_s = redis_connections.open_redis(cache.url, password), redis_connections.LIMIT_S

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
        from redis.exceptions import NoPermissionError, RedisError  # noqa: PLC0415 (they are there: the client is theirs)

        self._context.spend(1, 0)
        started, answer = time.perf_counter(), None
        try:
            with within(self._limit_s):
                answer = call()
        except (RedisError, EndpointFailedError, *_NONSENSE) as error:
            answer = {"error": str(error)}
            if why := why_ours(error):
                raise InconclusiveError(f"{self._url}: {why}: {error}") from error
            if isinstance(error, NoPermissionError):
                raise InconclusiveError(f"{self._url}: the account may not {command}: {error}") from error
            raise EndpointFailedError(f"{self._url}: {error}") from error
        finally:
            duration_ms = round((time.perf_counter() - started) * 1000, 3)
            masked = self._context.redactor.json(answer if isinstance(answer, dict) else {"answer": answer})
            subject = self._context.redactor.text(f"{command} at {self._url}")
            self._context.record(Observation("redis", subject, duration_ms, answer=masked))
        return answer
