"""The Redis probe."""

import time

import redis

from gonogo.errors import EndpointFailedError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.targets.model import Cache


class RedisProbe:
    """Looks at the Redis behind the gateway; reads only."""

    def __init__(self, cache: Cache, context: ProbeContext) -> None:
        password = cache.password.value if cache.password else None
        self._url, self._context = cache.url, context
        self._client = redis.Redis.from_url(cache.url, password=password, socket_timeout=5, socket_connect_timeout=5)

    def info(self) -> dict[str, object]:
        """Redis' INFO.

        Raises:
            EndpointFailedError: Redis refuses, hangs or is not Redis.
        """
        self._context.spend(1, 0)
        started = time.perf_counter()
        try:
            info: dict[str, object] = self._client.info()
        except redis.RedisError as error:
            self._record(started, {"error": self._context.redactor.text(str(error))})
            raise EndpointFailedError(f"{self._url}: {error}") from error
        wanted = ("redis_version", "uptime_in_seconds", "used_memory", "maxmemory", "role", "keyspace_hits")
        self._record(started, {name: info[name] for name in wanted if name in info})
        return info

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _record(self, started: float, answer: dict[str, object]) -> None:
        duration_ms = round((time.perf_counter() - started) * 1000, 3)
        subject = self._context.redactor.text(f"INFO {self._url}")
        self._context.record(Observation("redis", subject, duration_ms, answer=answer))
