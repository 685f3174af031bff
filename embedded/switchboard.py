"""Which deviations of a scripted server are switched on, and how many requests arrived."""

from collections import Counter
from collections.abc import Mapping
from typing import Any


class Switchboard:
    """The deviations that are on, by name, with their parameters; and the request counters."""

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known
        """Every deviation by name, with what it does."""
        self._on: dict[str, dict[str, Any]] = {}
        self.requests: Counter[str] = Counter()

    def switch_on(self, name: str, parameters: dict[str, Any]) -> None:
        """Switch a deviation on.

        Raises:
            KeyError: no deviation has that name.
        """
        if name not in self.known:
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

    def parameter(self, name: str, key: str, default: float) -> float:
        """A number among the parameters of a deviation that is on."""
        return float(self._on.get(name, {}).get(key, default))

    def text(self, name: str, key: str) -> str:
        """A text among the parameters of a deviation that is on; empty if it is not there."""
        return str(self._on.get(name, {}).get(key, ""))

    def for_client(self, name: str, headers: Mapping[str, str]) -> bool:
        """Whether a deviation is on for the client that sent these headers: its user agent holds the ``agent``."""
        return self.on(name) and self.text(name, "agent").lower() in headers.get("user-agent", "").lower()

    def state(self) -> dict[str, dict[str, Any]]:
        """Every deviation that is on, with its parameters."""
        return dict(self._on)
