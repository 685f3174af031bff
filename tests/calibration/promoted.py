"""The chatbot in mock mode, watched by a real Prometheus: where the stage watch is calibrated."""

import json
import sys
from pathlib import Path

from gonogo.resources import ROOT
from tests.calibration.rewatch import until
from tests.calibration.servers import PLAIN, Servers
from tests.calibration.watched import start_prometheus

TARGET = ROOT / "tests" / "calibration" / "promoted.yaml"
CONFIGURATION = """\
global: {{scrape_interval: 200ms, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: chatbot, static_configs: [{{targets: ["{chatbot}"]}}]}}]
"""


class PromotedServers(Servers):
    """The servers of ``promoted.yaml``."""

    def __init__(self, folder: Path) -> None:
        """All their files are below a folder."""
        super().__init__("PROMOTED")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start both, and wait for the first figure."""
        settings = self._folder / "chatbot.json"
        told = {"mode": "mock", "base_url": "http://127.0.0.1:9/v1", "model": "none", "key_env": "", "timeout_s": 1}
        settings.write_text(json.dumps({**told, "allowed_origins": []}))
        words = [sys.executable, "-m", "embedded.chatbot", "--settings", str(settings)]
        self.run([*words, "--port", str(self.place("chatbot"))])
        self.await_health("chatbot", "/api/chat/health")
        address = self.urls["chatbot"].removeprefix("http://")
        start_prometheus(self, self._folder, CONFIGURATION.format(chatbot=address), "groups: []\n")
        self._await_figure()

    def reset(self) -> None:
        """Switch every deviation off, and wait until no error is left in the window."""
        PLAIN.post(f"{self.urls['chatbot']}/control/reset", timeout=10).raise_for_status()
        self._await_figure()

    def _await_figure(self) -> None:
        until(self.urls["prometheus"], "sum(rate(chatbot_errors_total[2s])) == 0")
