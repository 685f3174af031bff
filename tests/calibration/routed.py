"""The small router before scripted providers, with Redis and the chatbot: where the suite routing is calibrated."""

import json
import secrets
import shutil
import sys
import time
from pathlib import Path

import httpx
import redis

from embedded.ports import free_port
from embedded.programs import redis_server
from embedded.registry import write_registry
from gonogo.resources import ROOT
from tests.calibration.servers import READY_S, Servers, await_answer

TARGET = ROOT / "tests" / "calibration" / "routed.yaml"
PROVIDERS = ("main", "edge", "hosted")
TIMEOUT_S, COOLDOWN_S, WINDOW_S = 0.5, 1.0, 1.0


class RoutedServers(Servers):
    """The servers of ``routed.yaml``, under a supervisor that can stop and start them."""

    target = TARGET

    def __init__(self, folder: Path, toxiproxy: Path | None = None) -> None:
        """All their files are below a folder; with `toxiproxy`, its program stands before the providers and Redis."""
        super().__init__("ROUTED")
        self._folder, self._toxiproxy = folder, toxiproxy
        self._doors: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)
        names = ("KEY", "OTHER_KEY", "LIMITED_KEY", "PROVIDER_KEY")
        self.environment |= {f"ROUTED_{name}": f"sk-{secrets.token_hex(16)}" for name in names}
        self.environment["ROUTED_STATE"] = str(folder)
        self._redis_port = free_port()
        self.environment["ROUTED_REDIS_URL"] = f"redis://127.0.0.1:{self._redis_port}/0"

    def start(self) -> None:
        """Start everything below a supervisor."""
        python = [sys.executable, "-m"]
        programs = {"redis": [redis_server(), "--port", str(self._redis_port), "--bind", "127.0.0.1", "--save", "",
                              "--appendonly", "no", "--dir", str(self._folder)]}  # fmt: skip
        for name in PROVIDERS:
            pace = ["--first-token-ms", "4", "--token-ms", "4", "--sticky", str(self._folder / f"{name}.json")]
            pace += ["--context-tokens", "1024"] if name == "main" else []
            programs[name] = [*python, "embedded.provider", "--dialect", "vllm", "--chat-model", "chat-8b", "--key-env",
                              "ROUTED_PROVIDER_KEY", "--port", str(self.place(name)), *pace]  # fmt: skip
        if self._toxiproxy is not None:
            self._put_toxiproxy_between(self._toxiproxy)
        settings = self._folder / "router.json"
        settings.write_text(json.dumps(self._settings()), encoding="utf-8")
        shutil.copyfile(settings, self._folder / "router.backup.json")
        programs["router"] = [*python, "embedded.router", "--settings", str(settings), "--port",
                              str(self.place("router"))]  # fmt: skip
        self._write_versions()
        chatbot = self._folder / "chatbot.json"
        told = {"mode": "local", "base_url": f"{self.urls['router']}/v1", "model": "chat", "key_env": "ROUTED_KEY",
                "allowed_origins": ["https://coches.example"], "timeout_s": 5}  # fmt: skip
        chatbot.write_text(json.dumps(told), encoding="utf-8")
        (self._folder / "versions" / "1.1.0" / "chatbot.json").write_text(json.dumps(told), encoding="utf-8")
        programs["chatbot"] = [*python, "embedded.chatbot", "--settings", str(chatbot), "--port",
                               str(self.place("chatbot"))]  # fmt: skip
        self.supervise(programs, self._folder)
        for name in (*PROVIDERS, "router"):
            self.await_health(name)
        self.await_health("chatbot", "/api/chat/health")
        self._await_redis()

    def reset(self) -> None:
        """Switch every deviation off, and empty the cache."""
        super().reset()
        redis.Redis(port=self._redis_port, socket_timeout=10).flushall()

    def _write_versions(self) -> None:
        """A registry of the chatbot's versions, and a folder for the files of each."""
        versions = [{"version": version, "status": status, "image": f"chatbot:{version}"}
                    for version, status in (("1.0.0", "previous"), ("1.1.0", "production"))]  # fmt: skip
        write_registry(self._folder, "http://127.0.0.1:9/none")
        registry = json.loads((self._folder / "registry.json").read_text(encoding="utf-8"))
        registry["releases"] = [{"name": "chatbot", "last_known_good": "1.0.0", "versions": versions}]
        (self._folder / "registry.json").write_text(json.dumps(registry, indent=2) + "\n", encoding="utf-8")
        (self._folder / "versions" / "1.1.0").mkdir(parents=True)
        (self._folder / "data").mkdir()

    def _settings(self) -> dict[str, object]:
        def deployment(name: str, weight: float = 1.0) -> dict[str, object]:
            url = self._doors.get(name, self.urls[name])
            return {"name": name, "url": url, "model": "chat-8b", "key_env": "ROUTED_PROVIDER_KEY", "weight": weight}

        main, edge, hosted = (deployment(name) for name in PROVIDERS)
        return {
            "routes": {
                "chat": {"pool": [main], "fallbacks": ["chat-edge", "chat-hosted"]},
                "chat-edge": {"pool": [edge]},
                "chat-limited": {"pool": [main], "rpm": 3},
                "chat-tokens": {"pool": [main], "tpm": 60},
                "chat-parallel": {"pool": [main], "parallel": 4, "queue": 8},
                "chat-pool": {"pool": [{**main, "weight": 3.0}, edge]},
                "chat-canary": {"pool": [main, {**hosted, "weight": 0.0}]},
                "chat-hosted": {"pool": [hosted]},
            },
            "callers": [
                {"key_env": "ROUTED_KEY", "tenant": "ours"},
                {"key_env": "ROUTED_OTHER_KEY", "tenant": "other"},
                {"key_env": "ROUTED_LIMITED_KEY", "tenant": "limited", "rpm": 3},
            ],
            "redis": self._doors.get("redis", self.environment["ROUTED_REDIS_URL"]),
            "timeout_s": TIMEOUT_S,
            "cooldown_s": COOLDOWN_S,
            "window_s": WINDOW_S,
        }

    def _put_toxiproxy_between(self, program: Path) -> None:
        port = free_port()
        url = self.environment["ROUTED_TOXIPROXY_URL"] = f"http://127.0.0.1:{port}"
        self.run([str(program), "-host", "127.0.0.1", "-port", str(port)], quiet=True)
        await_answer(f"{url}/version")
        behind = {name: self.urls[name].removeprefix("http://") for name in PROVIDERS}
        behind["redis"] = f"127.0.0.1:{self._redis_port}"
        for name, upstream in behind.items():
            proxy = {"name": name, "listen": "127.0.0.1:0", "upstream": upstream, "enabled": True}
            made = httpx.post(f"{url}/proxies", json=proxy, timeout=10).raise_for_status().json()
            self._doors[name] = f"{'redis' if name == 'redis' else 'http'}://{made['listen']}"

    def _await_redis(self) -> None:
        deadline, client = time.monotonic() + READY_S, redis.Redis(port=self._redis_port, socket_timeout=2)
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return
