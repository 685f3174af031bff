"""The webhook: a run for a request, its verdict as a status, and nothing of the request but the change's id."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx
import pytest

from gonogo.resources import ROOT
from gonogo.webhook import BadRequestError, change_of
from tests.calibration.servers import free_port

GOOD = str(ROOT / "targets" / "kind-a.yaml")
PHASE = {"name": "gateway", "namespace": "chatbot", "phase": "Progressing", "checksum": "85d557f47b"}


@contextmanager
def webhook(folder: Path, *words: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    command = [sys.executable, "-m", "gonogo.webhook", "--host=127.0.0.1", f"--port={port}", "--", *words]
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment = {**given, "XDG_STATE_HOME": str(folder / "state")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
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


def test_a_verdict_is_a_status(tmp_path: Path) -> None:
    check = "--check=config.manifests.probes"
    words = ["--stage=ci", f"--report-dir={tmp_path / 'reports'}", check]
    with webhook(tmp_path, f"--target={GOOD}", *words) as (url, _):
        judged = httpx.post(url, json={**PHASE, "metadata": {"change": "CHG-7"}}, timeout=120)
        refused = httpx.post(url, content=b"not JSON", timeout=30)
    verdict = json.loads(next((tmp_path / "reports").glob("2*/verdict.json")).read_text(encoding="utf-8"))
    # one check alone is no GO: the other suites ran none
    assert (judged.status_code, judged.json()["exit_code"], verdict["change_id"]) == (503, 6, "CHG-7")
    assert any("HOLD" in line for line in judged.json()["told"])
    assert (refused.status_code, refused.json()) == (400, {"error": "the body is not JSON"})


@pytest.mark.parametrize(("code", "status"), [(0, 200), (1, 409), (4, 503), (6, 503)])
def test_each_exit_code_has_a_status(tmp_path: Path, code: int, status: int) -> None:
    (tmp_path / "test_it.py").write_text(f"import os\ndef test_it():\n    os._exit({code})\n", encoding="utf-8")
    with webhook(tmp_path, str(tmp_path / "test_it.py"), "-s") as (url, _):
        assert httpx.post(url, json=PHASE, timeout=60).status_code == status


def test_one_run_at_a_time_and_an_end_for_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pathlib, signal, time\n"
        "def test_it(tmp_path):\n"
        "    signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        f"    pathlib.Path({str(tmp_path / 'began')!r}).touch()\n"
        "    try:\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        f"        pathlib.Path({str(tmp_path / 'put-back')!r}).touch()\n",
        encoding="utf-8",
    )
    with webhook(tmp_path, str(tmp_path / "test_it.py")) as (url, process):
        answers: list[int] = []
        first = Thread(target=lambda: answers.append(httpx.post(url, json=PHASE, timeout=60).status_code))
        first.start()
        for _ in range(600):
            if (tmp_path / "began").exists():
                break
            time.sleep(0.05)
        second = httpx.post(url, json=PHASE, timeout=30)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        first.join(timeout=30)
    assert (second.status_code, second.json()) == (503, {"error": "a run goes on: ask again"})
    assert (tmp_path / "put-back").exists()
    assert not first.is_alive()


def test_nothing_but_the_change_is_taken() -> None:
    assert change_of(b"") == ""
    assert (
        change_of(json.dumps({**PHASE, "metadata": {"target": "/etc/passwd", "change": "CHG-1"}}).encode()) == "CHG-1"
    )
    bad = [b"[]", b'{"metadata": []}', b'{"metadata": {"change": 3}}', b'{"metadata": {"change": "a b"}}',
           b'{"metadata": {"change": "--allow-disruptive"}}', b"\xff"]  # fmt: skip
    for body in bad:
        with pytest.raises(BadRequestError):
            change_of(body)


def test_a_body_without_end_is_refused(tmp_path: Path) -> None:
    with webhook(tmp_path, "--version") as (url, _):
        answer = httpx.post(url, content=b"x" * 70_000, timeout=30)
    assert answer.status_code == 400
