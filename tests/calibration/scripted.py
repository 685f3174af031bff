"""The scripted servers, and nothing else: where the faults of the suite contract are calibrated."""

import secrets
import sys
from pathlib import Path

from embedded.registry import PRODUCTION, write_registry
from gonogo.resources import ROOT
from tests.calibration.servers import Servers

TARGET = ROOT / "tests" / "calibration" / "scripted.yaml"
_PROVIDER = "embedded.provider"
_SERVERS = {
    "gateway": [_PROVIDER, "--dialect", "vllm", "--chat-model", "chat-8b", "--key-env", "SCRIPTED_KEY"],
    "vllm": [_PROVIDER, "--dialect", "vllm", "--chat-model", "chat-8b", "--limited", "chat-limited-8b=3",
             "--limit-window-s", "5", "--embedding-model", "embed-64", "--key-env", "SCRIPTED_KEY", "--version", PRODUCTION],
    "ollama": [_PROVIDER, "--dialect", "ollama", "--chat-model", "chat-edge:3b", "--embedding-model", "embed-edge"],
    "service": ["embedded.service"],
}  # fmt: skip


class ScriptedServers(Servers):
    """The servers of ``scripted.yaml``."""

    target = TARGET

    def __init__(self, folder: Path, pace_ms: float = 3.5) -> None:
        """Write the registry below a folder; `pace_ms` is the time to the first token, and of each token."""
        super().__init__("SCRIPTED")
        self._pace = ["--first-token-ms", str(pace_ms), "--token-ms", str(pace_ms)]
        write_registry(folder, "http://127.0.0.1:9/none")
        self.environment |= {"SCRIPTED_STATE": str(folder), "SCRIPTED_KEY": f"sk-{secrets.token_hex(16)}"}

    def start(self) -> None:
        """Start all four."""
        for name, command in _SERVERS.items():
            pace = self._pace if command[0] == _PROVIDER else []
            self.run([sys.executable, "-m", *command, *pace, "--port", str(self.place(name))])
        for name in _SERVERS:
            self.await_health(name)
