"""The images of the test cluster's node: what each of them starts."""

import sys

_CHATBOT = (sys.executable, "-m", "embedded.chatbot", "--settings", "{config}/chatbot.json", "--port", "{port}")
PROGRAMS: dict[str, tuple[str, ...]] = {
    "registry.test/chatbot:1.0.0": _CHATBOT,
    "registry.test/chatbot:1.1.0": _CHATBOT,
}
"""By image."""
