"""Prometheus, Alertmanager and the webhook receiver: what they tell, and what they do when they cannot be asked."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import pytest

from embedded.ports import free_port
from gonogo.errors import InconclusiveError
from gonogo.probes.alerting import AlertWatch, Stations
from gonogo.probes.context import ProbeContext
from gonogo.probes.prometheus import AlertmanagerProbe, PrometheusProbe
from gonogo.probes.webhooks import listening
from gonogo.redaction import Redactor
from gonogo.targets.monitoring import AlertDrill
from tests.probes.test_http import Bench, answer, server

QUIET = ProbeContext(lambda _: None, Redactor([]))


def told(data: object) -> str:
    return json.dumps({"status": "success", "data": data})


@pytest.mark.parametrize(
    ("data", "values"),
    [
        ({"resultType": "scalar", "result": [1, "2.5"]}, [2.5]),
        ({"resultType": "vector", "result": []}, []),
        ({"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "+Inf"]}]}, [float("inf")]),
    ],
)
def test_an_instant_query(data: object, values: list[float]) -> None:
    with server(answer(told(data))) as url, Bench(url) as bench:
        assert [value.value for value in PrometheusProbe(bench.http).query("q")] == values


def test_a_figure_of_some_time_ago_is_asked_for_by_the_clock_of_prometheus() -> None:
    now = told({"resultType": "scalar", "result": [1, "1800000000.5"]})
    with server(answer(now)) as url, Bench(url) as bench:
        PrometheusProbe(bench.http).query("q", ago_s=60)
        assert bench.seen[1].subject == f"GET {url}/api/v1/query?query=q&time=1799999940.500"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (
            json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"}),
            "400 Bad Request",
            "parse error",
        ),
        (told({"resultType": "matrix", "result": []}), "200 OK", "gives a matrix"),
        ("no", "502 Bad Gateway", "HTTP 502"),
        (json.dumps({"status": "error", "error": "query timed out"}), "503 Service Unavailable", "timed out"),
    ],
)
def test_a_prometheus_that_does_not_answer_as_it_should_tells_nothing(body: str, status: str, words: str) -> None:
    with server(answer(body, status=status)) as url, Bench(url) as bench, pytest.raises(InconclusiveError, match=words):
        PrometheusProbe(bench.http).query("q")


def test_nobody_there_is_no_finding() -> None:
    with Bench(f"http://127.0.0.1:{free_port()}") as bench:
        for ask in (PrometheusProbe(bench.http).targets, AlertmanagerProbe(bench.http).ready):
            with pytest.raises(InconclusiveError, match="cannot be asked"):
                ask()


def test_a_rule_that_was_never_evaluated() -> None:
    never = {"name": "r", "type": "recording", "health": "unknown", "lastEvaluation": "0001-01-01T00:00:00Z"}
    group = {"name": "g", "interval": 15, "rules": [never]}
    with server(answer(told({"groups": [group]}))) as url, Bench(url) as bench:
        (rule,) = PrometheusProbe(bench.http).rules()
    assert (rule.evaluated, rule.health, rule.interval_s, rule.is_alert) == (None, "unknown", 15.0, False)


def notify(url: str, status: str, **labels: str) -> int:
    return httpx.post(url, json={"alerts": [{"status": status, "labels": labels}]}, timeout=5).status_code


def test_a_receiver_keeps_alerts_and_refuses_what_is_none() -> None:
    address = f"127.0.0.1:{free_port()}"
    with listening(address) as receiver:
        assert notify(f"http://{address}/any", "firing", alertname="Down") == 200
        assert httpx.post(f"http://{address}/any", content=b"no", timeout=5).status_code == 400
        assert [(n.status, dict(n.labels)) for n in receiver.arrived] == [("firing", {"alertname": "Down"})]
        with pytest.raises(InconclusiveError, match="cannot listen"), listening(address):
            pass
    with pytest.raises(httpx.ConnectError):
        notify(f"http://{address}/any", "firing")


class Talking(AlertmanagerProbe):
    """An Alertmanager that notifies a webhook of what is posted to it; of no other alert."""

    def __init__(self, address: str, *, resolves: bool = True) -> None:
        self._address, self._resolves, self.posted = address, resolves, list[str]()

    def active(self, alert: str) -> Sequence[dict[str, str]]:
        return [{"alertname": alert}] if self.posted[-1:] == ["firing"] else []

    def post(self, labels: object, *, starts: object, ends: object) -> None:
        self.posted.append("resolved" if self.posted else "firing")
        assert isinstance(labels, dict)
        notify(f"http://{self._address}/", "firing", alertname="Another")
        if self.posted[-1] == "firing" or self._resolves:
            notify(f"http://{self._address}/", self.posted[-1], **labels)


@pytest.mark.parametrize("resolves", [True, False])
def test_a_posted_alert_is_followed_to_its_end(*, resolves: bool) -> None:
    address, drill = f"127.0.0.1:{free_port()}", AlertDrill("d", "Test", {"team": "chat"}, (), 3.0, 1.5)
    with listening(address) as receiver:
        alertmanager = Talking(address, resolves=resolves)
        watch = AlertWatch(drill, Stations(None, alertmanager, receiver, lambda: 0.0), QUIET)
        watch.expect_quiet()
        began_s = time.monotonic()
        course = watch.follow(watch.post())
    assert course.arrived_s is not None
    assert alertmanager.posted == ["firing", "resolved"]
    assert (course.resolved_s is not None) is resolves
    assert time.monotonic() - began_s < 4


def test_an_end_from_before_is_not_the_end_of_what_was_provoked() -> None:
    """Alertmanager tells late of an earlier alert's end, and of one that comes and goes while its cause is there."""
    address, drill = f"127.0.0.1:{free_port()}", AlertDrill("d", "Test", {}, (), 3.0, 0.5)
    with listening(address) as receiver:
        alertmanager = Talking(address, resolves=False)
        watch = AlertWatch(drill, Stations(None, alertmanager, receiver, lambda: 0.0), QUIET)
        notify(f"http://{address}/", "firing", alertname="Test")
        notify(f"http://{address}/", "resolved", alertname="Test")

        @contextmanager
        def provoked() -> Iterator[None]:
            with watch.post():
                notify(f"http://{address}/", "resolved", alertname="Test")
                yield

        course = watch.follow(provoked())
    assert course.arrived_s is not None
    assert course.resolved_s is None


def test_an_alert_that_is_there_already_tells_nothing() -> None:
    alertmanager = Talking("127.0.0.1:9")
    alertmanager.posted = ["firing"]
    drill = AlertDrill("d", "Test", {}, (), 1.0, 1.0)
    watch = AlertWatch(drill, Stations(None, alertmanager, None, lambda: 0.0), QUIET)
    with pytest.raises(InconclusiveError, match="firing already"):
        watch.expect_quiet()
