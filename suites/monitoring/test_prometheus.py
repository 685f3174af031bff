"""Does somebody watch the deployment, and would anybody be told? A Prometheus and an Alertmanager are asked."""

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.fixtures.monitoring import counter_for, expect_scraped
from gonogo.plugin import Gate, check, expect_flawless, settle
from gonogo.probes.alerting import AlertCourse
from gonogo.probes.chat import Chat
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Client
from gonogo.probes.patience import TOO_MANY
from gonogo.probes.prometheus import AlertmanagerProbe, PrometheusProbe
from gonogo.rules.watching import (
    LoadedRule,
    Scraped,
    bucket_flaws,
    decide_windows,
    down,
    not_loaded,
    of_job,
    unevaluated,
    unknown,
    unwell,
)
from gonogo.targets.model import Target
from gonogo.targets.monitoring import AlertDrill, OwnCounter, RequiredBuckets, RequiredSeries, WindowObjective

_OWN_REQUESTS = 3
_COUNTED_WITHIN_S, _COUNTED_EVERY_S = 5.0, 0.2
_DISCOVERED_WITHIN_S = 12.0
"""Once its configuration was read again, a Prometheus knows no Alertmanager for five seconds (its discovery waits)."""


@check("monitoring.targets.up", severity="critical", covers=["M1"], smoke=True)
def test_targets_up(scraped: Sequence[Scraped], scrape_job: str) -> None:
    """Prometheus scrapes every target of the job."""
    expect_flawless(down(scraped, scrape_job))
    if waiting := unknown(scraped, scrape_job):
        raise InconclusiveError(f"not scraped yet: {', '.join(waiting)}")


@check("monitoring.rules.evaluate", severity="major", covers=["M1"], smoke=True)
def test_rules_evaluate(loaded_rules: Sequence[LoadedRule], prometheus_probe: PrometheusProbe) -> None:
    """Every rule is evaluated in time and without an error."""
    if not loaded_rules:
        raise NotDeclared("Prometheus has loaded no rule")
    now = datetime.fromtimestamp(prometheus_probe.now_s(), UTC)  # its clock, not ours
    expect_flawless(unwell(loaded_rules, now))
    if waiting := unevaluated(loaded_rules):
        raise InconclusiveError(f"not evaluated yet: {', '.join(waiting)}")


@check("monitoring.rules.loaded", severity="critical", covers=["M1"], smoke=True)
def test_rules_loaded(loaded_rules: Sequence[LoadedRule], required_alert: tuple[str, str]) -> None:
    """The required alert is loaded, with its severity."""
    expect_flawless(not_loaded(loaded_rules, *required_alert))


@check("monitoring.series.present", severity="major", covers=["M1"], smoke=True)
def test_series_present(
    prometheus_probe: PrometheusProbe, scraped: Sequence[Scraped], required_series: RequiredSeries
) -> None:
    """A required series is there while its scrape target is up."""
    if not of_job(prometheus_probe.query(required_series.selector), required_series.job):
        expect_scraped(scraped, required_series.job)
        raise AssertionError(f"no series matches {required_series.selector}, although its target is up")


@check("monitoring.histograms.buckets", severity="minor", covers=["M2"])
def test_histograms_buckets(
    prometheus_probe: PrometheusProbe, scraped: Sequence[Scraped], required_buckets: RequiredBuckets
) -> None:
    """A histogram has buckets at the bounds that somebody judges by, and they add up."""
    name = required_buckets.name
    buckets = of_job(prometheus_probe.query(f'{{__name__="{name}_bucket"}}'), required_buckets.job)
    if not buckets:
        expect_scraped(scraped, required_buckets.job)
        raise AssertionError(f"there is no series {name}_bucket, although its target is up")
    expect_flawless(bucket_flaws(name, buckets, required_buckets.bounds))


@check("monitoring.objectives.hold", severity="critical", covers=["M3"], smoke=True)
def test_objectives_hold(prometheus_probe: PrometheusProbe, window_objective: WindowObjective, gate: Gate) -> None:
    """A figure that Prometheus computes over a window was within its band when this run's checks began.

    Since then the window fills with what this run does itself: what is beyond the band only now is no more than told.
    """
    query = window_objective.query
    before = prometheus_probe.query(query, ago_s=gate.ledger.checks_began_s_ago())
    settle(decide_windows(window_objective, before, prometheus_probe.query(query)))


@check("monitoring.counters.exact", severity="major", covers=["M2"])
def test_counters_exact(
    own_counter: OwnCounter, routed_chat: Chat, target: Target, client: Client, context: ProbeContext
) -> None:
    """Three requests move the counter by exactly three, on a label that is this run's own."""
    user = f"gonogo-{uuid.uuid4().hex}"
    # one that is refused for the rate would be repeated, and counted twice
    asked = [routed_chat.try_once(f"Cuenta {n} [{user}]", max_tokens=1, user=user) for n in range(_OWN_REQUESTS)]
    statuses = [answer.status for answer in asked]
    if TOO_MANY in statuses:
        raise InconclusiveError("the gateway answers 429 (rate limited): what it counts of that is its own affair")
    assert statuses == [200] * _OWN_REQUESTS
    counter = counter_for(own_counter, user, target, client, context)
    deadline = time.monotonic() + _COUNTED_WITHIN_S
    while counter.read() < _OWN_REQUESTS and time.monotonic() < deadline:
        time.sleep(_COUNTED_EVERY_S)
    time.sleep(_COUNTED_EVERY_S)  # some count after they have answered; and what counts twice is late as well
    if (counted := counter.read()) < _OWN_REQUESTS:
        counter.expect_alone()
    assert counted == _OWN_REQUESTS, f"{own_counter.metric} counts {counted:g} of {_OWN_REQUESTS} requests"


@check("monitoring.alertmanager.reached", severity="critical", covers=["M4"], smoke=True)
def test_alertmanager_reached(prometheus_probe: PrometheusProbe, alertmanager_probe: AlertmanagerProbe) -> None:
    """Prometheus sends its alerts to an Alertmanager, and Alertmanager is ready."""
    deadline = time.monotonic() + _DISCOVERED_WITHIN_S
    while not (known := prometheus_probe.alertmanagers()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert known, "Prometheus sends its alerts nowhere"
    answer = alertmanager_probe.ready()
    assert answer.status == 200, f"Alertmanager's /-/ready answers HTTP {answer.status}"


@check("monitoring.alerts.delivered", severity="critical", covers=["M4", "G7"], permission="disruptive")
def test_alerts_delivered(alert_course: AlertCourse, alert_drill: AlertDrill) -> None:
    """An alert that is made to fire arrives at its receiver in time, and is resolved when its cause has gone."""
    course, drill = alert_course, alert_drill
    if course.arrived_s is None:
        stations = {"fires in Prometheus": course.fired_s, "is in Alertmanager": course.reached_s}
        wanted = list(stations.items())[0 if drill.provoke else 1 :]
        stuck = next((f"it never {station}" for station, at_s in wanted if at_s is None), "nobody was notified")
        raise AssertionError(f"{drill.alert} did not arrive within {drill.fires_within_s:g} s: {stuck}")
    assert course.resolved_s is not None, (
        f"{drill.alert} arrived after {course.arrived_s:g} s, but was not resolved within {drill.resolves_within_s:g} s"
    )
