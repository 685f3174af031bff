"""The scripted servers, each a process of its own, and nothing else."""

import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from embedded.registry import PRODUCTION, write_registry
from gonogo.resources import ROOT

TARGET = ROOT / "tests" / "calibration" / "scripted.yaml"
_READY_S = 30.0
_PROVIDER = "embedded.provider"
_SERVERS = {
    "gateway": [_PROVIDER, "--dialect", "vllm", "--chat-model", "chat-8b", "--key-env", "SCRIPTED_KEY"],
    "vllm": [_PROVIDER, "--dialect", "vllm", "--chat-model", "chat-8b", "--limited", "chat-limited-8b=3",
             "--embedding-model", "embed-64", "--key-env", "SCRIPTED_KEY", "--version", PRODUCTION],
    "ollama": [_PROVIDER, "--dialect", "ollama", "--chat-model", "chat-edge:3b", "--embedding-model", "embed-edge"],
    "service": ["embedded.service"],
}  # fmt: skip


class ScriptedServers:
    """The servers of ``scripted.yaml``; a context manager that ends them."""

    def __init__(self, folder: Path, pace_ms: float = 3.5) -> None:
        """Write the registry below a folder; `pace_ms` is the time to the first token, and of each token."""
        self._pace = ["--first-token-ms", str(pace_ms), "--token-ms", str(pace_ms)]
        write_registry(folder, "http://127.0.0.1:9/none")
        self.environment = {"SCRIPTED_STATE": str(folder), "SCRIPTED_KEY": f"sk-{secrets.token_hex(16)}"}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            for name, command in _SERVERS.items():
                self._start(name, command)
            for name in self._urls:
                self._await(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every server."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=20)

    def reset(self) -> None:
        """Switch every deviation off."""
        for url in self._urls.values():
            httpx.post(f"{url}/control/reset", timeout=10).raise_for_status()

    def _start(self, name: str, command: list[str]) -> None:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            port = holder.getsockname()[1]
        self._urls[name] = f"http://127.0.0.1:{port}"
        self.environment[f"SCRIPTED_{name.upper()}_URL"] = self._urls[name]
        pace = self._pace if command[0] == _PROVIDER else []
        guarded = [sys.executable, "-m", "embedded.guard", sys.executable, "-m", *command, *pace, "--port", str(port)]
        self._processes.append(subprocess.Popen(guarded, cwd=ROOT, env={**os.environ, **self.environment}))

    def _await(self, name: str) -> None:
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                httpx.get(f"{self._urls[name]}/health", timeout=5).raise_for_status()
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return
