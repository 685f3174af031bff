"""The images of the test cluster's node: what each of them starts."""

import sys

from gonogo.resources import ROOT

_CHATBOT = (sys.executable, "-m", "embedded.chatbot", "--port", "{port}", "--settings")
_FAILING = str(ROOT / "tests" / "cluster" / "failing.json")
PROGRAMS: dict[str, tuple[str, ...]] = {
    "registry.test/chatbot:1.0.0": (*_CHATBOT, "{config}/chatbot.json"),
    "registry.test/chatbot:1.1.0": (*_CHATBOT, "{config}/chatbot.json"),
    "registry.test/chatbot:failing": (*_CHATBOT, _FAILING),
}
"""By image."""
