"""The chatbot's deviations, and how they deform a reply."""

import json
from collections import Counter
from typing import Any

FAULTS: dict[str, str] = {
    "always-fallback": "every reply is a fallback",
    "counters-frozen": "the /metrics counters stop moving",
    "cors-wildcard": "every origin is allowed",
    "english": "replies are in English",
    "error-leaks-key": "error bodies contain the model's key",
    "low-confidence": "confidence is 0.4 everywhere",
    "markdown-fence": "the JSON comes in a markdown fence",
    "metrics-broken": "/metrics is not Prometheus text",
    "never-fallback": "no reply is a fallback",
    "missing-field": "replies lack suggestedAction",
}


class Switchboard:
    """The deviations that are on, and the request counters."""

    def __init__(self) -> None:
        self._on: dict[str, dict[str, Any]] = {}
        self.requests: Counter[str] = Counter()

    def switch_on(self, name: str, parameters: dict[str, Any]) -> None:
        """Switch a deviation on."""
        self._on[name] = parameters

    def switch_off(self, name: str) -> None:
        """Switch a deviation off."""
        self._on.pop(name, None)

    def reset(self) -> None:
        """Back to health."""
        self._on.clear()

    def on(self, name: str) -> bool:
        """Whether the deviation is switched on."""
        return name in self._on

    def state(self) -> dict[str, dict[str, Any]]:
        """Every deviation that is on, with its parameters."""
        return dict(self._on)

    def deform(self, reply: dict[str, Any]) -> str:
        """The reply as body text, with whatever is wrong today."""
        if self.on("always-fallback"):
            reply = {**reply, "isFallback": True, "intent": "desconocido", "confidence": 0.2}
        if self.on("never-fallback"):
            reply = {**reply, "isFallback": False}
        if self.on("low-confidence"):
            reply = {**reply, "confidence": 0.4}
        if self.on("english"):
            reply = {**reply, "response": "We have several cars that you may like. Would you like to see the latest?"}
        if self.on("missing-field"):
            reply = {key: value for key, value in reply.items() if key != "suggestedAction"}
        text = json.dumps(reply, ensure_ascii=False)
        return f"```json\n{text}\n```" if self.on("markdown-fence") else text
