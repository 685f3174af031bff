"""The chatbot's deviations, and how they deform a reply."""

import json
from typing import Any

from embedded.switchboard import Switchboard

FAULTS: dict[str, str] = {
    "always-mock": "replies come from its own rules, as if the model had given them",
    "always-fallback": "every reply is a fallback",
    "counters-frozen": "the /metrics counters stop moving",
    "cors-wildcard": "every origin is allowed",
    "english": "replies are in English",
    "error-leaks-key": "error bodies contain the model's key",
    "health-red": "its health page answers 503",
    "low-confidence": "confidence is 0.4 everywhere",
    "markdown-fence": "the JSON comes in a markdown fence",
    "metrics-broken": "/metrics is not Prometheus text",
    "no-mock": "when the model does not answer, neither does the chatbot",
    "page-broken": "the web page asks a path that does not exist",
    "never-fallback": "no reply is a fallback",
    "missing-field": "replies lack suggestedAction",
}


class ChatbotSwitchboard(Switchboard):
    """The chatbot's deviations."""

    def __init__(self) -> None:
        super().__init__(FAULTS)

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
