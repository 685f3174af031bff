"""Judgements of single checks, on what their fixtures would hand them: what is well passes, what is otherwise is said."""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.documents import parse_document
from gonogo.errors import InconclusiveError, InWarningBand, NotDeclared, Unsupported
from gonogo.fixtures.hosts import Measured
from gonogo.fixtures.output import meet
from gonogo.fixtures.replies import Replies
from gonogo.fixtures.security import Spelt
from gonogo.fixtures.watch import WatchRecord
from gonogo.objectives import Band
from gonogo.probes.asking import Held
from gonogo.probes.chatbot import ChatbotProbe
from gonogo.probes.counters import Counter
from gonogo.probes.http import HttpAnswer
from gonogo.probes.kubernetes import as_part
from gonogo.probes.machine import Usage
from gonogo.probes.metrics import Samples, parse
from gonogo.redaction import Redactor
from gonogo.rules.agents import Acted
from gonogo.rules.conversations import Answer, Conversation
from gonogo.rules.doors import Door
from gonogo.rules.images import FoundImage
from gonogo.rules.rounds import Round
from gonogo.rules.sources import Sources
from gonogo.rules.watching import Scraped, Value
from gonogo.suites.agent import test_audit as audit
from gonogo.suites.agent import test_policy as policy
from gonogo.suites.agent import test_tools as tools
from gonogo.suites.cluster import test_hosts as hosts
from gonogo.suites.cluster import test_objects as objects
from gonogo.suites.cluster import test_rollback as ways_back
from gonogo.suites.cluster import test_workloads as workloads
from gonogo.suites.config import test_exposure as exposure
from gonogo.suites.config import test_gateway as gateway
from gonogo.suites.contract import test_ollama as ollama
from gonogo.suites.contract import test_streams as streams
from gonogo.suites.monitoring import test_evidence as evidence
from gonogo.suites.monitoring import test_metrics as metrics
from gonogo.suites.monitoring import test_prometheus as watched
from gonogo.suites.output import test_adversarial as adversarial
from gonogo.suites.output import test_form as form
from gonogo.suites.output import test_turns as turns
from gonogo.suites.output import test_watch as watch
from gonogo.suites.routing import test_fallbacks as fallbacks
from gonogo.suites.routing import test_outages as outages
from gonogo.suites.routing import test_path as path
from gonogo.suites.security import test_access as access
from gonogo.suites.security import test_doors as doors
from gonogo.suites.security import test_transport as transport
from gonogo.targets.agent import Action
from gonogo.targets.chatbot import Chatbot, Fields
from gonogo.targets.cluster import Backup
from gonogo.targets.files import ConfigRules
from gonogo.targets.model import Target
from gonogo.targets.monitoring import RequiredBuckets, WindowObjective

Parts: Any = SimpleNamespace
"""What a check asks of a fixture, and nothing else."""
ACTION = Action("git", ("status",))
CHATBOT = cast("Chatbot", Parts(fields=Fields()))
DIGEST = f"sha256:{'a' * 64}"
IMAGE = "registry.example:5000/chatbot:1"


def expect_said(said: str, check: Callable[..., None], *arguments: object) -> None:
    """The check passes without words, or fails and says this."""
    if not said:
        check(*arguments)
        return
    with pytest.raises(AssertionError) as raised:
        check(*arguments)
    assert said in str(raised.value)


def test_where_no_file_could_say_who_may_ask_nothing_is_decided() -> None:
    alerts, rules = Sources({"alerts": (parse_document("groups: []", "a.yaml"),)}), ConfigRules(exposed=True)

    with pytest.raises(NotDeclared, match="is there to read"):
        exposure.test_cors_explicit(alerts, rules, cast("Target", Parts(environment="production")))
    with pytest.raises(NotDeclared, match="is there to read"):
        exposure.test_redis_password(alerts, rules)
    with pytest.raises(NotDeclared, match="is there to read"):
        exposure.test_access_authentication(alerts, rules)


def test_one_panel_that_cannot_be_told_does_not_hide_another() -> None:
    prometheus = Parts(query={"x": [], "y": [Value({}, 1.0)], "z": [Value({}, math.nan)]}.__getitem__)
    declared = Parts(monitoring=Parts(dashboards=Parts(window="5m", variables={})))

    def judge(*queries: str) -> None:
        panels = [{"title": query, "targets": [{"expr": query}]} for query in queries]
        evidence.test_dashboards_data([("board", {"panels": panels})], prometheus, declared)

    judge("y")
    with pytest.raises(AssertionError, match="board: 'x' shows nothing"):
        judge("topk($lost, y)", "z", "x", "y")
    with pytest.raises(InconclusiveError, match="no value of lost is known"):
        judge("topk($lost, y)", "z", "y")
    with pytest.raises(InconclusiveError, match="'z' shows NaN"):
        judge("y", "z")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [("done", "blocked", ""), ("blocked", "blocked", "the first use"), ("done", "done", "the second use")],
)
def test_an_approval_serves_once(first: str, second: str, said: str) -> None:
    outcomes = iter([first, second])
    agent = Parts(approved=lambda _: Parts(id="1"), act=lambda action, _: Acted(action, 200, next(outcomes)))

    expect_said(said, policy.test_approvals_once, ACTION, agent)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"approval": "sk-KKNOOK93BHfiZz3Io1gQ", "outcome": "done"}, ""),  # random, and once in so many like a key
        ({"output": "sk-KKNOOK93BHfiZz3Io1gQ", "outcome": "done"}, "something of the shape of a secret"),
        ({"approval": "hunter22-of-ours"}, "1 of 1 lines hold a secret of the target"),
    ],
)
def test_no_record_holds_a_secret(record: dict[str, Any], said: str) -> None:
    expect_said(said, audit.test_audit_no_secret, ([record], None), Parts(redactor=Redactor(["hunter22-of-ours"])))


@pytest.mark.parametrize(
    ("outcome", "output", "said"),
    [("done", "clean", ""), ("failed", "clean", "was failed"), ("done", " \n", "says nothing")],
)
def test_a_tool_reads(outcome: str, output: str, said: str) -> None:
    agent = Parts(act=lambda action: Acted(action, 200, outcome, output=output))

    expect_said(said, tools.test_tools_read, Parts(read=ACTION), agent)


@pytest.mark.parametrize(
    ("used", "ours", "said"),
    [
        (0.5, 0.0, ""),
        (0.99, 0.0, "99.0% of the cpu is used"),
        (0.99, 0.02, "99.0% of the cpu is used, 2.0% by this run"),
    ],
)
def test_a_machine_has_room(used: float, ours: float, said: str) -> None:
    expect_said(said, hosts.test_host_resources, Measured("cpu", Usage(used, ours), Band(0.8, 0.95)))


def test_a_machine_that_this_run_alone_fills_may_have_room() -> None:
    with pytest.raises(InconclusiveError, match="60.0% by this run"):
        hosts.test_host_resources(Measured("cpu", Usage(0.99, 0.6), Band(0.8, 0.95)))


@pytest.mark.parametrize(
    ("running", "pid", "said"), [(True, 7, ""), (True, 8, "was restarted meanwhile"), (False, 0, "does not run")]
)
def test_a_service_is_stable(running: bool, pid: int, said: str) -> None:
    service = Parts(name="router", state=Parts(running=True, pid=7), look_again=lambda: Parts(running=running, pid=pid))

    expect_said(said, hosts.test_services_stable, service)


@pytest.mark.parametrize(
    ("kind", "said"), [("Complete", ""), ("Failed", "failed (TooLate)"), ("Suspended", "has not completed")]
)
def test_a_job_completes(kind: str, said: str) -> None:
    job = as_part({"status": {"conditions": [{"type": kind, "status": "True", "reason": "TooLate"}], "active": 1}})

    expect_said(said, objects.test_jobs_completed, "migrate", Parts(find=lambda *_: job))


def test_a_release_without_its_model_is_no_way_back() -> None:
    choice = Parts(release=Parts(version="1.4.2", model=("chat", "3")))
    registry = Parts(versions=lambda: [Parts(model="chat", version="4")])

    expect_said("chat 3, which is not registered", ways_back.test_rollback_model, choice, registry, None)


@pytest.mark.parametrize(("age_s", "said"), [(5, ""), (90, "s old, wanted at most 60")])
def test_a_backup_is_fresh(age_s: float, said: str, tmp_path: Path) -> None:
    (tmp_path / "dump.rdb").write_bytes(b"x")
    os.utime(tmp_path / "dump.rdb", (time.time() - age_s,) * 2)

    expect_said(said, ways_back.test_rollback_backup, ("redis", Backup(tmp_path, 60.0)))


@pytest.mark.parametrize(
    ("found", "said"),
    [({"status": {"phase": "Active"}}, ""), ({"status": {"phase": "Terminating"}}, "chat is Terminating"),
     (None, "chat is not there")],
)  # fmt: skip
def test_a_namespace_is_active(found: dict[str, Any] | None, said: str) -> None:
    api = Parts(cluster=Parts(namespace="chat"), read=lambda *_: found)

    expect_said(said, workloads.test_api_reachable, api)


@pytest.mark.parametrize(
    ("at_registry", "said"),
    [(FoundImage(exists=True, digest=DIGEST), ""), (FoundImage(exists=False), "is not at its registry"),
     (None, "is not at its registry"), (FoundImage(exists=True, digest="sha256:b"), "its registry has sha256:b")],
)  # fmt: skip
def test_what_runs_is_what_its_registry_has(at_registry: FoundImage | None, said: str) -> None:
    containers = {"containers": [{"name": "chatbot", "image": IMAGE}]}
    statuses = {"containerStatuses": [{"name": "chatbot", "image": IMAGE, "imageID": f"chatbot@{DIGEST}"}]}
    workload = Parts(
        found=as_part({"spec": {"template": {"spec": containers}}}),
        pods=[as_part({"spec": containers, "status": statuses})],
    )
    artifacts = Parts(image_registries={"registry.example:5000": None})

    expect_said(said, workloads.test_images_registered, workload, Parts(look=lambda _: at_registry), artifacts)


@pytest.mark.parametrize(("printed", "said"), [("a: 1\n", ""), ("a: 2\n", "live.yaml")])
def test_a_configuration_is_what_the_generator_prints(printed: str, said: str) -> None:
    config = Parts(generator=Parts(command=("generate",), timeout_s=5.0))
    live = Parts(document=parse_document("a: 1\n", "live.yaml"))
    commands = Parts(run=lambda *_: Parts(exit_code=0, stdout=printed, stderr=""))

    expect_said(said, gateway.test_gateway_drift, config, live, None, commands)


def test_a_trace_that_is_not_there_is_no_whole_one() -> None:
    trace, traces = Parts(trace_id="4bf9", span_id="00f0"), Parts(within_s=5.0, services=("gateway",))

    expect_said("there is no trace 4bf9, after 5 s", evidence.test_traces_whole, (trace, []), traces)


@pytest.mark.parametrize(("page", "said"), [("requests_total 1\n", ""), ("other_total 1\n", "requests_total")])
def test_a_page_has_what_is_required(page: str, said: str) -> None:
    samples: Samples = parse(page)

    expect_said(said, metrics.test_metrics_exposed, (Parts(required=("requests_total",)), samples))


def test_a_request_that_failed_is_no_basis_for_counting() -> None:
    chat = Parts(try_once=lambda *_, **__: Parts(status=500))

    expect_said("500", watched.test_counters_exact, None, chat, None, None, None)


def test_a_histogram_without_series_although_its_target_is_up() -> None:
    scraped = [Scraped("gateway", "127.0.0.1:1", "up", "")]
    required = RequiredBuckets("latency_seconds", (0.5,), "gateway")

    expect_said("no series latency_seconds_bucket", watched.test_histograms_buckets,
                Parts(query=lambda _: []), scraped, required)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "ended"),
    [
        ([0.5], [0.5], None),
        ([0.5], [3.0], InWarningBand),
        ([3.0], [0.5], AssertionError),
    ],
)
def test_a_window_is_judged_as_it_was_before_the_checks(
    before: list[float], now: list[float], ended: type[Exception] | None
) -> None:
    objective = WindowObjective("p95", "q", Band(1.0, 2.0), "s", is_notice=False)

    def query(_: str, ago_s: float = 0.0) -> list[Value]:
        assert ago_s in {0.0, 60.0}
        return [Value({}, value) for value in (before if ago_s else now)]

    with pytest.raises(ended) if ended else nullcontext():
        watched.test_objectives_hold(
            Parts(query=query), objective, Parts(ledger=Parts(checks_began_s_ago=lambda: 60.0))
        )


@pytest.mark.parametrize(("status", "said"), [(200, ""), (503, "/-/ready answers HTTP 503")])
def test_alertmanager_is_ready(status: int, said: str) -> None:
    prometheus, alertmanager = Parts(alertmanagers=lambda: ["one"]), Parts(ready=lambda: Parts(status=status))

    expect_said(said, watched.test_alertmanager_reached, prometheus, alertmanager)


@pytest.mark.parametrize(("bound_s", "said"), [(60.0, ""), (-1.0, "at most -1 are allowed")])
@pytest.mark.parametrize("stream", [False, True])
def test_a_fallback_is_in_time(bound_s: float, said: str, stream: bool) -> None:
    answer = Parts(status=200, is_empty=False, error=None, done=True)
    chain = Parts(
        links=("main", "hosted"),
        broken=lambda *_: nullcontext(),
        answered_by=lambda _: Parts(try_once=lambda *_, **__: answer),
    )

    expect_said(said, fallbacks.test_fallback_in_time, chain, bound_s, stream)


@pytest.mark.parametrize(("in_vain_s", "said"), [(2.4, ""), (9.0, "main was not asked after 9.0 s either")])
def test_a_provider_returns_after_its_cooldown(in_vain_s: float, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallbacks, "await_turn", lambda *_: in_vain_s)
    chain = Parts(
        routing=Parts(allowed_fails=1, cooldown_s=2.0),
        names=["main"],
        arrivals=[None],
        chat=Parts(try_once=lambda *_, **__: None),
        broken=lambda *_: nullcontext(),
        around=Parts(note=lambda *_: None),
    )

    expect_said(said, fallbacks.test_cooldown_returns, chain)


@pytest.mark.parametrize(("role", "said"), [("master", ""), ("slave", "master")])
def test_a_cache_takes_writes(role: str, said: str) -> None:
    expect_said(said, outages.test_cache_reachable, Parts(info=lambda: {"role": role}))


@pytest.mark.parametrize(
    ("status", "fallback", "arrived", "said"),
    [(200, False, 1, ""), (200, None, 1, ""), (502, False, 1, "HTTP 502"), (200, True, 1, "its own answer"),
     (200, False, 0, "no provider")],
)  # fmt: skip
def test_a_message_reaches_a_provider(status: int, fallback: bool | None, arrived: int, said: str) -> None:
    counts = iter([0, arrived])
    way = Parts(
        ask=lambda _: Parts(status=status, text="no"),
        reply=lambda _: Parts(fallback=fallback),
        arrived=lambda: next(counts),
    )

    expect_said(said, path.test_path_message, way)


@pytest.mark.parametrize(
    ("status", "fallback", "said"), [(200, True, ""), (500, True, "HTTP 500"), (200, None, "isFallback is None")]
)
def test_a_used_up_quota_is_answered(status: int, fallback: bool | None, said: str) -> None:
    way = Parts(
        broken=lambda _: nullcontext(),
        ask=lambda _: Parts(status=status, text="no"),
        reply=lambda _: Parts(fallback=fallback),
    )

    expect_said(said, path.test_quota_mocked, way)


def test_a_counter_may_be_late_and_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert counter_on(["n 4", "n 5", "n 7", "n 9"]).moved_since(4.0, 3) == 3
    assert counter_on(["n 5"]).moved_since(4.0, 3) == 1
    with pytest.raises(InconclusiveError, match="the counter fell by 3"):
        counter_on(["n 1"]).moved_since(4.0, 3)


def test_a_counter_of_one_of_several_processes_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    first, second = "process_start_time_seconds 1\nn 5", "process_start_time_seconds 2\nn 0"
    assert counter_on([first]).moved_since(4.0, 3) == 1
    with pytest.raises(InconclusiveError, match="2 processes answer at http://x/metrics"):
        counter_on([*[first] * 8, second]).moved_since(4.0, 3)


@pytest.mark.parametrize(("statuses", "said"), [([200, 200, 200], ""), ([200, 500, 200], "500")])
def test_requests_that_failed_move_no_counter(statuses: list[int], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(statuses)
    chat = Parts(model=Parts(provider="main"), ask=lambda *_, **__: Parts(status=next(answers)))
    monkeypatch.setattr(metrics, "request_counter", lambda *_: counter_on(["n 0", "n 3"]))

    expect_said(said, metrics.test_counters_provider_moves, chat, Parts(provider=lambda name: name), None, None)


def test_a_count_of_one_of_several_processes_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(watched, "_COUNTED_WITHIN_S", 0.0)
    chat = Parts(try_once=lambda *_, **__: Parts(status=200))
    first, second = "process_start_time_seconds 1\nn 1", "process_start_time_seconds 2\nn 2"

    monkeypatch.setattr(watched, "counter_for", lambda *_: counter_on([first]))
    expect_said("counts 1 of 3", watched.test_counters_exact, Parts(metric="n"), chat, None, None, None)
    monkeypatch.setattr(watched, "counter_for", lambda *_: counter_on([first, first, first, second]))
    with pytest.raises(InconclusiveError, match="2 processes answer"):
        watched.test_counters_exact(Parts(metric="n"), chat, None, None, None)  # type: ignore[arg-type]


def counter_on(pages: Sequence[str]) -> Counter:
    """A counter ``n`` on a page that changes with each look, the last one of them to the end."""
    left = list(pages)

    def get(*_: object) -> HttpAnswer:
        return HttpAnswer(200, {}, (left.pop(0) if len(left) > 1 else left[0]).encode() + b"\n", 1.0)

    return Counter(Parts(get=get, base_url="http://x"), "/metrics", lambda page: page.total("n"))


CHAT, MODELS = Door("/v1/chat/completions", "POST", b"{}"), Door("/v1/models")
LIST = '{"object": "list", "data": [{"id": "chat"}]}'


def answering(**statuses: int) -> Any:
    """What sends a request, and answers by its method."""
    http = Parts(send=lambda method, *_: Parts(status=statuses[method]))
    http.without_key = http.with_key = lambda *_: http
    return http


@pytest.mark.parametrize("check", [access.test_auth_no_key, access.test_auth_wrong_key])
def test_whoever_has_no_key_is_refused(check: Callable[..., None]) -> None:
    check((None, answering(POST=401, GET=403)), [CHAT, MODELS])
    check((None, answering(POST=401, GET=200)), [CHAT])  # llama.cpp's list is everybody's
    expect_said("'GET /v1/models': 200", check, (None, answering(POST=401, GET=200)), [CHAT, MODELS])
    expect_said("'GET /v1/models': 200", check, (None, answering(POST=429, GET=200)), [CHAT, MODELS])
    with pytest.raises(InconclusiveError, match="says nothing of the key"):
        check((None, answering(POST=429, GET=401)), [CHAT, MODELS])


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [(404, "", ""), (200, "<h1>chat</h1>", ""), (200, LIST, "/v1/models.json: the models")],
    ids=["absent", "a front end's page", "the list"],
)
def test_no_spelling_opens_the_model_list(status: int, text: str, said: str) -> None:
    spelt = Spelt("/v1/models.json", HttpAnswer(status, {}, text.encode(), 1.0))

    expect_said(said, doors.test_doors_respelt, [spelt], ["chat"])


def test_what_is_not_answered_says_nothing_of_spellings_and_origins() -> None:
    busy = HttpAnswer(429, {}, b"", 1.0)
    with pytest.raises(InconclusiveError, match="/v1/models.json: HTTP 429"):
        doors.test_doors_respelt([Spelt("/v1/models.json", busy)], ["chat"])
    asked = Parts(message_path="/"), Parts(send=lambda *_, **__: busy)
    with pytest.raises(InconclusiveError, match="says nothing of origins"):
        access.test_cors_foreign_origin(*asked, Parts(security=Parts(foreign_origin="https://evil.example")))


def test_an_answer_of_a_proxy_with_nobody_behind_it_says_nothing_of_the_others() -> None:
    away, gate = HttpAnswer(502, {}, b"Bad gateway", 1.0), Parts(redactor=Redactor(["hunter22-of-ours"]))
    http, address = Parts(get=lambda _: away), Parts(path="/", is_page=False)

    with pytest.raises(InconclusiveError, match="HTTP 502"):
        transport.test_headers_browser(address, http)
    with pytest.raises(InconclusiveError, match="HTTP 502"):
        transport.test_plain_redirected(http)
    with pytest.raises(InconclusiveError, match="502"):
        access.test_errors_no_secret([away, HttpAnswer(400, {}, b"no", 1.0)], gate)
    with pytest.raises(AssertionError, match="hold a secret"):
        access.test_errors_no_secret([away, HttpAnswer(500, {}, b"hunter22-of-ours", 1.0)], gate)


def test_a_chatbot_that_has_enough_says_nothing_of_its_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    busy = HttpAnswer(429, {}, b"", 1.0)
    probe = Parts(chatbot=Parts(metrics_path="/metrics", messages_metric="n_total"), say=lambda _: busy)
    http = Parts(get=lambda *_: HttpAnswer(200, {}, b"n_total 3\n", 1.0), remaining_s=lambda: 99.0)

    with pytest.raises(InconclusiveError, match="the chatbot answers 429"):
        metrics.test_counters_chatbot_moves(probe, http)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no such model", ""),
        ("no access for hunter22-of-ours", "HTTP 400: 1 of 1 lines hold a secret of the target"),
        ("wrong key sk-live9f8e7d6c5b4a3f2e", "HTTP 400: something of the shape of a secret"),
    ],
)
def test_errors_hold_no_secret(text: str, said: str) -> None:
    gate = Parts(redactor=Redactor(["hunter22-of-ours"]))

    expect_said(said, access.test_errors_no_secret, [Parts(status=400, text=text)], gate)


@pytest.mark.parametrize(
    ("status", "before", "said"), [(401, 401, ""), (503, 503, ""), (503, 401, "HTTP 503, before it was 401")]
)
def test_others_are_served_beside_slow_requests(status: int, before: int, said: str) -> None:
    visitor = Parts(post=lambda *_: Parts(status=status))

    expect_said(said, transport.test_slow_others_served, visitor, before, None, ("http://127.0.0.1:1", "/"))


@pytest.mark.parametrize(
    ("bodies", "said"), [(["{}", "{}"], ""), (["no JSON", "{}"], "JSON"), (["{}", ""], "turn 2: broken")]
)
def test_a_long_talk_is_by_the_contract_to_its_end(bodies: list[str], said: str) -> None:
    talk = [
        Answer("talk", 0, i, "hola", 200 if body else 0, body, 5.0, error="" if body else "broken")
        for i, body in enumerate(bodies)
    ]

    expect_said(said, turns.test_turns_long, talk, Parts(violations=lambda _: []))


@pytest.mark.parametrize("ours", [{"status": 429}, {"status": 0, "starved": True}, {"is_cut": True, "body": "{"}])
def test_what_is_our_own_doing_decides_nothing_of_a_long_talk(ours: dict[str, Any]) -> None:
    good = Answer("talk", 0, 0, "hola", 200, "{}", 5.0)

    with pytest.raises(InconclusiveError, match="a message "):
        turns.test_turns_long([good, replace(good, **ours)], Parts(violations=lambda _: []))
    with pytest.raises(AssertionError, match="turn 3: HTTP 500"):
        turns.test_turns_long([good, replace(good, **ours), replace(good, status=500)], Parts(violations=lambda _: []))
    with pytest.raises(AssertionError, match="wrong"):
        turns.test_turns_long([good, replace(good, **ours)], Parts(violations=lambda _: ["wrong"]))


@pytest.mark.parametrize("ours", [{"status": 429}, {"status": 0, "starved": True}, {"is_cut": True, "body": "{"}])
def test_what_is_our_own_doing_decides_nothing_of_the_answers(ours: dict[str, Any]) -> None:
    first, second = Conversation(("hola",)), Conversation(("adiós",))
    good = Answer(first.key, 0, 0, "hola", 200, "{}", 5.0)
    answers = (good, replace(good, key=second.key, **ours))
    replies = Replies(Held(answers), (first, second), CHATBOT, lambda _: None)

    with nullcontext() if "is_cut" in ours else pytest.raises(InconclusiveError, match="each of 1 messages"):
        form.test_reply_answered(replies)
    with pytest.raises(InconclusiveError, match="each of 1 messages"):
        form.test_reply_json(replies)
    assert [len(asked.replies) for asked in replies.asked()] == [1]


class Remembering:
    """A chatbot that answers with what it has been told; as what is not told it presumes a city."""

    def __init__(self, *, shares: bool, presumed: str) -> None:
        self.chatbot, self.shares, self.presumed, self.known = CHATBOT, shares, presumed, ""

    def turn(self, turns: Sequence[str], *_: object) -> Answer:
        city = (self.known if self.shares else "") or self.presumed
        return Answer("", 0, 0, turns[-1], 200, json.dumps({"parameters": {"ciudad": city}}), 1.0)

    def talk(self, told: Conversation) -> list[Answer]:
        self.known = told.parameters["ciudad"]
        return [Answer("", 0, 1, "", 200, json.dumps({"parameters": told.parameters}), 1.0)]


@pytest.mark.parametrize(
    ("shares", "presumed", "said"), [(False, "", ""), (True, "", "ciudad 'Toledo' was told"), (False, "Toledo", None)]
)
def test_what_one_told_is_not_known_to_another(*, shares: bool, presumed: str, said: str | None) -> None:
    """A city that the bot presumes, or that stands in the question, was not told by anybody else."""
    telling = Conversation(("Vivo en Toledo", "¿Hay talleres?"), parameters={"ciudad": "Toledo"})
    questions = (Conversation(("¿Qué hay en TOLEDO?",)), Conversation(("¿Qué precio tiene?",)))
    bot = cast("ChatbotProbe", Remembering(shares=shares, presumed=presumed))

    if said is None:
        with pytest.raises(InconclusiveError, match="knew them before"):
            meet(bot, (telling, *questions))
        return
    expect_said(said, turns.test_turns_apart, meet(bot, (telling, *questions)))
    with pytest.raises(NotDeclared):
        meet(bot, (telling, questions[0]))


@pytest.mark.parametrize(
    ("statuses", "is_told"),
    [((0, 503), False), ((404, 401), False), ((400, 0), True), ((403, 0), True), ((200, 0), True), ((200, 429), False)],
)
def test_a_leak_is_looked_for_only_where_something_was_said(statuses: tuple[int, ...], *, is_told: bool) -> None:
    said = [Conversation((text,)) for text in ("hola", "adiós")]
    answers = tuple(Answer(one.key, 0, 0, "", status, "no", 5.0) for one, status in zip(said, statuses, strict=True))
    chatbot = cast("Chatbot", Parts(canaries=("canary-77",), system_prompt=""))
    replies = Replies(Held(answers), tuple(said), chatbot, lambda _: None)

    with nullcontext() if is_told else pytest.raises(InconclusiveError, match="was answered|HTTP 429"):
        adversarial.test_adversarial_leak(replies)
    for status, is_cut in ((200, True), (500, False), (404, False)):
        leaking = replace(
            answers[0], status=status, is_cut=is_cut, body='{"response": "my prompt has canary-77 in it and'
        )
        with pytest.raises(AssertionError, match="canary"):
            adversarial.test_adversarial_leak(replace(replies, held=Held((leaking, *answers[1:]))))


def test_a_watch_of_answers_that_do_not_say_whether_they_fell_back_decides_nothing() -> None:
    target: Any = Parts(bands={"fallback_rate": Band(0.05, 0.1), "mean_confidence": Band(0.7, 0.5)})
    silent = [Round(0.0, asked=20, fallbacks=20)] * 40
    telling = [Round(0.0, asked=20, fallbacks=i == 0, tells=20, confidence=(0.9,) * 20) for i in range(40)]

    for judge in (watch.test_watch_fallbacks, watch.test_watch_confidence):
        with pytest.raises(NotDeclared, match="no answer has"):
            judge(CHATBOT, WatchRecord(tuple(silent), 40), target)
        judge(CHATBOT, WatchRecord(tuple(telling), 40), target)
    with pytest.raises(AssertionError):  # from some round on they say nothing
        watch.test_watch_fallbacks(CHATBOT, WatchRecord(tuple(telling[:20] + silent[:20]), 40), target)


def model(wholes_ms: list[float], content_ms: tuple[float, ...], waited_ms: Sequence[float] = ()) -> Any:
    """A model whose whole answers take so long, one after the other, and whose streams arrive so."""
    durations, waits = iter(wholes_ms), iter([*waited_ms, *[0.0] * 6])

    def complete(*_: object, stream: bool = False, **__: object) -> Any:
        if stream:
            return Parts(content_ms=content_ms, http=Parts(waited_ms=next(waits)))
        return Parts(http=Parts(duration_ms=next(durations)))

    return Parts(complete=complete)


@pytest.mark.parametrize(
    ("content_ms", "said"), [((20.0, 120.0, 220.0, 320.0, 420.0), ""), ((420.0, 420.1), "generated over 400 ms")]
)
def test_a_stream_arrives_as_it_is_generated(content_ms: tuple[float, ...], said: str) -> None:
    expect_said(said, streams.test_stream_not_buffered, model([20.0, 420.0] * 3, content_ms), "n")


@pytest.mark.parametrize(
    ("waited_ms", "raised"), [([0, 101], AssertionError), ([101] * 4, InconclusiveError), ([101] * 3, AssertionError)]
)
def test_on_a_busy_machine_blocks_are_no_buffer(waited_ms: list[float], raised: type[Exception]) -> None:
    """Three streams must have come in blocks without this machine having been busy; six are tried."""
    with pytest.raises(raised, match="generated over 400 ms" if raised is AssertionError else "up to 101 ms"):
        streams.test_stream_not_buffered(model([20.0, 420.0] * 6, (420.0, 420.1), waited_ms), "n")


def test_one_stall_makes_a_quick_model_no_buffer() -> None:
    """Seen on a busy machine: the first long answer was held up for 400 ms."""
    with pytest.raises(Unsupported, match="too quick to tell"):
        streams.test_stream_not_buffered(model([39.0, 441.0, 22.0, 23.0, 16.0, 30.0], (18.0, 57.8)), "n")


@pytest.mark.parametrize(("model_told", "said"), [("embed", ""), (None, "model")])
def test_ollamas_embeddings_are_of_its_form(model_told: str | None, said: str) -> None:
    """The vectors are as they should be; what stands beside them may not be."""
    bodies = {
        "/api/embed": {"model": model_told, "embeddings": [[1.0, 0.0], [1.0, 0.0]]},
        "/api/embeddings": {"embedding": [2.0, 0.0]},
    }
    http = Parts(post=lambda path, _: Parts(json=lambda: bodies[path]))

    expect_said(said, ollama.test_ollama_embed, Parts(model=Parts(name="embed", tolerance=0.01), http=http))


def test_what_is_not_declared_is_no_fail() -> None:
    with pytest.raises(NotDeclared):
        ways_back.test_rollback_model(Parts(release=None), Parts(), Parts())
