"""Servers of a test, each a process of its own, on free loopback ports; ended with the block."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from embedded.ports import free_port
from gonogo.resources import ROOT

READY_S = 30.0
PLAIN = httpx.Client(verify=False, limits=httpx.Limits(max_keepalive_connections=0))  # noqa: S501 (no TLS here)
"""For questions to servers of a test: a client of its own for each would take 17 ms, most of them for TLS."""


class Servers:
    """Processes that end with the block."""

    def __init__(self, prefix: str) -> None:
        """`prefix` begins the names of the variables that a target file refers to."""
        self._prefix = prefix
        self.environment: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything."""

    def stop(self) -> None:
        """End every server, the latest first."""
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            process.wait(timeout=20)

    def reset(self) -> None:
        """Switch every deviation off; a server that is just being restarted is waited for."""
        deadline = time.monotonic() + 20
        for url in self.urls.values():
            while True:
                try:
                    PLAIN.post(f"{url}/control/reset", timeout=10).raise_for_status()
                    break
                except httpx.ConnectError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)

    def place(self, name: str) -> int:
        """A port for a server of that name."""
        port = free_port()
        self.urls[name] = f"http://127.0.0.1:{port}"
        self.environment[f"{self._prefix}_{name.upper()}_URL"] = self.urls[name]
        return port

    def run(self, words: Sequence[str], environment: Mapping[str, str] | None = None, *, quiet: bool = False) -> None:
        """Start a program that ends with this one."""
        guarded = [sys.executable, "-m", "embedded.guard", *words]
        given = {**os.environ, **self.environment, **(environment or {})}
        output = subprocess.DEVNULL if quiet else None
        process = subprocess.Popen(guarded, cwd=ROOT, env=given, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self._processes.append(process)

    def supervise(self, programs: Mapping[str, Sequence[str]], folder: Path) -> None:
        """Start programs below a supervisor that starts them again; its files, and theirs, are in a folder."""
        port, password = free_port(), secrets.token_hex(16)
        self.environment[f"{self._prefix}_SUPERVISOR_URL"] = f"http://127.0.0.1:{port}"
        self.environment[f"{self._prefix}_SUPERVISOR_PASSWORD"] = password
        lines = [
            f"[supervisord]\nnodaemon=true\nlogfile={folder}/supervisord.log\n"
            f"pidfile={folder}/supervisord.pid\nchildlogdir={folder}\n"
            f"[inet_http_server]\nport=127.0.0.1:{port}\nusername=gate\npassword={password}\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        ]
        for name, words in programs.items():
            line = " ".join(f'"{word}"' if " " in word or not word else word for word in words)
            lines.append(
                f"[program:{name}]\ncommand={sys.executable} -m embedded.guard {line}\ndirectory={ROOT}\nstartsecs=0\n"
                f"stopwaitsecs=3\nautorestart=true\nredirect_stderr=true\nstdout_logfile={folder}/{name}.log\n"
            )
        conf = folder / "supervisord.conf"
        conf.touch(mode=0o600)
        conf.write_text("\n".join(lines), encoding="utf-8")
        self.run([sys.executable, "-m", "supervisor.supervisord", "-s", "-n", "-c", str(conf)])

    def await_health(self, name: str, path: str = "/health") -> None:
        """Wait until a server answers."""
        await_answer(f"{self.urls[name]}{path}")


def await_answer(url: str) -> None:
    """Wait until a URL answers with success."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            PLAIN.get(url, timeout=5).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
