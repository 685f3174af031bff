"""The load generator's client against servers that mean harm: it ends in time, takes little memory, and others go on."""

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from gonogo.resources import ROOT
from tests.hostile import CHUNKED, OK, Serve, repeating, serving

LIMIT_S, SLACK_S, MEMORY_MB = 1.0, 2.5, 150
TOO_MUCH = {"too long", "broken stream", "timeout before the first token"}
"""Whichever bound comes first."""
CLIENT = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, json, resource, sys, time
from gonogo.loadtest.attempt import now_ms
from gonogo.load.wire import ChatClient
client = ChatClient(sys.argv[1], "key", float(sys.argv[2]))
naps = []
def nap():
    while True:
        began = time.monotonic()
        gevent.sleep(0.02)
        naps.append(time.monotonic() - began)
gevent.spawn(nap)
gevent.sleep(0.1)
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
attempt = client.attempt(now_ms(), {"stream": True})
took_s = time.monotonic() - began
more_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
print(json.dumps({"failure": attempt.failure, "detail": len(attempt.detail), "took_s": took_s, "more_mb": more_mb, "longest_nap_s": max(naps)}))
"""
EVENTS = CHUNKED + b"content-type: text/event-stream\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def attempt(port: int, authority: trustme.CA | None, tmp_path: Path) -> dict[str, float | str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if authority is not None:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        environment["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
    scheme, host = ("https", "localhost") if authority is not None else ("http", "127.0.0.1")
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, f"{scheme}://{host}:{port}", str(LIMIT_S)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, float | str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("serve", "failures"),
    [
        (repeating(OK + b"content-length: 10000000000\r\n\r\n", bytes(65536)), TOO_MUCH),
        (repeating(EVENTS, b"10000\r\n" + b"x" * 65536 + b"\r\n"), TOO_MUCH),
        (repeating(OK, b"x-more: " + b"y" * 5000 + b"\r\n"), TOO_MUCH),
        (repeating(OK, b"x", 0.05), {"timeout before the first token", "broken stream"}),
        (repeating(EVENTS, b"3\r\n:a\n\r\n", 0.02), {"timeout before the first token"}),
        (repeating(b"HTTP/1.1 500 No\r\n\r\n", b"x" * 65536), TOO_MUCH),
    ],
    ids=["ten-gigabytes", "endless-line", "endless-headers", "header-drip", "comments", "endless-error"],
)
def test_it_ends_in_time_and_takes_little(
    serve: Serve, failures: set[str], secure: bool, authority: trustme.CA, tmp_path: Path
) -> None:
    context = None
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
    with serving(serve, context) as port:
        found = attempt(port, authority if secure else None, tmp_path)
    assert found["failure"] in failures, found
    assert float(found["took_s"]) < LIMIT_S + SLACK_S, found
    assert float(found["more_mb"]) < MEMORY_MB, found
    assert float(found["detail"]) < 5000, found
    assert float(found["longest_nap_s"]) < 1.0, found  # other streams are read meanwhile
