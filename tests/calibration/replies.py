"""The chatbot by itself: where the suite output is calibrated."""

import json
import sys
from pathlib import Path

from gonogo.resources import ROOT
from tests.calibration.servers import Servers

TARGET = ROOT / "tests" / "calibration" / "replies.yaml"


class ChatbotServer(Servers):
    """The server of ``replies.yaml``."""

    target = TARGET

    def __init__(self, folder: Path, baseline: Path = ROOT / "fixtures" / "baselines" / "cars-es.jsonl") -> None:
        """Write its settings below a folder; `baseline` is what its answers are compared with."""
        super().__init__("REPLIES")
        folder.mkdir(parents=True, exist_ok=True)
        self._settings = folder / "chatbot.json"
        self._settings.write_text(json.dumps({"mode": "mock", "allowed_origins": []}), encoding="utf-8")
        self.environment["REPLIES_BASELINE"] = str(baseline)

    def start(self) -> None:
        """Start it."""
        self.run([sys.executable, "-m", "embedded.chatbot", "--settings", str(self._settings), "--port",
                  str(self.place("chatbot"))])  # fmt: skip
        self.await_health("chatbot", "/api/chat/health")
