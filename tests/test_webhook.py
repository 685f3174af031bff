"""The webhook: a run for a request, its verdict as a status, and nothing of the request but the change's id."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx
import pytest

from embedded.ports import free_port
from gonogo.webhook import BadRequestError, Runner, change_of

PHASE = {"name": "gateway", "namespace": "chatbot", "phase": "Progressing", "checksum": "85d557f47b"}
TARGET = "name: acme\nenvironment: staging\nchecks: [checks]\n"
CHECK = '''
import pathlib, time
from gonogo.plugin import check

@check("config.acme.holds", severity="critical", covers=["X"])
def test_holds() -> None:
    """It holds."""
    {body}
'''


@contextmanager
def webhook(folder: Path, body: str, *words: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The webhook of a target with one check, whose body is given."""
    (folder / "checks").mkdir()
    (folder / "checks" / "test_acme.py").write_text(CHECK.format(body=body), encoding="utf-8")
    (folder / "target.yaml").write_text(TARGET, encoding="utf-8")
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gonogo.webhook",
        "--host=127.0.0.1",
        f"--port={port}",
        "--report-dir=runs",
        *words,
    ]
    command += ["--", "--target=target.yaml", "--stage=ci", "checks"]
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment = {**given, "XDG_STATE_HOME": str(folder / "state")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/"
    try:
        await_there(url, process, folder / "log")
        yield url, process
    finally:
        process.terminate()
        process.wait(timeout=60)


def await_there(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            if httpx.get(f"{url}healthz", timeout=5).json() == {"ok": True}:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("no webhook")


def await_file(file: Path) -> None:
    for _ in range(600):
        if file.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"no {file}")


@pytest.mark.parametrize(
    ("body", "status", "decision"),
    [
        ("assert True", 200, "GO"),
        ("assert False, 'it does not'", 409, "NO-GO"),
        ("raise RuntimeError('the check itself is broken')", 503, "HOLD"),
    ],
)
def test_a_verdict_is_a_status(tmp_path: Path, body: str, status: int, decision: str) -> None:
    with webhook(tmp_path, body) as (url, _):
        answer = httpx.post(url, json={**PHASE, "metadata": {"change": "CHG-7"}}, timeout=120)
    verdict = json.loads(next((tmp_path / "runs").glob("2*/verdict.json")).read_text(encoding="utf-8"))
    assert (answer.status_code, answer.json()["decision"]) == (status, decision), (tmp_path / "log").read_text("utf-8")
    assert (verdict["change_id"], answer.json()["run_id"]) == ("CHG-7", verdict["run_id"])


def test_a_run_without_a_verdict_is_none_and_neither_is_a_crash(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import os\nos._exit(1)\n", encoding="utf-8")
    status, told = Runner([str(tmp_path / "test_it.py")], tmp_path / "runs", 60).run("")
    assert (status, told) == (503, {"error": "the run left no verdict", "exit_code": 1})


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with webhook(tmp_path, "time.sleep(60)", "--timeout=4") as (url, _):
        answer = httpx.post(url, json=PHASE, timeout=60)
    assert (answer.status_code, "exit_code" in answer.json()) == (503, True)


def test_one_run_at_a_time_and_an_end_for_it(tmp_path: Path) -> None:
    body = "try:\n        pathlib.Path('began').touch(); time.sleep(60)\n    finally:\n        pathlib.Path('put-back').touch()"
    with webhook(tmp_path, body) as (url, process):
        answers: list[int] = []
        first = Thread(target=lambda: answers.append(httpx.post(url, json=PHASE, timeout=60).status_code))
        first.start()
        await_file(tmp_path / "began")
        second = httpx.post(url, json=PHASE, timeout=30)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        first.join(timeout=30)
    assert (second.status_code, "a run goes on" in second.json()["error"]) == (503, True)
    assert (tmp_path / "put-back").exists()
    assert answers == [503]


def test_no_run_is_begun_when_the_webhook_ends(tmp_path: Path) -> None:
    runner = Runner(["--version"], tmp_path, 60)
    runner.stop()
    assert runner.run("")[0] == 503


def test_nothing_but_the_change_is_taken() -> None:
    assert change_of(b"") == ""
    told = {**PHASE, "metadata": {"target": "/etc/passwd", "change": "CHG-1"}}
    assert change_of(json.dumps(told).encode()) == "CHG-1"
    bad = [b"[]", b'{"metadata": []}', b'{"metadata": {"change": 3}}', b'{"metadata": {"change": "a b"}}',
           b'{"metadata": {"change": "--allow-disruptive"}}', b"\xff", b"[" * 60_000]  # fmt: skip
    for body in bad:
        with pytest.raises(BadRequestError):
            change_of(body)


def test_a_body_that_is_none_is_refused(tmp_path: Path) -> None:
    with webhook(tmp_path, "assert True") as (url, _):
        refused = [
            httpx.post(url, content=b"x" * 70_000, timeout=30).status_code,
            httpx.post(url, content=b"not JSON", timeout=30).status_code,
            httpx.post(url, content=iter([b"{}"]), timeout=30).status_code,  # chunked: no length
            raw(url, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n"),
        ]
    assert refused == [400, 400, 400, 400]


def raw(url: str, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", int(url.rstrip("/").rpartition(":")[2])), timeout=30) as connection:
        connection.sendall(request)
        return int(connection.recv(100).split()[1])


def test_whoever_only_holds_a_connection_open_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with webhook(tmp_path, "pass") as (url, process):
        port = int(url.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nx-slow: ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=15) == 0
