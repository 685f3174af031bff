"""Who is let in: limits of requests and tokens in a sliding window, and of requests at a time."""

import asyncio
import math
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from embedded.router.settings import Caller, Route, Settings
from embedded.switchboard import Switchboard

_HANG_S = 30.0
_REPLICAS = 3


class LimitedError(Exception):
    """A request that a limit refuses."""

    def __init__(self, message: str, wait_s: float = 1.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class HungUpError(ConnectionAbortedError):
    """A request that is hung up on."""


class Limits:
    """The limits of all routes and keys."""

    def __init__(self, settings: Settings, board: Switchboard) -> None:
        self._settings, self._window_s, self._board = settings, settings.window_s, board
        self._spent: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._waiting: defaultdict[str, int] = defaultdict(int)

    def admit(self, name: str, route: Route, caller: Caller) -> None:
        """Count a request.

        Raises:
            LimitedError: a limit is reached.
        """
        board = self._board
        if route.rpm is not None and not board.on("limit-off"):
            self._room(f"rpm:{name}", route.rpm + board.on("limit-high") - board.on("limit-low"))
        if route.tpm is not None and not board.on("tpm-off"):
            self._room(f"tpm:{name}", route.tpm * (_REPLICAS if board.on("tpm-by-replica") else 1))
        if caller.rpm is not None and not board.on("key-limit-off"):
            self._room(f"key:{caller.tenant}", caller.rpm)
        if board.on("limit-shared"):
            for other, limited in self._settings.routes.items():
                self._room(f"rpm:{other}", limited.rpm or math.inf)
        if board.on("key-limit-shared"):
            for other_caller in self._settings.callers.values():
                self._room(f"key:{other_caller.tenant}", other_caller.rpm or math.inf)
        for counted in (f"rpm:{name}", f"key:{caller.tenant}"):
            self._spent[counted].append((time.monotonic(), 1))

    def spend(self, name: str, tokens: int) -> None:
        """Count the tokens of an answer."""
        self._spent[f"tpm:{name}"].append((time.monotonic(), tokens))

    @asynccontextmanager
    async def slot(self, name: str, route: Route) -> AsyncIterator[None]:
        """A place among the requests that may run at a time, after a wait in the queue.

        Raises:
            LimitedError: the queue is full.
            HungUpError: ``burst-drops`` is switched on.
        """
        if route.parallel is None or self._board.on("parallel-off"):
            yield
            return
        slots = self._slots.setdefault(name, asyncio.Semaphore(route.parallel))
        if slots.locked():
            await self._queue(name, route)
        self._waiting[name] += 1
        try:
            await slots.acquire()
        finally:
            self._waiting[name] -= 1
        try:
            yield
        finally:
            slots.release()

    async def _queue(self, name: str, route: Route) -> None:
        if self._board.on("burst-drops"):
            raise HungUpError("burst-drops is switched on")
        if self._waiting[name] >= route.queue:
            raise LimitedError(f"{name}: too many requests at a time")
        if self._board.on("burst-hangs"):
            await asyncio.sleep(_HANG_S)

    def _room(self, name: str, limit: float) -> None:
        now, spent = time.monotonic(), self._spent[name]
        while spent and now - spent[0][0] > self._window_s:
            spent.popleft()
        if sum(amount for _, amount in spent) >= limit:
            raise LimitedError(f"{name}: the limit of {limit:g} is reached", self._window_s - (now - spent[0][0]))

    def retry_after(self, wait_s: float) -> dict[str, str]:
        """The headers of a refusal."""
        if self._board.on("retry-after-missing"):
            return {}
        whole = math.ceil(wait_s)
        return {"retry-after": str(0 if self._board.on("retry-after-early") else whole)}
