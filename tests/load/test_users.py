"""The open and the closed model, conversations of several turns, on a small server that remembers what it was asked."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gonogo.resources import ROOT
from tests.load.chat_server import PAUSE_S, Server, serving

PLAY = """
import gevent.monkey
gevent.monkey.patch_all()
import sys
from pathlib import Path
from locust.env import Environment
from gonogo.loadtest.profile import load_profile
from gonogo.redaction import Redactor
from gonogo.targets.endpoints import Endpoint
from gonogo.targets.load import Load
from gonogo.load.orders import Order
from gonogo.load.runs import Alone

url, profile, record, attempts = sys.argv[1:]
order = Order(
    Load(Path(profile), "m", ()), load_profile(Path(profile)), Endpoint("gateway", "openai", url), Redactor([]),
    Path(record), Path(attempts),
)
Alone(order, Environment()).play()
"""


AGAIN = """
import gevent.monkey
gevent.monkey.patch_all()
from types import SimpleNamespace
from gonogo.load import locustfile
from gonogo.load.runs import Run


class Played(Run):
    interrupted = 0

    def __init__(self): pass
    def play(self): pass
    def hold(self, order): pass
    def stop(self): pass
    def interrupt(self): self.interrupted += 1


def started_again_while_it_stops():
    locustfile._runs[place] = newer
    locustfile.stop(place)


class Place(SimpleNamespace):
    __hash__ = object.__hash__


ended, newer = Played(), Played()
place = Place(web_ui="page", runner=Place(stop=started_again_while_it_stops))
locustfile._runs[place] = ended
locustfile._play(ended, place)
print(newer.interrupted)
locustfile.stop(place)
print(newer.interrupted)
"""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(getattr(request, "param", 200)) as running:
        yield running


def play(server: Server, folder: Path, profile: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record, and the line of each attempt."""
    (folder / "p.yaml").write_text(json.dumps({"warm_up_s": 0, "timeout_s": 5, **profile}), encoding="utf-8")
    files = [str(folder / name) for name in ("p.yaml", "record.json", "attempts.jsonl")]
    words = [sys.executable, "-c", PLAY, server.url, *files]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    lines = (folder / "attempts.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads((folder / "record.json").read_text(encoding="utf-8")), [json.loads(line) for line in lines]


def test_a_run_that_is_started_while_the_last_one_stops_is_not_interrupted() -> None:
    words = [sys.executable, "-c", AGAIN]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["0", "1"]


TALK = "language: es\nconversations:\n  - {turns: [Uno, Dos, Tres]}\n"


def test_a_conversation_is_held_turn_by_turn_with_what_was_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "talk.yaml").write_text(TALK, encoding="utf-8")
    mix = [{"conversations": "talk.yaml", "max_tokens": 4}]
    stages = [{"seconds": 6, "rate_per_s": 0.33}]  # two, each with seconds to go on
    record, attempts = play(
        server, tmp_path, {"arrivals": "constant", "stages": stages, "think_time_s": 0.01, "mix": mix}
    )
    assert (record["attempts"], record["failures"], len(attempts)) == (6, {}, 6)
    whole = next(body["messages"] for _, body in server.asked if len(body["messages"]) == 5)
    assert [message["role"] for message in whole] == ["user", "assistant"] * 2 + ["user"]
    assert whole[0]["content"].startswith("Uno [")  # unlike any that was ever sent before
    assert [message["content"] for message in whole[1:]] == ["Hola", "Dos", "Hola", "Tres"]
    assert [attempt["max_gap_ms"] for attempt in attempts if attempt["max_gap_ms"] < PAUSE_S * 900] == []
    assert all(attempt["chunks"] == 2 for attempt in attempts)
    assert sum(row["good"] for row in record["series"]) == 6


def test_a_prompt_that_may_be_cached_is_sent_as_it_is(server: Server, tmp_path: Path) -> None:
    mix = [{"prompts": ["Hola"], "cacheable": True, "streamed_share": 1}]
    play(server, tmp_path, {"stages": [{"seconds": 1, "rate_per_s": 5}], "mix": mix})
    assert {body["messages"][0]["content"] for _, body in server.asked} == {"Hola"}


def test_no_turn_is_sent_once_the_run_is_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "talk.yaml").write_text(TALK, encoding="utf-8")
    stages, mix = [{"seconds": 0.5, "rate_per_s": 4}], [{"conversations": "talk.yaml"}]
    began = time.monotonic()
    record, attempts = play(
        server, tmp_path, {"arrivals": "constant", "stages": stages, "think_time_s": 60, "mix": mix}
    )
    assert (len(attempts), record["generator"]["intended"], record["stopped_early"]) == (2, 2, "")
    assert time.monotonic() - began < 30


def test_users_of_the_closed_model_wait_for_their_answers(server: Server, tmp_path: Path) -> None:
    users = {"count": 2, "seconds": 1.0, "think_time_s": 0.0}
    record, attempts = play(server, tmp_path, {"users": users, "mix": [{"prompts": ["Hola"]}]})
    assert not record["failures"]
    # two at a time, each as long as the server's pause at least
    assert 4 <= len(attempts) <= 2 * 1.0 / PAUSE_S + 2
    assert all(attempt["latency_ms"] >= PAUSE_S * 900 for attempt in attempts)
    times = sorted(at for at, _ in server.asked)
    assert sum(later - earlier < PAUSE_S / 4 for earlier, later in zip(times, times[2:], strict=False)) == 0


@pytest.mark.parametrize("server", [401], indirect=True)
def test_a_refused_key_ends_the_run_at_once(server: Server, tmp_path: Path) -> None:
    record, attempts = play(
        server, tmp_path, {"stages": [{"seconds": 20, "rate_per_s": 5}], "mix": [{"prompts": ["x"]}]}
    )
    assert "refuses the key" in record["stopped_early"]
    assert len(attempts) < 20
