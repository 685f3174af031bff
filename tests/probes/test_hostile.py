"""The HTTP probe against servers that mean harm: a clear error in bounded time and memory."""

import json
import socket
import time

import pytest

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.model import Observation
from gonogo.probes import deadline
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http, open_client
from gonogo.redaction import Redactor
from tests.hostile import (
    CHUNKED,
    OK,
    Serve,
    empty_blocks,
    in_little_memory,
    repeating,
    reset,
    serving,
    whole,
    zeros_gzipped,
)

LIMIT_S = 1.0
SLACK_S = 3.0
"""Of a busy machine; the servers go on for much longer."""
MEMORY_MB = 150
GZIP = b"content-encoding: gzip\r\n"


def ask(port: int, seen: list[Observation] | None = None) -> object:
    context = ProbeContext((seen if seen is not None else []).append, Redactor())
    with open_client() as client:
        return Http(client, f"http://127.0.0.1:{port}", None, context, LIMIT_S).get("/").body[:20]


@pytest.mark.parametrize(
    "serve",
    [
        repeating(b"", b""),
        repeating(OK, b"x", 0.05),
        repeating(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", 0.01),
        repeating(OK + b"content-length: 100000\r\n\r\n", b"x", 0.05),
        repeating(CHUNKED + b"\r\n5;", b"x", 0.05),
        repeating(CHUNKED + b"content-type: text/event-stream\r\n\r\n", b"b\r\ndata: {}\n\n\r\n", 0.05),
        repeating(OK + GZIP + b"\r\n", empty_blocks(), 0.05),
        repeating(OK + GZIP + b"\r\n" + zeros_gzipped(1), b"garbage", 0.05),
    ],
    ids=["silence", "header", "early-hints", "body", "chunk-extension", "events", "empty-blocks", "trailing-data"],
)
def test_what_drips_for_ever_ends_at_the_limit(serve: Serve) -> None:
    began = time.monotonic()
    with serving(serve) as port, pytest.raises(EndpointFailedError):
        ask(port)
    assert time.monotonic() - began < LIMIT_S + SLACK_S


@pytest.mark.parametrize(
    ("serve", "wanted"),
    [
        (whole(zeros_gzipped(1), b"content-encoding: gzip, gzip\r\n"), "which was not asked for"),
        (whole(b"\x1b", b"content-encoding: br\r\n"), "which was not asked for"),
        (whole(b"no gzip at all", GZIP), "the body cannot be read"),
        (repeating(CHUNKED + b"\r\n", b"10000\r\n" + bytes(65536) + b"\r\n"), "longer than 16000000 bytes"),
        (repeating(OK + b"content-length: 10000000000\r\n\r\n", bytes(65536)), "longer than 16000000 bytes"),
        (repeating(OK, b"x-more: " + b"y" * 50_000 + b"\r\n"), "the answer broke"),
    ],
    ids=["stacked", "brotli", "not-gzip", "chunks", "ten-gigabytes", "headers"],
)
def test_what_is_too_much_is_not_taken(serve: Serve, wanted: str) -> None:
    with serving(serve) as port:
        said = in_little_memory(lambda: ask(port), MEMORY_MB)
    assert said.startswith(("EndpointFailedError: ", "AnswerBrokeError: "))
    assert wanted in said


def test_a_bomb_is_not_unpacked() -> None:
    with serving(whole(zeros_gzipped(400), GZIP)) as port:
        assert "longer than 16000000 bytes" in in_little_memory(lambda: ask(port), MEMORY_MB)


@pytest.mark.parametrize("packed", [zeros_gzipped(1), zeros_gzipped(1) * 2], ids=["one-member", "two-members"])
def test_what_is_encoded_as_asked_is_read(packed: bytes) -> None:
    with serving(whole(packed, GZIP)) as port:
        assert ask(port) == bytes(20)


def test_a_reset_is_the_servers() -> None:
    with serving(reset) as port, pytest.raises(EndpointFailedError, match="the answer broke"):
        ask(port)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"
    with serving(lambda connection: connection.sendall(moved)) as port, open_client() as client:
        http = Http(client, f"http://127.0.0.1:{port}", None, ProbeContext(lambda _: None, Redactor()), LIMIT_S)
        assert http.get("/").status == 302


def test_thousands_of_headers_do_not_fill_the_report() -> None:
    seen: list[Observation] = []
    many = b"".join(b"x-%d: %s\r\n" % (i, b"y" * 20) for i in range(2000))
    with serving(whole(b"{}", many)) as port:
        ask(port, seen)
    shown = seen[0].answer["headers"]
    assert shown["..."] == "1942 more"
    assert len(json.dumps(shown)) < 5000


def test_no_cookie_is_kept() -> None:
    asked: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(OK + b"set-cookie: a=b; path=/\r\ncontent-length: 2\r\n\r\n{}")
        asked.append(connection.recv(65536))
        connection.sendall(OK + b"content-length: 2\r\n\r\n{}")

    with serving(serve) as port, open_client() as client:
        http = Http(client, f"http://127.0.0.1:{port}", None, ProbeContext(lambda _: None, Redactor()), LIMIT_S)
        assert (http.get("/").status, http.get("/").status) == (200, 200)
    assert asked
    assert b"cookie" not in asked[0].lower()


def test_a_resolver_that_does_not_answer_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[object]:
        time.sleep(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    began = time.monotonic()
    with open_client() as client, pytest.raises(InconclusiveError, match="the resolver does not answer"):
        Http(client, "http://slow.example", None, ProbeContext(lambda _: None, Redactor()), LIMIT_S).get("/")
    assert time.monotonic() - began < LIMIT_S + SLACK_S


def test_all_addresses_of_a_name_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three addresses that do not answer, and one that does."""
    with serving(whole(b"{}")) as port, open_client() as client:
        silent = [f"192.0.2.{i}" for i in (1, 2, 3)]
        monkeypatch.setattr(deadline, "addresses_of", lambda *_: [*silent, "127.0.0.1"])
        inner, tried = socket.create_connection, []

        def connect(address: tuple[str, int], timeout: float, **given: object) -> socket.socket:
            tried.append(address[0])
            if address[0] in silent:
                time.sleep(timeout)
                raise TimeoutError
            return inner(address, timeout)

        monkeypatch.setattr(socket, "create_connection", connect)
        http = Http(client, f"http://many.example:{port}", None, ProbeContext(lambda _: None, Redactor()), LIMIT_S)
        assert http.get("/").status == 200
    assert tried == [*silent, "127.0.0.1"]


def test_a_name_that_moves_to_another_address_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old server has closed the connection that was kept: what is asked next goes to the new one."""

    def saying(word: bytes) -> Serve:
        return lambda connection: connection.sendall(OK + b"content-length: 3\r\n\r\n" + word)

    addresses = ["127.0.0.1"]
    monkeypatch.setattr(deadline, "addresses_of", lambda *_: list(addresses))
    with serving(saying(b"old")) as port, serving(saying(b"new"), at=("127.0.0.2", port)), open_client() as client:
        http = Http(client, f"http://moves.example:{port}", None, ProbeContext(lambda _: None, Redactor()), LIMIT_S)
        old = http.get("/").body
        addresses[:] = ["127.0.0.2"]
        assert (old, http.get("/").body) == (b"old", b"new")


def test_a_name_that_cannot_be_one_is_no_finding() -> None:
    with open_client() as client, pytest.raises(InconclusiveError):
        Http(client, f"http://{'a' * 70}.example", None, ProbeContext(lambda _: None, Redactor()), LIMIT_S).get("/")
