"""The recording pass-through: what goes through is not changed, what arrives is noted, what is switched on breaks it."""

import hashlib
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from embedded.front import FAILURES
from tests.calibration.servers import Servers

ASK = {"model": "m", "messages": [{"role": "user", "content": "Hola, ¿qué tal?"}], "max_tokens": 6}
PATH = "/v1/chat/completions"


class Passed(Servers):
    """A scripted provider, and a pass-through before it."""

    def start(self) -> None:
        """Start both."""
        port = self.place("provider")
        provider = [sys.executable, "-m", "embedded.provider", "--dialect", "vllm", "--chat-model", "m"]
        self.run([*provider, "--port", str(port), "--token-ms", "30"])
        self.await_health("provider")
        passthrough = [sys.executable, "-m", "embedded.passthrough", "--upstream", self.urls["provider"]]
        self.run([*passthrough, "--port", str(self.place("passthrough"))])
        self.await_health("passthrough")


@pytest.fixture(scope="module")
def running() -> Iterator[Passed]:
    with Passed("PASSED") as servers:
        yield servers


@pytest.fixture
def through(running: Passed) -> Iterator[httpx.Client]:
    running.reset()
    with httpx.Client(base_url=running.urls["passthrough"], timeout=10) as client:
        yield client


def test_an_answer_is_not_changed(running: Passed, through: httpx.Client) -> None:
    direct = httpx.post(running.urls["provider"] + PATH, json=ASK)
    passed = through.post(PATH, json=ASK)
    assert passed.status_code == 200
    assert passed.headers["content-type"] == direct.headers["content-type"]
    assert passed.json()["choices"] == direct.json()["choices"]
    missing = through.post("/v1/no-such-path", json={})
    assert (missing.status_code, missing.json()) == (
        404, httpx.post(running.urls["provider"] + "/v1/no-such-path", json={}).json(),
    )  # fmt: skip


def test_a_stream_comes_piece_by_piece(through: httpx.Client) -> None:
    with through.stream("POST", PATH, json={**ASK, "stream": True}) as answer:
        times = [time.monotonic() for line in answer.iter_lines() if line.startswith("data:")]
    assert len(times) >= 8
    assert times[-1] - times[0] > 0.1  # six tokens, 30 ms apart: they were not held back


def test_what_arrives_is_noted_by_its_prompt(through: httpx.Client) -> None:
    prompt = f"¿Quién cuenta? {time.time()}"
    asked = {**ASK, "messages": [{"role": "user", "content": prompt}]}
    before = through.get("/control/counters").json().get("arrived", 0)
    began = time.time()
    for stream in (False, True):
        through.post(PATH, json={**asked, "stream": stream})
    digest = hashlib.sha256(prompt.encode()).hexdigest()
    deadline = time.monotonic() + 10
    while True:  # the end of an answer is noted a moment after it has been read here
        arrivals = through.get("/control/arrivals", params={"prompt": digest}).json()
        if all(arrival["ended_s"] for arrival in arrivals) or time.monotonic() > deadline:
            break
    assert [(arrival["model"], arrival["stream"]) for arrival in arrivals] == [("m", False), ("m", True)]
    assert all(began - 1 < arrival["at_s"] <= arrival["ended_s"] < time.time() + 1 for arrival in arrivals)
    assert through.get("/control/counters").json()["arrived"] == before + 2
    assert prompt not in through.get("/control/arrivals").text
    assert f"passthrough_completions_total {before + 2}" in through.get("/control/metrics").text


@pytest.mark.parametrize(
    ("fault", "status", "wanted"),
    [("http-500", 500, b"the engine is dead"), ("http-503", 503, b"the engine is dead"),
     ("http-502-html", 502, b"<html>"), ("empty-200", 200, b""), ("error-in-200", 200, b'{"error"'),
     ("broken-json", 200, b'"message": {"con')],
)  # fmt: skip
def test_a_failure_is_switched_on(through: httpx.Client, fault: str, status: int, wanted: bytes) -> None:
    through.put(f"/control/faults/{fault}").raise_for_status()
    answer = through.post(PATH, json=ASK)
    assert (answer.status_code, wanted in answer.content) == (status, True)
    assert through.get("/health").status_code == 200  # only completions fail
    through.delete(f"/control/faults/{fault}")
    assert through.post(PATH, json=ASK).json()["choices"]


def test_too_many_requests_may_say_when(through: httpx.Client) -> None:
    through.put("/control/faults/http-429", json={"retry_after_s": "7"})
    answer = through.post(PATH, json=ASK)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def read_into(pieces: list[bytes], through: httpx.Client) -> None:
    """Read a stream to its end."""
    with through.stream("POST", PATH, json={**ASK, "stream": True}) as answer:
        pieces.extend(answer.iter_bytes())


@pytest.mark.parametrize("tokens", [0, 3])
def test_a_stream_is_cut(through: httpx.Client, tokens: int) -> None:
    through.put("/control/faults/stream-cut", json={"tokens": tokens})
    pieces: list[bytes] = []
    with pytest.raises(httpx.RemoteProtocolError):
        read_into(pieces, through)
    seen = b"".join(pieces)
    assert (seen.count(b'"content": "') - seen.count(b'"content": ""'), b"[DONE]" in seen) == (tokens, False)


@pytest.mark.parametrize("stream", [False, True])
def test_late_and_slow_answers_are_whole(through: httpx.Client, stream: bool) -> None:
    asked = {**ASK, "stream": stream}
    plain = through.post(PATH, json=asked).content.count(b"content")
    for fault, least_s in (("slow-first-byte", 0.3), ("trickle", 0.2)):
        through.put(f"/control/faults/{fault}", json={"delay_ms": 300 if fault == "slow-first-byte" else 40})
        began = time.monotonic()
        assert through.post(PATH, json=asked).content.count(b"content") == plain
        assert time.monotonic() - began > least_s
        through.delete(f"/control/faults/{fault}")


def test_another_name_and_another_type(through: httpx.Client) -> None:
    for fault in ("wrong-model", "wrong-media-type"):
        through.put(f"/control/faults/{fault}")
    answer = through.post(PATH, json={**ASK, "model": "m"})
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.json()["choices"]


def test_a_server_that_is_gone_is_told(running: Passed) -> None:
    port = running.place("lonely")
    running.run([sys.executable, "-m", "embedded.passthrough", "--upstream", "http://127.0.0.1:9", "--port", str(port)])
    running.await_health("lonely", "/control/counters")
    answer = httpx.post(f"{running.urls['lonely']}{PATH}", json=ASK, timeout=10)
    assert (answer.status_code, "127.0.0.1:9" in answer.text) == (502, True)


def test_every_failure_can_be_named(through: httpx.Client) -> None:
    assert set(through.get("/control/faults").json()["known"]) == set(FAILURES)
    assert through.put("/control/faults/nope").status_code == 404
