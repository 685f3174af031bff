"""A router with callers of all kinds behind a TLS front: where the suite security is calibrated."""

import json
import secrets
import sys
from pathlib import Path

import httpx

from embedded.ports import free_port
from gonogo.resources import ROOT
from tests.calibration.servers import PLAIN, Servers
from tests.servers.tls_front import HOST, make_certificates

TARGET = ROOT / "tests" / "calibration" / "guarded.yaml"
KEYS = ("KEY", "EXPIRED_KEY", "ORDINARY_KEY", "URL_KEY", "TENANT_KEY", "PROVIDER_KEY")
HEADERS = {"strict-transport-security": "max-age=31536000", "x-content-type-options": "nosniff"}


class GuardedServers(Servers):
    """The servers of ``guarded.yaml``."""

    def __init__(self, folder: Path) -> None:
        """All their files are below a folder."""
        super().__init__("GUARDED")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment |= {f"GUARDED_{name}": f"sk-{secrets.token_hex(16)}" for name in KEYS}
        self.environment |= {"GUARDED_FOLDER": str(folder), "SSL_CERT_FILE": str(make_certificates(folder))}

    def start(self) -> None:
        """Start the provider, the router, and the front before it."""
        python = [sys.executable, "-m"]
        pace = ["--first-token-ms", "4", "--token-ms", "4", "--key-env", "GUARDED_PROVIDER_KEY"]
        provider = ["embedded.provider", "--dialect", "vllm", "--chat-model", "chat-8b", *pace]
        self.run([*python, *provider, "--port", str(self.place("provider"))])
        settings = self._folder / "router.json"
        settings.write_text(json.dumps(self._settings()))
        self.run([*python, "embedded.router", "--settings", str(settings), "--port", str(self.place("router"))])
        for name in ("provider", "router"):
            self.await_health(name)
        tls, plain, upstream = free_port(), free_port(), self.urls["router"].removeprefix("http://")
        ports = ["--tls", str(tls), "--plain", str(plain), "--upstream", upstream]
        self.run([*python, "tests.servers.tls_front", str(self._folder), *ports], quiet=True)
        self.environment["GUARDED_TLS_URL"] = f"https://{HOST}:{tls}"
        self.environment["GUARDED_PLAIN_URL"] = f"http://127.0.0.1:{plain}"
        self.urls["plain"] = self.environment["GUARDED_PLAIN_URL"]
        self._await_front()

    def _await_front(self) -> None:
        for _ in range(200):
            try:
                PLAIN.get(self.urls["plain"], timeout=5)
            except httpx.ConnectError:
                continue
            return

    def _settings(self) -> dict[str, object]:
        deployment = {
            "name": "main",
            "url": self.urls["provider"],
            "model": "chat-8b",
            "key_env": "GUARDED_PROVIDER_KEY",
        }
        routes = {name: {"pool": [deployment]} for name in ("chat", "chat-secret")}
        callers = [
            {"key_env": "GUARDED_KEY", "tenant": "gate", "is_admin": True},
            {"key_env": "GUARDED_EXPIRED_KEY", "tenant": "gate", "is_expired": True},
            {"key_env": "GUARDED_ORDINARY_KEY", "tenant": "gate"},
            {"key_env": "GUARDED_URL_KEY", "tenant": "gate"},
            {"key_env": "GUARDED_TENANT_KEY", "tenant": "other", "models": ["chat"]},
        ]
        told: dict[str, object] = {"routes": routes, "callers": callers, "headers": HEADERS}
        return told | {"redis": "redis://127.0.0.1:9/0"}  # nobody listens there: the router does without a cache

    def reset(self) -> None:
        """Switch every deviation off."""
        (self._folder / "mode").write_text("good")
        for name in ("provider", "router"):
            PLAIN.post(f"{self.urls[name]}/control/reset", timeout=10).raise_for_status()
