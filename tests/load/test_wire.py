"""The generator on the wire: each failure has its type, and a role delta is not a token.

The generator runs in a process of its own: importing gevent's world here would be a breach of the house's rules.
"""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from gonogo.resources import ROOT
from tests.hostile import Serve, serving

CLIENT = """
import gevent.monkey
gevent.monkey.patch_all()
import dataclasses, json, sys
from gonogo.loadtest.attempt import now_ms
from gonogo.load.wire import ChatClient
client = ChatClient(sys.argv[1], "key", 1.0)
attempts = [client.attempt(now_ms(), {"stream": sys.argv[3] == "stream"}) for _ in range(int(sys.argv[2]))]
print(json.dumps([dataclasses.asdict(a) | {"chunks": a.chunks, "ttft_ms": a.ttft_ms, "latency_ms": a.latency_ms} for a in attempts]))
"""
ROLE = 'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
TOKEN = 'data: {"choices":[{"delta":{"content":"Hola"}}]}\n\n'
DONE = "data: [DONE]\n\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(connection: socket.socket, text: str) -> None:
    raw = text.encode()
    connection.sendall(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")


def stream(*texts: str, pause_s: float = 0.0, end: bool = True) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        for text in texts:
            chunk(connection, text)
            time.sleep(pause_s)
        if end:
            connection.sendall(b"0\r\n\r\n")

    return serve


def whole(status: str, body: str) -> Serve:
    raw = body.encode()
    return lambda c: c.sendall(f"HTTP/1.1 {status}\r\ncontent-length: {len(raw)}\r\n\r\n".encode() + raw)


def attempts_against(serve: Serve, count: int = 1, mode: str = "stream") -> tuple[list[dict[str, object]], int]:
    """What the client made of a server, and how many connections it opened."""
    connections = 0

    def answer(connection: socket.socket) -> None:
        nonlocal connections
        connections += 1
        serve(connection)
        while serve not in CLOSING and connection.recv(65536):
            serve(connection)

    with serving(answer) as port:
        url = f"http://127.0.0.1:{port}"
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, url, str(count), mode],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), connections


TRUNCATED = stream(ROLE, TOKEN, end=False)
REFUSED_TO_ANSWER: Serve = lambda _: None  # noqa: E731
CLOSING = [TRUNCATED, REFUSED_TO_ANSWER]


@pytest.mark.parametrize(
    ("serve", "failure"),
    [
        (stream(ROLE, TOKEN, DONE), ""),
        (stream(ROLE, TOKEN), "truncated"),
        (TRUNCATED, "truncated"),
        (REFUSED_TO_ANSWER, "truncated"),
        (stream(ROLE, DONE), "empty 200"),
        (stream(ROLE, 'data: {"error": {"message": "boom"}}\n\n', DONE), "error in stream"),
        (stream("data: {broken\n\n"), "broken stream"),
        (stream(ROLE, pause_s=2), "timeout before the first token"),
        (stream(ROLE, TOKEN, TOKEN, pause_s=0.8), "stall"),
        (whole("500 Oops", "{}"), "HTTP 5xx"),
        (whole("429 Slow down", "{}"), "HTTP 429"),
        (whole("404 Not here", "{}"), "HTTP 4xx"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failures_have_types(serve: Serve, failure: str) -> None:
    (attempt,), _ = attempts_against(serve)
    assert (attempt["failure"] or "") == failure, attempt


def test_a_role_delta_is_not_the_first_token() -> None:
    (attempt,), _ = attempts_against(stream(ROLE, TOKEN, DONE, pause_s=0.2))
    assert 200 <= float(str(attempt["ttft_ms"])) <= float(str(attempt["latency_ms"])) - 200


def test_connections_are_used_again() -> None:
    attempts, connections = attempts_against(stream(ROLE, TOKEN, DONE), count=3)
    assert [attempt["failure"] for attempt in attempts] == ["", "", ""]
    assert connections == 1


def test_a_refused_connection_is_one() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, f"http://127.0.0.1:{port}", "1", "stream"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout)[0]["failure"] == "refused"


KINDS = """
import errno, os, sys
from gonogo.load.wire import _kind_of
from gonogo.loadtest.attempt import Attempt
print([_kind_of(OSError(code, os.strerror(code)), Attempt(0.0)) for code in map(int, sys.argv[1:])])
"""


def test_what_the_generators_machine_cannot_do_is_its_own() -> None:
    codes = (errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH, errno.ECONNRESET)
    done = subprocess.run(
        [sys.executable, "-c", KINDS, *map(str, codes)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(["no socket", "no socket", "no socket", "connection failed", "reset"])


TOGETHER = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, sys
from gonogo.loadtest.attempt import now_ms
from gonogo.load.wire import ChatClient
client = ChatClient(sys.argv[1], "key", 20.0)
asked = [gevent.spawn(client.attempt, now_ms(), {"stream": True}) for _ in range(int(sys.argv[2]))]
print({one.get().failure for one in asked})
"""


def test_answers_that_end_together_and_close_are_whole() -> None:
    """As when a gateway that stood still lets everything go at once."""
    count = 200
    all_asked = threading.Barrier(count, timeout=20)

    def serve(connection: socket.socket) -> None:
        connection.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        chunk(connection, ROLE + TOKEN)
        all_asked.wait()
        last = DONE.encode()
        connection.sendall(f"{len(last):x}\r\n".encode() + last + b"\r\n0\r\n\r\n")

    with serving(serve) as port:
        done = subprocess.run(
            [sys.executable, "-c", TOGETHER, f"http://127.0.0.1:{port}", str(count)], cwd=ROOT, capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, timeout=60, check=True,
        )  # fmt: skip
    assert done.stdout.strip() in {"{''}", "{None}"}, done.stdout


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ('{"choices": [{"message": {"content": "Hola"}}]}', ""),
        ('{"choices": [{"message": {"content": null, "reasoning_content": "Quiere..."}}]}', ""),
        ('{"choices": [{"message": {"content": null, "tool_calls": [{"id": "1"}]}}]}', ""),
        ('{"choices": [{"message": {"content": ""}}]}', "empty 200"),
        ('{"choices": []}', "empty 200"),
        ('{"choices": [{"message": {"content": "Ho', "empty 200"),
        ('{"choices": null, "error": {"message": "upstream failed"}}', "error in answer"),
    ],
)
def test_a_whole_answer(body: str, failure: str) -> None:
    (attempt,), _ = attempts_against(whole("200 OK", body), mode="whole")
    assert (attempt["failure"] or "") == failure


@pytest.mark.parametrize(
    ("environment", "code", "wanted"),
    [({}, 4, "set GONOGO_TARGET"), ({"GONOGO_TARGET": "none.yaml"}, 4, "cannot be read")],
)
def test_locust_without_a_usable_target(environment: dict[str, str], code: int, wanted: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GONOGO_")}
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "load/locustfile.py", "--headless"],
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, wanted in done.stderr) == (code, True), done.stderr
