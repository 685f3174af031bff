"""The embedded deployment as a program: it starts, says why it cannot, and leaves nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from gonogo.fixtures.embedded import ROOT


def start(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "embedded", "up", "--until-eof"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_with(text: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


def gone(text: str, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while processes_with(text):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_taken_port_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        process = start(EMBEDDED_GATEWAY_PORT=port)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"gateway: cannot listen on 127.0.0.1 port '{port}'" in message
    assert "change or unset EMBEDDED_GATEWAY_PORT" in message
    assert "Traceback" not in message


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and the kernel's help against orphans is Linux'")
def test_it_leaves_nothing_when_killed() -> None:
    process = start()
    assert process.stdout is not None
    state = json.loads(process.stdout.readline())["environment"]["EMBEDDED_STATE"]
    assert len(processes_with(state)) >= 3
    process.kill()
    process.communicate()
    assert gone(state, 30)
    for file in sorted(Path(state).rglob("*"), reverse=True):  # kill -9 leaves its files; nobody can help that
        file.unlink() if file.is_file() else file.rmdir()
    Path(state).rmdir()


def test_it_leaves_nothing_after_ctrl_c_while_starting() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="g") as folder:  # short: sockets have short names
        process = start(TMPDIR=folder)
        time.sleep(2.0)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert list(Path(folder).glob("gonogo-embedded-*")) == []


def test_the_gateway_configuration_is_what_its_sources_say() -> None:
    from embedded.gateway import gateway_configuration  # noqa: PLC0415

    providers = {"providers": [{"name": "p", "kind": "vllm", "url": "http://p", "key_env": "K"}]}
    model = {"name": "m", "provider": "p", "model": "x", "timeout_s": 5, "rpm": 1, "tpm": 2}
    config = gateway_configuration(providers, {"models": [model], "fallbacks": {"m": ["m2"]}}, 6379)
    assert yaml.safe_load(yaml.safe_dump(config)) == config
    assert config["model_list"][0]["litellm_params"] == {
        "model": "hosted_vllm/x",
        "api_base": "http://p/v1",
        "timeout": 5,
        "stream_timeout": 5,
        "rpm": 1,
        "tpm": 2,
        "api_key": "os.environ/K",
    }
