"""The suite routing on a gateway that is no LLM gateway at all: HAProxy as a load balancer and route table."""

import secrets
import shutil
import sys
from pathlib import Path

import pytest

from gonogo.resources import ROOT
from tests.calibration.conftest import GateRun
from tests.calibration.servers import Servers
from tests.forked import run_pytest

HERE = ROOT / "tests" / "servers"
MODELS = ("chat", "chat-limited", "chat-parallel", "chat-pool", "chat-canary")
WINDOW_S, RPM = 2, 4
VERIFIED = (
    "routing.alias.served_by_mapped[gateway/chat]",
    "routing.pool.shares[gateway/chat-pool]",
    "routing.pool.survives[gateway/chat-pool-500]",
    "routing.pool.survives[gateway/chat-pool-503]",
    "routing.pool.survives[gateway/chat-pool-silent]",
    "routing.canary.share[gateway/chat-canary/5]",
    "routing.canary.share[gateway/chat-canary/25]",
    "routing.canary.share[gateway/chat-canary/100]",
    "routing.limits.enforced[gateway/chat-limited]",
    "routing.limits.retry_after[gateway/chat-limited]",
    "routing.limits.others[gateway/chat-limited]",
    "routing.limits.parallel[gateway/chat-parallel]",
    "routing.burst.answered[gateway/chat-parallel]",
)


class Balanced(Servers):
    """HAProxy before three scripted providers."""

    def __init__(self, program: str, folder: Path) -> None:
        """HAProxy's socket lies in the folder."""
        super().__init__("BALANCED")
        self._program = program
        folder.mkdir()
        self.environment |= {"BALANCED_KEY": f"sk-{secrets.token_hex(16)}", "BALANCED_STATE": str(folder)}

    def start(self) -> None:
        """Start all four."""
        ports = {name: str(self.place(name)) for name in ("main", "edge", "hosted")}
        models = [word for model in MODELS for word in ("--chat-model", model)]
        for port in ports.values():
            provider = [sys.executable, "-m", "embedded.provider", "--dialect", "vllm", "--key-env", "BALANCED_KEY"]
            self.run([*provider, "--first-token-ms", "5", "--port", port, *models])
        gateway = {"PORT": str(self.place("gateway")), "STATE": self.environment["BALANCED_STATE"]}
        gateway |= {name.upper(): port for name, port in ports.items()} | {"WINDOW_S": str(WINDOW_S), "RPM": str(RPM)}
        self.run([self._program, "-db", "-f", str(HERE / "haproxy.cfg")], gateway)
        for name in (*ports, "gateway"):
            self.await_health(name)


def test_the_suite_holds_on_a_plain_load_balancer(tmp_path: Path) -> None:
    program = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("no haproxy here (apt-get install haproxy)")
    with Balanced(program, tmp_path / "haproxy") as servers:
        arguments = [f"--target={HERE / 'haproxy.yaml'}", f"--report-dir={tmp_path}", "--stage=gate"]
        given = {**servers.environment, "XDG_STATE_HOME": str(tmp_path / "state")}
        code = run_pytest([*arguments, "--allow-disruptive", "suites/routing"], given, tmp_path / "output.txt")
        ran = GateRun.read(code, (tmp_path / "output.txt").read_text(encoding="utf-8"), tmp_path)

    outcomes = ran.outcomes()
    assert {name: outcomes.get(name) for name in VERIFIED} == dict.fromkeys(VERIFIED, "pass"), ran.output
    assert set(outcomes.values()) <= {"pass", "skip"}, ran.output
