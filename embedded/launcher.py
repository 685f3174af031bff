"""Start the deployment, wait until it is ready, reset it on demand, and leave nothing behind."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import xmlrpc.client
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from embedded.guard import die_with_parent
from embedded.layout import Layout, StartError, lay_out
from embedded.programs import READY_PATHS, ROOT, program_environment, supervisor_configuration

READY_TIMEOUT_S = 120.0
_CRASHED = re.compile(r"exited: (\w+) \(terminated by (SIG(?:SEGV|ABRT|BUS|ILL|FPE))[^)]*\)?; not expected")
"""In supervisord's log. Signals that end a program on purpose are not among these."""
_DOWN = ("STOPPED", "EXITED", "FATAL")  # the others run, or supervisor is about to start them
_CONTROLLED = ("vllm", "ollama", "hosted", "service", "chatbot", "agent")


class Launcher:
    """A running embedded deployment; a context manager that stops it and removes its folder."""

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._state = Path(tempfile.mkdtemp(prefix="gonogo-embedded-"))
        self._supervisor: subprocess.Popen[bytes] | None = None
        self.layout: Layout | None = None

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
        """Start every program and wait until each answers.

        Raises:
            StartError: a program did not become ready; the message holds the end of its log.
        """
        began = time.monotonic()
        self.layout = layout = lay_out(self._state)
        conf = self._state / "supervisord.conf"
        conf.touch(mode=0o600)
        conf.write_text(supervisor_configuration(layout), encoding="utf-8")
        self._supervisor = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(conf)],
            cwd=ROOT,
            env=program_environment(layout),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._state / "logs" / "supervisord.err").open("wb"),
            preexec_fn=die_with_parent,  # noqa: PLW1509 (no threads here)
            process_group=0,  # Ctrl-C reaches us only: we stop it in order
        )
        self._await_all(began)

    def reset(self) -> None:
        """Back to the healthy state: faults off, files as written, all programs running, an empty cache."""
        layout = self._running_layout()
        restored = layout.restore_files()
        with self._rpc() as rpc:
            stopped = [i["name"] for i in rpc.supervisor.getAllProcessInfo() if i["statename"] in _DOWN]
            if any(path.name == "gateway.yaml" and path.parent.name == "config" for path in restored):
                rpc.supervisor.stopProcess("gateway")
                stopped.append("gateway")
            for name in dict.fromkeys(stopped):
                rpc.supervisor.startProcess(name)
        self._await_all(time.monotonic())
        for service in _CONTROLLED:
            request = urllib.request.Request(f"{layout.url(service)}/control/reset", method="POST")  # noqa: S310
            urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 (our own loopback URL)
        with socket.create_connection(("127.0.0.1", layout.ports["redis"]), timeout=5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            connection.recv(64)

    def _tell_deaths(self) -> None:
        """Say which programs crashed, with their last lines: their logs go with the folder."""
        with suppress(OSError):
            log = (self._state / "logs" / "supervisord.log").read_text(encoding="utf-8", errors="replace")
            for name, how in _CRASHED.findall(log):
                print(
                    f"embedded: {name} crashed ({how}): {_tail(self._state / 'logs' / f'{name}.log', 60)}",
                    file=sys.stderr,
                )

    def stop(self) -> None:
        """Stop every program and remove the folder; safe to call at any point."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it behind
        if self._supervisor is not None and self._supervisor.poll() is None:
            self._supervisor.send_signal(signal.SIGTERM)
            try:
                self._supervisor.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._supervisor.kill()  # its programs get SIGTERM from the kernel (guard)
                self._supervisor.wait()
        self._tell_deaths()
        if not self._keep:
            shutil.rmtree(self._state, ignore_errors=True)

    def _await_all(self, began: float) -> None:
        layout = self._running_layout()
        waiting = {"redis": None, **READY_PATHS}
        while waiting:
            for name in list(waiting):
                path = waiting[name]
                ready = _accepts(layout.ports[name]) if path is None else _answers(layout.url(name) + path)
                if ready:
                    del waiting[name]
                    say(f"{name} ready after {time.monotonic() - began:.1f} s")
            if waiting:
                self._check_alive(waiting, began)
                time.sleep(0.1)

    def _check_alive(self, waiting: dict[str, Any], began: float) -> None:
        if self._supervisor is None or self._supervisor.poll() is not None:
            raise StartError(f"supervisord ended: {_tail(self._state / 'logs' / 'supervisord.err')}")
        failed = []
        if _accepts(self._running_layout().ports["supervisor"]):
            with self._rpc() as rpc:
                failed = [i["name"] for i in rpc.supervisor.getAllProcessInfo() if i["statename"] == "FATAL"]
        if failed or time.monotonic() - began > READY_TIMEOUT_S:
            name = failed[0] if failed else next(iter(waiting))
            why = "does not start" if failed else f"is not ready after {READY_TIMEOUT_S:.0f} s"
            raise StartError(f"{name} {why}. The end of its log:\n{_tail(self._state / 'logs' / f'{name}.log')}")

    def _running_layout(self) -> Layout:
        assert self.layout is not None, "start() first"
        return self.layout

    def _rpc(self) -> Any:  # noqa: ANN401 (xmlrpc proxies are dynamic)
        layout = self._running_layout()
        password = layout.keys["EMBEDDED_SUPERVISOR_PASSWORD"]
        return xmlrpc.client.ServerProxy(f"http://embedded:{password}@127.0.0.1:{layout.ports['supervisor']}/RPC2")


def say(text: str) -> None:
    """Progress for a person; standard output is for the machine that started us."""
    print(f"embedded: {text}", file=sys.stderr, flush=True)


def announce(layout: Layout) -> None:
    """The one line that says the deployment is ready, as JSON."""
    print(json.dumps({"ready": True, "environment": layout.environment()}), flush=True)


def _accepts(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 (our own loopback URL)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
