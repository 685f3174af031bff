"""The response cache, in Redis; one that is down or hangs costs a short wait, then it is left alone for a while."""

import hashlib
import json
import re
import time
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from embedded.router.settings import Caller
from embedded.switchboard import Switchboard

_WAIT_S = 0.25
_PAUSE_S = 1.0
_FOR_GOOD_S = 1e9
_IGNORED = ("stream", "stream_options", "cache")
_LONG_WORDS = re.compile(r"\w{7,}")


class CacheDownError(Exception):
    """Redis does not answer."""


class ResponseCache:
    """Answers by request."""

    def __init__(self, url: str, ttl_s: float, board: Switchboard) -> None:
        self._ttl_s, self._board = ttl_s, board
        once_more = Retry(NoBackoff(), 1)  # a connection from before a restart of Redis is only noticed when it is used
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=_WAIT_S, socket_connect_timeout=_WAIT_S, retry=once_more
        )
        self._patient = redis.asyncio.Redis.from_url(url, socket_timeout=30)
        self._down_until = 0.0
        self._lookups = 0

    def key_of(self, asked: dict[str, Any], caller: Caller) -> str:
        """The key of a request: everything that its answer depends on, and whose it is."""
        hidden = (*_IGNORED, self._board.text("cache-blind", "parameter"))
        parts = {name: value for name, value in asked.items() if name not in hidden}
        if self._board.on("cache-last-message"):
            parts["messages"] = asked["messages"][-1:]
        if self._board.on("cache-similar"):
            parts["messages"] = [_LONG_WORDS.findall(json.dumps(message)) for message in asked["messages"]]
        owner = "" if self._board.on("cache-shared") else caller.tenant
        text = json.dumps([owner, parts], sort_keys=True)
        return f"router:{hashlib.sha256(text.encode()).hexdigest()}"

    async def get(self, key: str) -> dict[str, Any] | None:
        """The answer that is kept; None where there is none, or Redis does not answer.

        Raises:
            CacheDownError: Redis does not answer, and ``redis-needed`` is switched on.
        """
        self._lookups += 1
        if self._board.on("cache-off") or (self._board.on("cache-forgets") and self._lookups % 6):
            return None
        found = await self._ask("get", key)
        return json.loads(found) if found else None

    async def keep(self, key: str, answer: dict[str, Any], ttl_s: float | None) -> None:
        """Keep an answer for a while; None for as long as is usual.

        Raises:
            CacheDownError: as `get`.
        """
        if self._board.on("cache-off"):
            return
        ttl_ms = None if self._board.on("cache-endless") else int((ttl_s or self._ttl_s) * 1000)
        await self._ask("set", key, json.dumps(answer), px=ttl_ms)

    def forget(self) -> None:
        """It has never failed."""
        self._down_until = 0.0

    async def works(self) -> bool:
        """Whether Redis answers and takes writes, asked now."""
        try:
            await self._redis.set("router:health", "1", px=1000)
        except RedisError:
            return False
        return True

    async def close(self) -> None:
        """Give the connections back."""
        await self._redis.aclose()
        await self._patient.aclose()

    async def _ask(self, command: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (whatever Redis says)
        if time.monotonic() < self._down_until and not self._board.on("redis-waits"):
            return self._without()
        connection = self._patient if self._board.on("redis-waits") else self._redis
        try:
            return await getattr(connection, command)(*arguments, **options)
        except RedisError:
            self._down_until = time.monotonic() + (_FOR_GOOD_S if self._board.on("redis-given-up") else _PAUSE_S)
            return self._without()

    def _without(self) -> None:
        if self._board.on("redis-needed"):
            raise CacheDownError("the cache is down")
