"""Who is let in: nobody while the model loads, and no more in a window than the limits allow."""

import time

from embedded.provider.requests import Refusal
from embedded.provider.setup import Setup
from embedded.provider.switchboard import ProviderSwitchboard


class Limits:
    """The limits of one provider."""

    def __init__(self, setup: Setup, board: ProviderSwitchboard) -> None:
        self._board = board
        self._ready_at = time.monotonic() + setup.loading_s
        self._whole = setup.requests_per_minute
        self._by_model, self._window_s = setup.limited, setup.limit_window_s

    @property
    def loading(self) -> bool:
        """Whether the model still loads."""
        return time.monotonic() < self._ready_at

    def admit(self, model: str) -> None:
        """Let a request in, or say why not.

        Raises:
            Refusal: 503 while the model loads, 429 past a rate limit.
        """
        if self.loading:
            wait = f"{self._ready_at - time.monotonic():.0f}"
            raise Refusal(503, "Model is currently loading", "loading", {"retry-after": wait})
        self._count("", self._whole)
        if model in self._by_model:
            self._count(model, self._by_model[model])

    def _count(self, name: str, limit: int) -> None:
        now, recent = time.monotonic(), self._board.admitted[name]
        while recent and now - recent[0] > self._window_s:
            recent.popleft()
        limit *= 2 if self._board.on("throttle-doubled") else 1
        if len(recent) >= limit and not self._board.on("throttle-never"):
            wait = {"retry-after": f"{self._window_s - (now - recent[0]):.0f}"}
            if self._board.on("retry-after-missing"):
                wait = {}
            status = 503 if self._board.on("throttle-503") else 429
            raise Refusal(status, "Rate limit reached", "rate_limit", wait)
        recent.append(now)
