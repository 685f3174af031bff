"""A router and an agent below a supervisor, watched by a real Prometheus: where drills that need them are calibrated."""

import json
import secrets
import sys
from pathlib import Path

from gonogo.resources import ROOT
from tests.calibration.agents import KEYS
from tests.calibration.rewatch import until
from tests.calibration.servers import PLAIN, Servers
from tests.calibration.watched import start_prometheus

TARGET = ROOT / "tests" / "calibration" / "alarmed.yaml"
CONFIGURATION = """\
global: {{scrape_interval: 200ms, evaluation_interval: 200ms}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: router, static_configs: [{{targets: ["{router}"]}}]}}]
"""
RULES = """\
groups:
  - name: gateway
    rules:
      - alert: GatewayDown
        expr: min_over_time(up{job="router"}[3s]) == 0
        labels: {severity: critical}
"""


class AlarmedServers(Servers):
    """The servers of ``alarmed.yaml``."""

    def __init__(self, folder: Path) -> None:
        """All their files are below a folder."""
        super().__init__("ALARMED")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        names = ("ALARMED_KEY", "ALARMED_PROVIDER_KEY", *KEYS)
        self.environment |= {name: f"sk-{secrets.token_hex(16)}" for name in names}
        self.environment["ALARMED_FOLDER"] = str(folder)

    def start(self) -> None:
        """Start everything."""
        python = [sys.executable, "-m"]
        provider = ["embedded.provider", "--dialect", "vllm", "--chat-model", "chat-8b", "--first-token-ms", "4"]
        key = ["--token-ms", "4", "--key-env", "ALARMED_PROVIDER_KEY"]
        settings = self._folder / "router.json"
        agent = ["embedded.agent", "--folder", str(self._folder / "agent")]
        programs = {
            "provider": [*python, *provider, *key, "--port", str(self.place("provider"))],
            "router": [*python, "embedded.router", "--settings", str(settings), "--port", str(self.place("router"))],
            "agent": [*python, *agent, "--port", str(self.place("agent"))],
        }
        settings.write_text(json.dumps(self._settings()))
        self.supervise(programs, self._folder)
        for name in programs:
            self.await_health(name)
        router = self.urls["router"].removeprefix("http://")
        start_prometheus(self, self._folder, CONFIGURATION.format(router=router), RULES)
        until(self.urls["prometheus"], "up == 1")  # its first scrape takes a while

    def _settings(self) -> dict[str, object]:
        deployment = {
            "name": "main",
            "url": self.urls["provider"],
            "model": "chat-8b",
            "key_env": "ALARMED_PROVIDER_KEY",
        }
        callers = [{"key_env": "ALARMED_KEY", "tenant": "gate"}]
        told: dict[str, object] = {"routes": {"chat": {"pool": [deployment]}}, "callers": callers}
        return told | {"redis": "redis://127.0.0.1:9/0"}  # nobody listens there: the router does without a cache

    def reset(self) -> None:
        """Switch every deviation off."""
        for name in ("provider", "router", "agent"):
            PLAIN.post(f"{self.urls[name]}/control/reset", timeout=10).raise_for_status()
        until(self.urls["prometheus"], "absent(ALERTS)")
