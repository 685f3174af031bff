"""The embedded agent by itself: where the suite agent is calibrated."""

import secrets
import sys
from pathlib import Path

from gonogo.resources import ROOT
from tests.calibration.servers import Servers

TARGET = ROOT / "tests" / "calibration" / "agents.yaml"
KEYS = ("EMBEDDED_AGENT_KEY", "EMBEDDED_AGENT_OTHER_KEY", "EMBEDDED_AGENT_APPROVER_KEY")


class AgentServers(Servers):
    """The agent of ``agents.yaml``."""

    def __init__(self, folder: Path) -> None:
        """Its files are below a folder."""
        super().__init__("AGENTS")
        self._folder = folder
        self.environment |= {name: f"sk-{secrets.token_hex(16)}" for name in KEYS}

    def start(self) -> None:
        """Start it."""
        words = [sys.executable, "-m", "embedded.agent", "--folder", str(self._folder / "agent")]
        self.run([*words, "--port", str(self.place("agent"))])
        self.await_health("agent")
