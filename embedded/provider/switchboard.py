"""Which deviations are switched on, and how many requests arrived where."""

from collections import Counter
from typing import Any

FAULTS: dict[str, str] = {
    "any-key": "every bearer token is taken, so a wrong key works",
    "counters-frozen": "the /metrics counters stop moving",
    "drops-chunk": "a stream loses its second content chunk",
    "error-leaks-key": "error messages contain the caller's credential",
    "finish-reason-empty": "a stream ends without a finish_reason",
    "health-lies": "/health says 200 while every completion answers 503",
    "http-500": "every completion answers 500",
    "json-mode-prose": "response_format is ignored: prose instead of JSON",
    "metrics-infinite": "a latency metric reads +Inf",
    "model-list-empty": "the model list is empty although the models work",
    "no-auth": "no key is asked for",
    "silent": "completions are accepted and never answered (bounded at 60 s)",
    "slow-first-token": "the first token comes after `delay_ms` (default 3000)",
    "slow-tokens": "every token takes `delay_ms` (default 120)",
    "stream-without-done": "a stream lacks the [DONE] marker",
    "unknown-model-accepted": "a model that does not exist is answered",
    "usage-wrong": "total_tokens is not the sum of its parts",
    "flaky": "every second completion answers 500",
    "wrong-types": "`created` of a whole completion is a text",
}


class Switchboard:
    """The deviations that are on, by name, with their parameters; and the request counters."""

    def __init__(self) -> None:
        self._on: dict[str, dict[str, Any]] = {}
        self.requests: Counter[str] = Counter()
        self.prompt_tokens = 0
        self.completion_tokens = 0

    def switch_on(self, name: str, parameters: dict[str, Any]) -> None:
        """Switch a deviation on.

        Raises:
            KeyError: no deviation has that name.
        """
        if name not in FAULTS:
            raise KeyError(name)
        self._on[name] = parameters

    def switch_off(self, name: str) -> None:
        """Switch a deviation off; one that is not on stays off."""
        self._on.pop(name, None)

    def reset(self) -> None:
        """Back to health. Counters go on counting, as a real server's do."""
        self._on.clear()

    def on(self, name: str) -> bool:
        """Whether the deviation is switched on."""
        return name in self._on

    def delay_ms(self, name: str, default: float) -> float:
        """The `delay_ms` parameter of a deviation that is on."""
        return float(self._on.get(name, {}).get("delay_ms", default))

    def state(self) -> dict[str, dict[str, Any]]:
        """Every deviation that is on, with its parameters."""
        return dict(self._on)
