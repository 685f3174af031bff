"""The generator by itself, as people start it: alone, with workers, with Locust's page; its ends, good and bad."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
import psutil
import pytest

from embedded.ports import free_port
from gonogo.loadtest.decisions import decide_objective
from gonogo.loadtest.record import LoadRecord, read_record
from gonogo.model import Outcome
from gonogo.objectives import Band
from gonogo.resources import ROOT
from gonogo.targets.load import LoadObjective
from tests.load.chat_server import Server, serving
from tests.unhindered import is_starved, unhindered

OBJECTIVES: dict[str, Any] = {
    "latency_ms": {"p50": {"fail_above": 5000}},
    "errors": {"warn_above": 0.2, "fail_above": 0.4},
}
STAGES = [{"seconds": 3, "rate_per_s": 20}]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def settings(folder: Path, url: str, load: dict[str, Any], profile: dict[str, Any]) -> dict[str, str]:
    """A target and a profile as files; the environment that names them."""
    gateway = {"kind": "openai", "url": url, "models": [{"name": "m"}]}
    section = {"profile": "p.yaml", "model": "m", "objectives": OBJECTIVES, **load}
    target = {"name": "t", "environment": "development", "gateway": gateway, "load": section}
    (folder / "t.yaml").write_text(json.dumps(target), encoding="utf-8")
    arrivals = {} if profile.keys() & {"users", "search"} else {"stages": STAGES}
    asked = {**arrivals, "warm_up_s": 0, "timeout_s": 5, "mix": [{"prompts": ["Hola"]}], **profile}
    (folder / "p.yaml").write_text(json.dumps(asked), encoding="utf-8")
    named = {"GONOGO_TARGET": str(folder / "t.yaml"), "GONOGO_LOAD_RECORD": str(folder / "r.json")}
    return {**os.environ, **named}


@contextmanager
def locust(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Locust, while it runs; with whatever processes it has started it is gone afterwards."""
    words = [sys.executable, "-m", "locust", "-f", "load/locustfile.py", "--only-summary", "--loglevel", "WARNING"]
    process = subprocess.Popen(
        [*words, *arguments], cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        start_new_session=True,  # a session has its share of the processor, whatever runs in others (sched(7))
    )  # fmt: skip
    try:
        yield process
    finally:
        for running in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            running.kill()
        process.kill()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


def ran(environment: dict[str, str], *arguments: str, before: Callable[[], None] = lambda: None) -> tuple[int, str]:
    """The exit code, and what it said, of a run whose generator got its time; `before` each try."""

    def run() -> tuple[int, str]:
        before()
        with locust(environment, "--headless", *arguments) as process:
            _, told = process.communicate(timeout=60)
            return process.returncode, told

    return unhindered(run, itemgetter(1))


def interrupted(environment: dict[str, str], server: Server, *, after: int) -> tuple[int, str]:
    """The exit code, and what it said, of a run that gets Ctrl-C after so many requests; one that got its time."""

    def run() -> tuple[int, str]:
        wanted, deadline = len(server.asked) + after, time.monotonic() + 30
        with locust(environment, "--headless") as process:
            while len(server.asked) < wanted and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=20)
            return process.returncode, told

    return unhindered(run, itemgetter(1))


def workers(count: int) -> tuple[str, ...]:
    port = str(free_port())
    return "--processes", str(count), "--master-bind-port", port, "--master-port", port


def record_in(folder: Path) -> LoadRecord:
    return read_record(folder / "r.json")


def positions(server: Server) -> list[int]:
    """The numbers of the conversations that arrived."""
    return sorted(int(body["messages"][0]["content"].rpartition("-")[2].rstrip("]")) for _, body in server.asked)


def test_two_workers_share_the_schedule_without_gap_or_overlap(server: Server, tmp_path: Path) -> None:
    code, told = ran(settings(tmp_path, server.url, {}, {}), *workers(2), before=server.asked.clear)
    record = record_in(tmp_path)
    assert (code, record.generator.workers, record.generator.lost) == (0, 2, ()), told
    assert positions(server) == list(range(record.attempts))
    assert record.attempts == record.planned == record.generator.intended == sum(row["good"] for row in record.series)
    assert "its clock is" in told
    alone = tmp_path / "alone"
    alone.mkdir()
    assert ran(settings(alone, server.url, {}, {}))[0] == 0
    one = record_in(alone)
    assert (one.attempts, one.planned) == (record.attempts, record.planned)
    assert one.course.intended_s == pytest.approx(record.course.intended_s, abs=0.02)


def test_a_worker_that_dies_makes_the_run_invalid(server: Server, tmp_path: Path) -> None:
    environment = settings(tmp_path, server.url, {}, {"stages": [{"seconds": 30, "rate_per_s": 20}]})
    with locust(environment, "--headless", *workers(2)) as process:
        deadline = time.monotonic() + 20
        while len(server.asked) < 20 and time.monotonic() < deadline:
            time.sleep(0.1)
        children = psutil.Process(process.pid).children()
        assert len(children) == 2
        children[0].kill()
        _, told = process.communicate(timeout=40)
    assert process.returncode == 6
    record = record_in(tmp_path)
    assert "was lost" in record.generator.lost[0]
    assert "INCONCLUSIVE" in told
    assert "a worker's share is missing: worker" in told
    assert record.seconds < 29


def test_a_run_that_may_end_early_ends_when_all_is_decided(server: Server, tmp_path: Path) -> None:
    profile = {"stages": [{"seconds": 40, "rate_per_s": 20}], "stop": "decided"}
    code, told = ran(settings(tmp_path, server.url, {}, profile))
    record = record_in(tmp_path)
    assert (code, record.stopped_early) == (0, "")
    assert "every objective was decided after" in record.ended
    assert record.attempts < 0.5 * record.planned
    assert f"decided after {record.decided['errors']} of {record.planned} requests" in told


def test_an_extension_goes_on_until_all_is_decided(server: Server, tmp_path: Path) -> None:
    profile = {"stages": [{"seconds": 1, "rate_per_s": 15}], "arrivals": "constant", "extend_s": 30}
    code, told = ran(settings(tmp_path, server.url, {}, profile))
    record = record_in(tmp_path)
    assert (code, record.attempts >= 20) == (0, True), told
    assert 1 < record.sending_s < 15
    assert "every objective was decided" in record.ended


def test_a_breach_ends_the_run_at_once_and_fails(server: Server, tmp_path: Path) -> None:
    objectives = {**OBJECTIVES, "ttft_ms": {"p95": {"fail_above": 1, "abort": True}}}
    profile = {"stages": [{"seconds": 40, "rate_per_s": 20}]}
    code, told = ran(settings(tmp_path, server.url, {"objectives": objectives}, profile), *workers(2))
    record = record_in(tmp_path)
    assert (code, record.stopped_early) == (1, ""), told
    assert "ttft_ms.p95 has failed" in record.ended
    assert record.sending_s < 20


def test_the_breaking_point_is_found_by_two_workers(server: Server, tmp_path: Path) -> None:
    server.pause_s, server.one_at_a_time = 0.1, Lock()  # ten a second at most
    search = {"from_rate_per_s": 4, "to_rate_per_s": 64, "hold_s": 3, "confirm_s": 4, "resolution": 0.6}
    objectives = {"ttft_ms": {"p50": {"fail_above": 300}}, "capacity_per_s": {"warn_below": 20, "fail_below": 20}}
    environment = settings(tmp_path, server.url, {"objectives": objectives}, {"search": search, "arrivals": "constant"})
    code, told = ran(environment, *workers(2))
    capacity = record_in(tmp_path).capacity
    assert capacity is not None, told
    assert capacity.breaks_per_s is not None
    assert capacity.holds_per_s <= 12 <= capacity.breaks_per_s * 1.2
    assert (code, capacity.binding) == (1, "ttft_ms.p50"), told
    assert [trial.rate_per_s for trial in capacity.trials[:2]] == [4.0, 8.0]
    assert "FAIL         holds" in told


def test_a_run_that_has_cost_too_much_ends_undecided(server: Server, tmp_path: Path) -> None:
    prices = {"input_per_million": 1000, "output_per_million": 5000}
    load = {"prices": prices, "most_cost": 0.5, "objectives": {**OBJECTIVES, "cost_per_1000_good": {"fail_above": 50}}}
    code, told = ran(settings(tmp_path, server.url, load, {"stages": [{"seconds": 40, "rate_per_s": 20}]}))
    record = record_in(tmp_path)
    assert (code, record.stopped_early) == (6, "the budget of 0.5 was spent"), told
    assert record.tokens_told
    assert record.sending_s < 20
    cost = LoadObjective("cost_per_1000_good", Band(50, 50))
    assert decide_objective(record, cost, 1).outcome is Outcome.INCONCLUSIVE
    assert sum(row["cost"] for row in record.series) == pytest.approx(
        0.02 * (record.attempts + record.warm_up_attempts)
    )


def limited(folder: Path, budget: dict[str, int]) -> None:
    """The target gets a budget."""
    target = json.loads((folder / "t.yaml").read_text(encoding="utf-8"))
    (folder / "t.yaml").write_text(json.dumps({**target, "budget": budget}), encoding="utf-8")


def test_a_profile_beyond_the_targets_budget_is_not_begun(server: Server, tmp_path: Path) -> None:
    environment = settings(tmp_path, server.url, {}, {"arrivals": "constant"})
    limited(tmp_path, {"requests": 59})
    code, told = ran(environment)
    assert (code, len(server.asked)) == (6, 0), told
    assert "the profile may use 60 requests, the target's budget is 59: nothing was sent" in told


def test_users_who_are_quicker_than_thought_end_with_the_budget(server: Server, tmp_path: Path) -> None:
    users = {"count": 5, "seconds": 20, "think_time_s": 0.05}
    environment = settings(tmp_path, server.url, {}, {"users": users})
    limited(tmp_path, {"requests": 100})
    code, told = ran(environment)
    record = record_in(tmp_path)
    assert (code, record.stopped_early) == (6, "the budget of 100 requests (target file: budget) was spent"), told
    assert 100 < record.spent.requests < 200
    assert record.seconds < 15


def test_a_run_that_could_judge_nothing_is_no_go_ahead(server: Server, tmp_path: Path) -> None:
    profile = {"stages": [{"seconds": 1, "rate_per_s": 5}], "arrivals": "constant"}
    code, told = ran(settings(tmp_path, server.url, {"objectives": {"ttft_ms": {"p99": {"fail_above": 900}}}}, profile))
    assert (code, "unsupported: 5 attempts" in told) == (6, True), told


def test_the_baseline_is_judged_as_well(server: Server, tmp_path: Path) -> None:
    profile = {"stages": [{"seconds": 6, "rate_per_s": 25}]}
    assert ran(settings(tmp_path, server.url, {}, profile))[0] == 0
    (tmp_path / "r.json").rename(tmp_path / "kept.json")
    server.pause_s *= 6
    code, told = ran(
        settings(
            tmp_path,
            server.url,
            {"baseline": {"record": "kept.json", "latency_ms": {"p50": {"fail_above": 2}}}},
            profile,
        )
    )
    assert (code, "FAIL         latency_ms.p50 =" in told, "times the baseline's" in told) == (1, True, True), told


def test_a_worker_with_another_profile_is_not_taken(server: Server, tmp_path: Path) -> None:
    port = str(free_port())
    (tmp_path / "other").mkdir()
    other = settings(tmp_path / "other", server.url, {}, {"stages": [{"seconds": 4, "rate_per_s": 20}]})
    mine = settings(tmp_path, server.url, {}, {})
    with locust(other, "--worker", "--master-port", port):
        code, told = ran(mine, "--master", "--expect-workers", "1", "--master-bind-port", port)
    assert (code, len(server.asked)) == (6, 0), told
    assert "has another profile or another section load of the target" in told


def test_the_generator_says_what_it_adds_itself(server: Server, tmp_path: Path) -> None:
    code, told = ran(settings(tmp_path, server.url, {}, {}), *workers(2))
    own = record_in(tmp_path).generator.calibration
    assert code == 0, told
    assert own is not None
    assert 0 < own.request_cpu_ms < 50
    assert 0 < own.ttft_error_p50_ms <= own.ttft_error_p95_ms
    assert f"{own}" in told
    assert "for each of 2 workers take about" in told


def test_ctrl_c_in_a_search_keeps_its_trials(server: Server, tmp_path: Path) -> None:
    search = {"from_rate_per_s": 10, "to_rate_per_s": 40, "hold_s": 2, "confirm_s": 30}
    code, told = interrupted(settings(tmp_path, server.url, {}, {"search": search}), server, after=240)
    record = record_in(tmp_path)
    assert record.capacity is not None, told
    assert (code, record.stopped_early) == (6, "the run was interrupted"), told
    assert [trial.rate_per_s for trial in record.capacity.trials] == [10, 20, 40]
    assert record.spent.requests > record.attempts + record.warm_up_attempts  # those of the trials before as well


def test_ctrl_c_keeps_what_was_measured(server: Server, tmp_path: Path) -> None:
    environment = settings(tmp_path, server.url, {}, {"stages": [{"seconds": 40, "rate_per_s": 20}]})
    code, told = interrupted(environment, server, after=30)
    record = record_in(tmp_path)
    assert (code, record.stopped_early) == (6, "the run was interrupted"), told
    assert record.attempts >= 20


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("http://127.0.0.1:1", 1, "refused"),
        ("http://no-such-host.invalid", 6, "failed on the generator's own side (name resolution, sockets)"),
    ],
)
def test_nobody_is_there(url: str, code: int, words: str, tmp_path: Path) -> None:
    ended, told = ran(settings(tmp_path, url, {}, {"stages": [{"seconds": 2, "rate_per_s": 20}]}))
    assert ended == code, told
    record = record_in(tmp_path)
    assert (
        words in f"{dict(record.failures)} {decide_objective(record, LoadObjective('errors', Band(0.2, 0.4)), 1).text}"
    )


def test_an_address_with_a_slash_at_its_end(server: Server, tmp_path: Path) -> None:
    code, told = ran(settings(tmp_path, f"{server.url}/", {}, {}))
    assert code == 0, told
    assert dict(record_in(tmp_path).failures) == {}


def test_a_server_that_dies_in_the_middle_fails(tmp_path: Path) -> None:
    def run() -> tuple[int, str]:
        with serving() as server:
            environment = settings(tmp_path, server.url, {}, {"stages": [{"seconds": 10, "rate_per_s": 20}]})
            with locust(environment, "--headless") as process:
                deadline = time.monotonic() + 20
                while len(server.asked) < 20 and time.monotonic() < deadline:
                    time.sleep(0.05)
                server.die()
                _, told = process.communicate(timeout=40)
                return process.returncode, told

    code, told = unhindered(run, itemgetter(1))
    assert code == 1, told
    assert set(record_in(tmp_path).failures) <= {"refused", "reset", "timeout before the first token", "truncated"}


def test_a_record_that_cannot_be_written_is_said(server: Server, tmp_path: Path) -> None:
    environment = settings(tmp_path, server.url, {}, {"stages": [{"seconds": 1, "rate_per_s": 20}]})
    code, told = ran({**environment, "GONOGO_LOAD_RECORD": "/dev/full/r.json"})
    assert code == 6
    assert "the record could not be written to /dev/full/r.json" in told
    assert "errors: 0 of" in told


def test_locusts_page_shows_our_figures_and_stays(server: Server, tmp_path: Path) -> None:
    port, environment = free_port(), settings(tmp_path, server.url, {}, {})
    page = f"http://127.0.0.1:{port}"
    with locust(environment, "--web-host", "127.0.0.1", "--web-port", str(port)), httpx.Client(base_url=page) as client:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                shown = client.get("/").text
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert "extended_tabs" in shown
        # what was stopped while an answer was open does not end, or speak for, the run that is started next
        server.pause_s *= 40
        client.post("/swarm", data={"user_count": 1, "spawn_rate": 1})
        while not server.asked and time.monotonic() < deadline:
            time.sleep(0.1)
        client.get("/stop")
        server.pause_s /= 40
        rounds = []
        for _ in range(2):  # it can be started again
            client.post("/swarm", data={"user_count": 1, "spawn_rate": 1})
            (tmp_path / "r.json").unlink(missing_ok=True)
            while not (tmp_path / "r.json").exists() and time.monotonic() < deadline + 20:
                time.sleep(0.2)
            assert record_in(tmp_path).stopped_early == ""
            (ours,) = client.get("/stats/requests").json()["extended_stats"]
            rows = {row["name"]: row for row in ours["data"]}
            rounds.append(rows)
    heard = [rows for rows in rounds if not is_starved(rows["errors"]["text"])]
    for rows in heard:
        assert rows["errors"]["outcome"] == "PASS"
        assert "latency_ms.p50 =" in rows["latency_ms.p50"]["text"]
    if not heard:
        pytest.skip("the generator was starved in each round: this machine is too busy")
