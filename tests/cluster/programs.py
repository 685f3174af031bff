"""The images of the test cluster's node: what each of them starts."""

import sys

from gonogo.resources import ROOT

_CHATBOT = (sys.executable, "-m", "embedded.chatbot", "--port", "{port}", "--settings")
_HERE = ROOT / "tests" / "cluster"
PROGRAMS: dict[str, tuple[str, ...]] = {
    "registry.test/chatbot:1.0.0": (*_CHATBOT, "{config}/chatbot.json"),
    "registry.test/chatbot:1.1.0": (*_CHATBOT, "{config}/chatbot.json"),
    "registry.test/chatbot:loads-long": ("sh", "-c", 'sleep 1; exec "$@"', "sh", *_CHATBOT, "{config}/chatbot.json"),
    "registry.test/chatbot:failing": (*_CHATBOT, str(_HERE / "failing.json")),
    "registry.test/chatbot:slow": (*_CHATBOT, str(_HERE / "slow.json")),
}
"""By image."""
