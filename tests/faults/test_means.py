"""Each means breaks what it says, and puts it back: also what a killed run left."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xmlrpc.server import SimpleXMLRPCServer

import pytest
import redis

from embedded.ports import free_port
from embedded.programs import redis_server
from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError, NotDeclared
from gonogo.faults.failures import FAILURES, OUTAGES
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry, Journal
from gonogo.targets.endpoints import Levers
from gonogo.targets.loader import load_target
from gonogo.targets.model import Target


class Supervised:
    """Something like supervisord: it knows one process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def getProcessInfo(self, _name: str) -> dict[str, Any]:  # noqa: N802 (supervisord's name)
        return {"statename": "RUNNING", "pid": self._process.pid}

    def getPID(self) -> int:  # noqa: N802 (supervisord's name)
        return os.getpid()


@pytest.fixture
def process() -> "Iterator[subprocess.Popen[bytes]]":
    running = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield running
    running.send_signal(signal.SIGCONT)
    running.kill()
    running.wait()


@pytest.fixture
def supervisor(process: "subprocess.Popen[bytes]") -> Iterator[str]:
    server = SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)

    class Root:
        supervisor = Supervised(process)

    server.register_instance(Root(), allow_dotted_names=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def target_of(tmp_path: Path, text: str) -> Target:
    file = tmp_path / "target.yaml"
    file.write_text(f"name: t\nenvironment: staging\n{text}", encoding="utf-8")
    return load_target(file, date(2026, 1, 1))


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def await_state(pid: int, wanted: str) -> None:
    deadline = time.monotonic() + 5
    while state_of(pid) not in wanted:
        assert time.monotonic() < deadline, state_of(pid)
        time.sleep(0.01)


def test_a_frozen_process_goes_on(tmp_path: Path, supervisor: str, process: "subprocess.Popen[bytes]") -> None:
    target = target_of(tmp_path, f"supervisor: {{url: '{supervisor}'}}\n")
    with Injector(target, Journal(tmp_path / "journal")).broken({"freeze": "it"}):
        await_state(process.pid, "T")
    await_state(process.pid, "SR")


KILLED = """
import os, sys
from datetime import date
from pathlib import Path
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry, Journal
from gonogo.targets.loader import load_target

folder = Path(sys.argv[1])
injector = Injector(load_target(folder / "target.yaml", date(2026, 1, 1)), Journal(folder / "journal"))
with injector.broken({"freeze": "it"}, {"command": "mark", "values": {"name": "x"}}):
    os.kill(os.getpid(), 9)
"""


def test_the_next_run_lifts_what_a_killed_one_left(
    tmp_path: Path, supervisor: str, process: "subprocess.Popen[bytes]"
) -> None:
    commands = "commands: {mark: {do: [touch, 'made-{name}'], undo: [rm, 'made-{name}']}}\n"
    target = target_of(tmp_path, f"supervisor: {{url: '{supervisor}'}}\n{commands}")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    await_state(process.pid, "T")
    assert (tmp_path / "made-x").exists()
    undone = Injector(target, Journal(tmp_path / "journal")).undo_unfinished()
    assert [line.partition(":")[0] for line in undone] == ["frozen", "command"]
    await_state(process.pid, "SR")
    assert not (tmp_path / "made-x").exists()
    assert list((tmp_path / "journal").iterdir()) == []


def test_another_process_of_the_same_number_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    injector = Injector(target_of(tmp_path, ""), journal)
    entry = journal.write("frozen", {"service": "it", "pid": os.getpid(), "started": "1"})
    injector.undo(entry)
    assert journal.unfinished() == []


def test_a_service_on_another_machine_cannot_be_frozen(tmp_path: Path, supervisor: str) -> None:
    target = target_of(tmp_path, f"supervisor: {{url: '{supervisor}'}}\n")
    Supervised.getProcessInfo, kept = lambda *_: {"statename": "RUNNING", "pid": 2**22 + 1}, Supervised.getProcessInfo  # type: ignore[method-assign]
    try:
        with (
            pytest.raises(GonogoError, match="does not run on this machine"),
            Injector(target, Journal(tmp_path / "journal")).broken({"freeze": "it"}),
        ):
            pass
    finally:
        Supervised.getProcessInfo = kept  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("command", "told"),
    [("[sh, -c, 'echo no >&2; exit 3']", "ended with 3"), ("[no-such-program]", "cannot be run"),
     ("[sleep, '9']", "did not end")],
)  # fmt: skip
def test_a_command_that_fails_is_told_and_still_undone(tmp_path: Path, command: str, told: str) -> None:
    text = f"commands: {{c: {{do: {command}, undo: [touch, undone], timeout_s: 0.5}}}}\n"
    injector = Injector(target_of(tmp_path, text), Journal(tmp_path / "journal"))
    with pytest.raises(InconclusiveError, match=told), injector.broken({"command": "c"}):
        pass
    assert (tmp_path / "undone").exists()


class Toxic(BaseHTTPRequestHandler):
    """Toxiproxy's API as far as it is used: what was asked of it, in order."""

    asked: "list[tuple[str, str, Any]]" = []  # noqa: RUF012 (one server a test)

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/proxies/door" else 404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(("POST", self.path, body))
        self._answer(200, {"enabled": body.get("enabled")})

    def do_DELETE(self) -> None:
        self.asked.append(("DELETE", self.path, None))
        self._answer(404, {"error": "toxic not found"})

    def _answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 (its name there)
        pass


def test_a_toxic_is_added_and_removed_and_connections_are_cut(tmp_path: Path) -> None:
    Toxic.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Toxic) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = (
            f"toxiproxy: {{url: 'http://127.0.0.1:{server.server_address[1]}'}}\n"
            "providers: [{name: p, kind: vllm, url: 'http://p:1', proxy: door}]\n"
        )
        injector = Injector(target_of(tmp_path, text), Journal(tmp_path / "journal"))
        with injector.broken({"toxic": "p", "type": "latency", "attributes": {"latency": 5}}):
            ((method, path, body),) = Toxic.asked
        server.shutdown()
    assert (method, path) == ("POST", "/proxies/door/toxics")
    assert (body["type"], body["attributes"]) == ("latency", {"latency": 5})
    assert [(method, path) for method, path, _ in Toxic.asked[1:]] == [
        ("DELETE", f"/proxies/door/toxics/{body['name']}"),
        ("POST", "/proxies/door"),
        ("POST", "/proxies/door"),
    ]
    assert [body["enabled"] for _, _, body in Toxic.asked[2:]] == [False, True]


def test_a_step_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    injector = Injector(target_of(tmp_path, ""), Journal(tmp_path / "journal"))
    with pytest.raises(GonogoError, match="no means is known"), injector.broken({"burn": "it"}):
        pass


@pytest.mark.parametrize(
    ("text", "step", "missing"),
    [
        ("", {"toxic": "p", "type": "down"}, "toxiproxy"),
        ("toxiproxy: {url: 'http://t:1'}\n", {"toxic": "p", "type": "down"}, "a proxy of p"),
        ("", {"freeze": "it"}, "an actor"),
        ("", {"command": "c"}, "a command c"),
        ("", {"container": "p", "act": "kill"}, "a container of p"),
        ("", {"redis_flush": True}, "a cache"),
        ("cache: {url: 'redis://r:1'}\n", {"redis_flush": True}, "cache.flushable"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, text: str, step: dict[str, Any], missing: str) -> None:
    assert missing in Injector(target_of(tmp_path, text), Journal(tmp_path / "journal")).lacks(step)


def test_the_first_means_that_is_there_is_taken() -> None:
    levers = Levers("p", service="p-service", container="p-1", proxy="p-door")
    here = {"toxic": "toxiproxy", "container": "", "stop": ""}
    step = FAILURES["refused"].step_for(levers, lambda step: here[next(iter(step))])
    assert step == {"container": "p", "act": "kill"}
    with pytest.raises(NotDeclared, match="proxy"):
        FAILURES["reset"].step_for(Levers("p", service="p-service"), lambda _: "")
    with pytest.raises(NotDeclared, match=r"cache\.flushable"):
        OUTAGES["flushed"].step_for(Levers("cache"), lambda _: "cache.flushable")


@pytest.fixture(scope="module")
def cache_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    words = [redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    client, deadline = redis.Redis(port=port), time.monotonic() + 10
    while True:
        try:
            client.ping()
            break
        except redis.RedisError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    yield f"redis://127.0.0.1:{port}/0"
    client.close()
    server.terminate()
    server.wait(timeout=10)


@pytest.mark.parametrize("outage", ["read-only", "full", "slow", "flushed"])
def test_a_redis_fails_and_works_again(tmp_path: Path, cache_url: str, outage: str) -> None:
    target = target_of(tmp_path, f"cache: {{url: '{cache_url}', flushable: true}}\n")
    journal = Journal(tmp_path / "journal")
    injector = Injector(target, journal)
    assert target.cache is not None
    with redis.Redis.from_url(cache_url, socket_timeout=5) as client:
        client.set("before", "1")
        with injector.broken(OUTAGES[outage].step_for(target.cache.levers, injector.lacks)):
            if outage in ("read-only", "full"):
                with pytest.raises(redis.RedisError):
                    client.set("during", "1")
            began = time.monotonic()
            held = client.get("before")
            assert (held is None) == (outage == "flushed")
            assert (time.monotonic() - began > 0.3) == (outage == "slow")
        assert client.set("after", "1")
    assert journal.unfinished() == []


def test_a_full_redis_evicts_nothing(tmp_path: Path, cache_url: str) -> None:
    injector = Injector(target_of(tmp_path, f"cache: {{url: '{cache_url}'}}\n"), Journal(tmp_path / "journal"))
    with redis.Redis.from_url(cache_url, socket_timeout=5) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        for i in range(50):
            client.set(f"kept-{i}", "x")
        with injector.broken({"redis_full": True}), pytest.raises(redis.RedisError):
            client.set("during", "1")
        assert client.exists(*(f"kept-{i}" for i in range(50))) == 50
        policy = client.config_get("maxmemory-policy")
        assert policy in ({"maxmemory-policy": "allkeys-lru"}, {b"maxmemory-policy": b"allkeys-lru"})
        client.config_set("maxmemory-policy", "noeviction")


def test_another_cache_is_not_set_back_in_its_place(tmp_path: Path, cache_url: str) -> None:
    journal = Journal(tmp_path / "journal")
    entry = journal.write("redis", {"url": "redis://elsewhere:1/0", "settings": {"maxmemory": "7"}})
    injector = Injector(target_of(tmp_path, f"cache: {{url: '{cache_url}'}}\n"), journal)
    with pytest.raises(EndpointFailedError, match="names another one"):
        injector.undo(entry)
    with redis.Redis.from_url(cache_url, decode_responses=True) as client:
        assert client.config_get("maxmemory") == {"maxmemory": "0"}
    journal.mark_undone(entry)


class Control(Toxic):
    """A control API that knows one fault, and what is on."""

    on: "set[str]" = set()  # noqa: RUF012 (one server a test)

    def do_GET(self) -> None:
        self._answer(200, {"known": {"http-500": "it answers 500"}})

    def do_PUT(self) -> None:
        self.on.add(self.path)
        self._answer(200, {})

    def do_DELETE(self) -> None:
        self.on.discard(self.path)
        self._answer(200, {})


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Target]:
    Control.on = set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Control) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        yield target_of(tmp_path, f"providers: [{{name: p, kind: vllm, url: '{url}', control_url: '{url}'}}]\n")
        server.shutdown()


def test_a_fault_that_nobody_knows_is_told_before_anything_is_journalled(controlled: Target, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with (
        pytest.raises(GonogoError, match="p has no fault 'htpp-500'"),
        Injector(controlled, journal).broken({"control": "p", "fault": "htpp-500"}),
    ):
        pass
    assert (journal.unfinished(), Control.on) == ([], set())


def test_a_second_interrupt_does_not_keep_the_others_broken(
    controlled: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal")
    injector = Injector(controlled, journal)
    undo, calls = injector.undo, []

    def interrupted_once(entry: Entry) -> None:
        calls.append(entry.kind)
        if len(calls) == 1:
            raise KeyboardInterrupt
        undo(entry)

    monkeypatch.setattr(injector, "undo", interrupted_once)
    with pytest.raises(KeyboardInterrupt), injector.broken(*[{"control": "p", "fault": "http-500"}] * 2):
        raise KeyboardInterrupt
    assert calls == ["control", "control"]
    assert len(journal.unfinished()) == 1
    journal.mark_undone(journal.unfinished()[0])


def test_a_tool_that_fails_decides_nothing(tmp_path: Path) -> None:
    text = "providers: [{name: p, kind: vllm, url: 'http://127.0.0.1:9', control_url: 'http://127.0.0.1:9'}]\n"
    journal = Journal(tmp_path / "journal")
    with (
        pytest.raises(InconclusiveError, match="could not be switched on"),
        Injector(target_of(tmp_path, text), journal).broken({"control": "p", "fault": "http-500"}),
    ):
        pass
    assert journal.unfinished() == []


def test_the_journal_is_its_owners_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    entry = journal.write("command", {"command": "c", "undo": ["rm", "secret"]})
    (file,) = (tmp_path / "journal").glob("*.jsonl")
    assert file.stat().st_mode & 0o077 == 0
    journal.mark_undone(entry)
