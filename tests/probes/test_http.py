"""The HTTP probe against servers that misbehave on the wire."""

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gonogo.errors import BudgetExhaustedError, EndpointFailedError, InconclusiveError, StarvedError
from gonogo.model import Observation
from gonogo.probes import deadline
from gonogo.probes.chat import Chat, listed_models
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http, open_client
from gonogo.probes.tcp import nobody_listens, telling
from gonogo.redaction import Redactor
from gonogo.targets.endpoints import ChatModel, Endpoint
from gonogo.targets.secrets import Secret
from tests.hostile import Serve, serving

KEY = Secret("$THE_KEY", "sk-very-secret-value")


@contextmanager
def server(serve: Serve) -> Iterator[str]:
    """A server that gives each connection to `serve`; its URL."""
    with serving(serve) as port:
        yield f"http://127.0.0.1:{port}"


def answer(body: str, kind: str = "application/json", status: str = "200 OK") -> Serve:
    raw = body.encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(raw)}\r\nconnection: close\r\n\r\n"
    return lambda connection: connection.sendall(head.encode() + raw)


class Bench:
    """A probe and what it recorded."""

    def __init__(self, url: str, timeout_s: float = 1.0, spend: Callable[[int, int], None] | None = None) -> None:
        self.seen: list[Observation] = []
        self.client = open_client()
        context = ProbeContext(self.seen.append, Redactor([KEY.value]), spend or (lambda _requests, _tokens: None))
        self.http = Http(self.client, url, KEY, context, timeout_s)

    def chat(self, url: str) -> Chat:
        return Chat(Endpoint("e", "openai", url), ChatModel("m"), self.http)

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    try:
        for _ in range(30):
            connection.sendall(b"x")
            threading.Event().wait(0.1)
    except OSError:
        pass


@pytest.mark.parametrize(
    ("serve", "wanted"),
    [
        (lambda _: None, "the answer broke"),
        (lambda _: threading.Event().wait(2), "no whole answer within 1 s"),
        (drip, "no whole answer within 1 s"),
        (lambda c: c.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"), "the answer broke"),
        (lambda c: c.sendall(b"nonsense\r\n\r\n"), "the answer broke"),
    ],
    ids=["closes", "silent", "drips", "truncated", "not-http"],
)
def test_what_the_endpoint_does_wrong_is_its_fail(serve: Serve, wanted: str) -> None:
    with server(serve) as url, Bench(url) as bench:
        with pytest.raises(EndpointFailedError, match=wanted):
            bench.http.get("/health")
        assert wanted in bench.seen[0].answer["error"]


def test_a_time_limit_that_passed_without_a_processor_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([0.0])
    monkeypatch.setattr("gonogo.probes.http._Limit.ours_ms", property(lambda _: next(told, 600.0)))
    with server(drip) as url, Bench(url) as bench:
        with pytest.raises(EndpointFailedError, match="no whole answer within 1 s"):
            bench.http.get("/health")
    with server(drip) as url, Bench(url) as bench:
        with pytest.raises(StarvedError, match="for 0.6 s of that this machine had no processor"):
            bench.http.get("/health")


def test_refused_is_a_fail() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with Bench(f"http://127.0.0.1:{port}") as bench, pytest.raises(EndpointFailedError, match="cannot connect"):
        bench.http.get("/")


def test_as_many_requests_are_open_as_are_asked_for() -> None:
    """None waits for a connection of ours, as if it waited for its answer."""
    count = 120
    all_asked = threading.Barrier(count, timeout=20)

    def serve(connection: socket.socket) -> None:
        all_asked.wait()
        answer("{}")(connection)

    with server(serve) as url, Bench(url, timeout_s=20) as bench, ThreadPoolExecutor(count) as pool:
        assert {told.status for told in pool.map(lambda _: bench.http.get("/"), range(count))} == {200}


def test_dot_segments_are_sent_as_they_are_written() -> None:
    asked: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    paths = ["/base/v1/./models?a=b", "/base/v1/x/../models", "/base/plain/../", "/base/v1..a?u=/../"]
    with HTTPServer(("127.0.0.1", 0), Page) as listener:
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        with Bench(f"http://127.0.0.1:{listener.server_port}/base", timeout_s=10) as bench:
            for path in paths:
                bench.http.get(path.removeprefix("/base"))
            as_is = ["--path-as-is" in (seen.repeat or "") for seen in bench.seen]
        listener.shutdown()
    assert asked == paths
    assert as_is == [True, True, True, False]


def failure(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def test_of_several_addresses_the_one_is_told_that_is_not_ours() -> None:
    unreachable, refused = failure(errno.ENETUNREACH), failure(errno.ECONNREFUSED)
    assert telling([refused, unreachable]) is refused
    assert telling([unreachable, refused]) is refused
    assert telling([unreachable]) is unreachable


def test_addresses_are_tried_and_the_one_that_refuses_is_the_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of two families on a machine that speaks only one of them."""
    monkeypatch.setattr(deadline, "addresses_of", lambda *_: ["127.0.0.1", "ff02::1"])  # no machine is left for that
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        with Bench(f"http://twice.example:{holder.getsockname()[1]}") as bench:
            with pytest.raises(EndpointFailedError, match="Connection refused") as told:
                bench.http.get("/")
            assert nobody_listens(told.value)


def test_a_host_that_cannot_be_reached_has_refused_nothing() -> None:
    error = EndpointFailedError("cannot connect")
    error.__cause__ = failure(errno.EHOSTUNREACH)
    assert not nobody_listens(error)


def test_an_unknown_name_is_inconclusive() -> None:
    with Bench("http://no-such-host.invalid") as bench, pytest.raises(InconclusiveError, match="does not resolve"):
        bench.http.get("/")


def test_evidence_holds_no_secret_and_can_be_repeated() -> None:
    with server(answer('{"leak": "sk-very-secret-value"}')) as url, Bench(url) as bench:
        bench.http.post("/v1/x", {"q": "it's"})
    seen = bench.seen[0]
    assert "very-secret" not in str(seen)
    assert seen.repeat == (
        f"curl -sS -i -X POST {url}/v1/x -H 'content-type: application/json' "
        '-H "authorization: Bearer $THE_KEY" --data \'{"q": "it\'"\'"\'s"}\''
    )


def test_budget_is_asked_before_anything_is_sent() -> None:
    def refuse(_requests: int, _tokens: int) -> None:
        raise BudgetExhaustedError("used up")

    with Bench("http://127.0.0.1:9", spend=refuse) as bench, pytest.raises(BudgetExhaustedError):
        bench.http.get("/")


def test_streamed_chat() -> None:
    stream = 'data: {"choices":[{"delta":{"content":"Ho"}}]}\n\ndata: {"choices":[{"delta":{"content":"la"}}]}\n\n'
    with server(answer(stream + "data: [DONE]\n\n", "text/event-stream")) as url, Bench(url) as bench:
        got = bench.chat(url).ask("x", stream=True)
    assert (got.text, got.done, len(got.content_ms)) == ("Hola", True, 2)


def test_a_broken_stream_is_a_fail() -> None:
    with server(answer("data: {broken\n\n", "text/event-stream")) as url, Bench(url) as bench:
        with pytest.raises(EndpointFailedError, match="not JSON"):
            bench.chat(url).ask("x", stream=True)


@pytest.mark.parametrize("body", ['{"confidence": NaN}', "Infinity", "{", "[" * 100_000])
def test_what_is_not_json_for_everyone_is_a_fail(body: str) -> None:
    with server(answer(body)) as url, Bench(url) as bench, pytest.raises(EndpointFailedError, match="not JSON"):
        bench.http.get("/").json()


@pytest.mark.parametrize("body", ["<html>", "[]", '{"data": 3}'])
def test_a_model_list_of_another_form_is_a_fail(body: str) -> None:
    with server(answer(body)) as url, Bench(url) as bench, pytest.raises(EndpointFailedError):
        listed_models(bench.chat(url).http)


def hang(_: socket.socket) -> None:
    threading.Event().wait(2)


@pytest.mark.parametrize("serve", [drip, hang])
def test_a_request_that_the_run_cuts_off_is_no_finding(serve: Serve) -> None:
    with server(serve) as url, open_client() as client:
        context = ProbeContext(lambda _: None, Redactor([]), remaining_s=lambda: 0.3)
        with pytest.raises(BudgetExhaustedError, match="the run may take no longer"):
            Http(client, url, None, context, 5.0).get("/")


@pytest.mark.parametrize(
    ("body", "headers", "path", "leaks"),
    [
        ('{"key": "very-secret-value"}', "", "/", ["the answer holds a secret of the target"]),
        ("{}", "x-upstream: very-secret-value\r\n", "/", ["the answer holds a secret of the target"]),
        ('{"key": "very-secret-value"}', "", "/?key=very-secret-value", []),
        (
            '{"key": "ghp_x7Kq9Rt2LmZ8vB3nWc5YpD1sFg6HjA0eQuT4"}',
            "",
            "/",
            ["the answer holds something of the shape of a secret (API key)"],
        ),
        ('{"key": "ghp_x7Kq9Rt2LmZ8vB3nWc5YpD1sFg6HjA0eQuT4"}', "", "/openapi.json", []),
        ('{"key": "very-secret-value"}', "", "/openapi.json", ["the answer holds a secret of the target"]),
        (
            "x" * 5000 + ' "ghp_x7Kq9Rt2LmZ8vB3nWc5YpD1sFg6HjA0eQuT4"',
            "",
            "/",
            ["the answer holds something of the shape of a secret (API key)"],
        ),
        ('{"key": "sk-..."}', "", "/", []),
    ],
)
def test_a_secret_in_an_answer_is_told(body: str, headers: str, path: str, leaks: list[str]) -> None:
    told: list[str] = []
    head = f"HTTP/1.1 200 OK\r\n{headers}content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    with server(lambda c: c.sendall((head + body).encode())) as url, open_client() as client:
        context = ProbeContext(lambda _: None, Redactor(["very-secret-value"]), searched=told.extend)
        Http(client, url, None, context, 5.0).get(path)
        assert told == [f"GET {url}{path}: {leak}" for leak in leaks]


def test_a_password_in_an_address_does_not_keep_answers_from_being_searched() -> None:
    """What stands in a request's address may come back; who logs in by it has not asked for another secret."""
    told: list[str] = []
    with server(lambda c: c.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nother-secret-9")) as url:
        address = url.replace("http://", "http://ana:Corr3ctHorse@")
        context = ProbeContext(lambda _: None, Redactor(["Corr3ctHorse", "other-secret-9"]), searched=told.extend)
        with open_client() as client:
            Http(client, address, None, context, 5.0).get("/")
    assert [leak.rpartition(": ")[2] for leak in told] == ["the answer holds a secret of the target"]
    assert "Corr3ctHorse" not in told[0]


@pytest.mark.parametrize(
    ("address", "raised"),
    [("http://ana:a℀b@127.0.0.1:9", EndpointFailedError), ("http://[1:2]:80", InconclusiveError)],
)
def test_an_odd_address_is_no_crash(address: str, raised: type[Exception]) -> None:
    seen: list[Observation] = []
    with open_client() as client, pytest.raises(raised):
        Http(client, address, None, ProbeContext(seen.append, Redactor(["a℀b"])), 2.0).get("/")
    assert "a℀b" not in str(seen)


def forgetful(answers: int) -> Serve:
    """Close a connection on its second request without a word, and after so many answers on the first.

    Its requests have no body: that would be a second piece.
    """
    left = iter([True] * answers)

    def serve(connection: socket.socket) -> None:
        if next(left, False):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            connection.recv(65536)

    return serve


def test_a_kept_connection_that_the_server_has_closed_says_nothing_of_the_next_request() -> None:
    """Seen with llama.cpp, which closes a connection after some requests: one false alarm in ten runs."""
    with server(forgetful(answers=3)) as url, Bench(url) as bench:
        assert [bench.http.get("").status for _ in range(3)] == [200, 200, 200]
        assert [seen.answer["status"] for seen in bench.seen] == [200, 0, 200, 0, 200]


def test_a_new_connection_that_is_closed_without_a_word_fails() -> None:
    with server(forgetful(answers=1)) as url, Bench(url) as bench:
        bench.http.get("")
        with pytest.raises(EndpointFailedError, match="the answer broke"):
            bench.http.get("")
        assert [seen.answer["status"] for seen in bench.seen] == [200, 0, 0]
