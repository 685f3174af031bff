"""What is asked beside HTTP, against servers that hang, drip, hang up, or never end: a clear error in bounded time."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml
from redis._parsers import _RESP2Parser
from redis.connection import DefaultParser

from embedded.ports import free_port
from gonogo.drills.history import DrillHistory
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults import actors
from gonogo.probes import agent as agents
from gonogo.probes import redis_connections, tls
from gonogo.probes.agent import AgentProbe
from gonogo.probes.context import ProbeContext
from gonogo.probes.kubernetes import ClusterApi, UnreachableError
from gonogo.probes.redis import RedisProbe
from gonogo.probes.webhooks import listening
from gonogo.redaction import Redactor
from gonogo.suites.cluster.test_workloads import test_api_reachable as look_for_api
from gonogo.targets.agent import Agent
from gonogo.targets.cluster import Cluster
from gonogo.targets.model import Actor, Cache
from gonogo.targets.secrets import Secret
from tests.hostile import OK, Serve, in_little_memory, repeating, reset, serving, whole, zeros_gzipped

QUIET = ProbeContext(lambda _: None, Redactor())
LIMIT_S, SLACK_S = 1.0, 3.0


def silent(connection: socket.socket) -> None:
    del connection
    time.sleep(10)


def refuse(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 No\r\n\r\n")


@pytest.mark.parametrize(
    ("serve", "wanted"),
    [(silent, "does not shake hands: .*timed out"), (reset, "does not shake hands"), (refuse, "does not speak TLS")],
    ids=["silent", "reset", "no-tls"],
)
def test_a_certificate_that_is_not_shown(serve: Serve, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_TIMEOUT_S", LIMIT_S)
    began = time.monotonic()
    with serving(serve) as port, pytest.raises(EndpointFailedError, match=wanted):
        tls.TlsProbe(f"https://127.0.0.1:{port}", QUIET).certificate()
    assert time.monotonic() - began < LIMIT_S + SLACK_S


def test_an_old_version_that_is_met_with_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_TIMEOUT_S", LIMIT_S)
    with serving(silent) as port, pytest.raises(EndpointFailedError, match="does not shake hands"):
        tls.TlsProbe(f"https://127.0.0.1:{port}", QUIET).speaks(ssl.TLSVersion.TLSv1)
    with serving(reset) as port:
        assert not tls.TlsProbe(f"https://127.0.0.1:{port}", QUIET).speaks(ssl.TLSVersion.TLSv1)


def test_a_supervisor_that_is_silent_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "_COMMAND_S", LIMIT_S)
    began = time.monotonic()
    with serving(silent) as port, pytest.raises(EndpointFailedError, match="timed out"):
        actors.SupervisorActor(Actor("supervisor", url=f"http://127.0.0.1:{port}")).state("gateway")
    assert time.monotonic() - began < LIMIT_S + SLACK_S


def cluster_at(port: int, folder: Path, host: str = "127.0.0.1") -> Cluster:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config), encoding="utf-8")
    return Cluster("x", "space", folder / "kubeconfig")


@pytest.mark.parametrize(
    "serve",
    [
        silent,
        reset,
        repeating(OK + b"content-length: 100000\r\n\r\n", b"x", 0.05),
        repeating(OK + b"content-length: 10000000000\r\n\r\n", bytes(65536)),
        repeating(OK + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(65536) + b"\r\n"),
    ],
    ids=["silent", "reset", "drips", "ten-gigabytes", "chunks"],
)
def test_an_api_server_that_means_harm(serve: Serve, tmp_path: Path) -> None:
    with serving(serve) as port:
        cluster = cluster_at(port, tmp_path)

        def ask() -> object:
            with ClusterApi(cluster, QUIET, LIMIT_S) as api:
                return api.list("Pod")

        began = time.monotonic()
        said = in_little_memory(ask, 250)
    assert said.startswith("ApiDownError: "), said
    assert time.monotonic() - began < LIMIT_S + 2 * SLACK_S


def test_an_api_server_whose_name_does_not_resolve_says_nothing(tmp_path: Path) -> None:
    cluster = cluster_at(1, tmp_path, "no-such-host.invalid")
    with ClusterApi(cluster, QUIET, LIMIT_S) as api, pytest.raises(UnreachableError, match="does not resolve"):
        api.list("Pod")
    with ClusterApi(cluster, QUIET, LIMIT_S) as api, pytest.raises(UnreachableError):
        look_for_api(api)


@pytest.mark.parametrize(
    "made",
    [lambda: zeros_gzipped(300), lambda: b"[" * 100_000, lambda: b'{"kind": 1e999}', lambda: b"<h1>Log in</h1>"],
    ids=["bomb", "nested", "infinite", "a login page"],
)
def test_an_api_server_that_talks_nonsense(made: Callable[[], bytes], tmp_path: Path) -> None:
    """What it says is no object, and so no empty list; nothing is unpacked that was not asked to be packed."""
    body = made()
    with serving(whole(body, b"content-encoding: gzip\r\n" if body[:2] == b"\x1f\x8b" else b"")) as port:
        cluster = cluster_at(port, tmp_path)

        def ask() -> object:
            with ClusterApi(cluster, QUIET, LIMIT_S) as api:
                return list(api.get("/api/v1/pods") or {})

        said = in_little_memory(ask, 250)
    assert said.startswith("ApiDownError: GET /api/v1/pods: HTTP 200, and no answer of the API"), said


@pytest.mark.parametrize(
    "serve",
    [
        silent,
        reset,
        refuse,
        repeating(b"", b"+", 0.05),
        repeating(b"$10000000000\r\n", bytes(65536)),
        repeating(b"*4000000000\r\n", b":1\r\n" * 10_000),
        repeating(b"", b"*1\r\n" * 10_000),
        repeating(b"", b"$4\r\nmany\r\n", 0.05),
    ],
    ids=["silent", "reset", "no-redis", "drips", "ten-gigabytes", "elements", "nested", "nonsense"],
)
@pytest.mark.parametrize("parser", [DefaultParser, _RESP2Parser], ids=["hiredis", "python"])
def test_a_redis_that_means_harm(serve: Serve, parser: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_connections, "LIMIT_S", LIMIT_S)
    began = time.monotonic()
    with serving(serve) as port:
        cache = Cache(f"redis://127.0.0.1:{port}", None)

        def ask() -> object:
            probe = RedisProbe(cache, QUIET)
            probe._client.connection_pool.connection_kwargs["parser_class"] = parser
            return probe.keys()

        said = in_little_memory(ask, 250)
    assert said.startswith("EndpointFailedError: redis://127.0.0.1:"), said
    assert time.monotonic() - began < LIMIT_S + 2 * SLACK_S


def test_a_redis_whose_name_does_not_resolve_in_time_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[object]:
        time.sleep(10)
        return []

    monkeypatch.setattr(redis_connections, "LIMIT_S", LIMIT_S)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    began = time.monotonic()
    with pytest.raises(InconclusiveError, match="the name does not resolve here"):
        RedisProbe(Cache("redis://slow.example", None), QUIET).keys()
    assert time.monotonic() - began < LIMIT_S + SLACK_S


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 200000\r\n\r\n" + b"[" * 200_000,
        b'POST / HTTP/1.1\r\ncontent-length: 12\r\n\r\n{"alerts":7}',
    ],
    ids=["negative", "huge", "no-number", "nested", "no-list"],
)
def test_a_notification_that_is_none(request_: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    address = f"127.0.0.1:{free_port()}"
    with listening(address) as receiver:
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 10) as connection:
            connection.sendall(request_)
            assert connection.recv(64).startswith(b"HTTP/1.0 400")
        assert receiver.arrived == []
    assert capfd.readouterr().err == ""


def test_an_audit_log_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "_MOST_RECORDS", 20)

    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        told = {"records": [{"seq": after + 1}], "head": {"seq": after + 5, "hash": "0"}}
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(told).encode()))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        probe = AgentProbe(Agent("http://agent.example", Secret("$KEY", "k")), client, QUIET)
        with pytest.raises(EndpointFailedError, match="does not end: 20 records"):
            probe.since(0)


def test_a_history_of_drills_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "drills.jsonl"
    file.write_text('{"name": "restore", "good": tr', encoding="utf-8")
    history, began = DrillHistory(file), datetime.now(UTC)
    assert history.last_good("restore") is None
    report = {"row": "G9", "began": began.isoformat(), "took_s": 1.0, "outage_s": 0.0, "lost": 0}
    history.add("restore", report, good=True)
    assert history.last_good("restore") == began
