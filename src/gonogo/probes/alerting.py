"""Follows one alert on its way: fires in Prometheus, reaches Alertmanager, arrives at its receiver, resolves."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from gonogo.errors import InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.prometheus import AlertmanagerProbe, PrometheusProbe
from gonogo.probes.webhooks import Notified, Receiver
from gonogo.targets.monitoring import AlertDrill

_LOOK_S = 0.5


@dataclass
class AlertCourse:
    """When an alert reached each station, in seconds from the moment at which it was provoked; None: it did not."""

    fired_s: float | None = None
    """In Prometheus; None as well for an alert that was posted to Alertmanager."""
    reached_s: float | None = None
    """Alertmanager."""
    arrived_s: float | None = None
    """At the receiver."""
    ended_s: float | None = None
    """When its cause was taken away."""
    resolved_s: float | None = None
    """At the receiver; without one, in Alertmanager."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stations:
    """Who is asked on the way."""

    prometheus: PrometheusProbe | None
    alertmanager: AlertmanagerProbe
    receiver: Receiver | None
    delivered: Callable[[], float]
    """Without a receiver: how many notifications Alertmanager has delivered in all."""


class AlertWatch:
    """Follows the alert of a drill."""

    def __init__(self, drill: AlertDrill, stations: Stations, context: ProbeContext) -> None:
        self._drill, self._stations, self._context = drill, stations, context
        self._labels = dict(drill.labels)
        self._began_s = self._since_s = 0.0
        self.course = AlertCourse()

    def expect_quiet(self) -> None:
        """Nothing can be told of an alert that is there already.

        Raises:
            InconclusiveError: it fires, or is active in Alertmanager.
        """
        if self._fires() or self._is_active():
            raise InconclusiveError(f"{self._drill.alert} is firing already: it cannot be told from what is provoked")

    def follow(self, provoked: AbstractContextManager[None]) -> AlertCourse:
        """Provoke it, wait until it arrives, take its cause away, wait until it is resolved.

        Args:
            provoked: the cause is there inside the block.
        """
        drill, course = self._drill, self.course
        before = self._stations.delivered() if self._stations.receiver is None else 0.0
        self._since_s = time.monotonic()
        try:
            with provoked:
                self._began_s = time.monotonic()
                self._wait(drill.fires_within_s, "fires", lambda: self._has_arrived(before))
                self._since_s = time.monotonic()  # what is resolved before its cause ends is not resolved by it
            course.ended_s = self._now_s()
            if course.arrived_s is not None:
                self._wait(drill.resolves_within_s, "is resolved", self._is_resolved)
        finally:
            self._record()
        return course

    def post(self) -> AbstractContextManager[None]:
        """The alert as Prometheus would post it, while the block runs: for drills without anything that provokes it."""
        return _Posted(self._stations.alertmanager, {"alertname": self._drill.alert, **self._labels})

    def _wait(self, within_s: float, what: str, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + within_s
        while not is_so() and time.monotonic() < deadline:
            rest_s = deadline - time.monotonic()
            self._context.progress(f"until {self._drill.alert} {what}: {rest_s:.0f} s at most")
            time.sleep(min(_LOOK_S, max(0.0, rest_s)))

    def _has_arrived(self, before: float) -> bool:
        course = self.course
        if course.fired_s is None and self._drill.provoke and self._fires():
            course.fired_s = self._now_s()
        if course.reached_s is None and self._is_active():
            course.reached_s = self._now_s()
        if (receiver := self._stations.receiver) is not None:
            if (first := self._first(receiver, "firing")) is not None:
                course.arrived_s, course.labels = round(first.at_s - self._began_s, 1), first.labels
        elif course.reached_s is not None and self._stations.delivered() > before:
            course.arrived_s = self._now_s()
        return course.arrived_s is not None

    def _is_resolved(self) -> bool:
        course = self.course
        if (receiver := self._stations.receiver) is not None:
            if (first := self._first(receiver, "resolved")) is not None:
                course.resolved_s = round(first.at_s - self._began_s, 1)
        elif not self._is_active():
            course.resolved_s = self._now_s()
        return course.resolved_s is not None

    def _first(self, receiver: Receiver, status: str) -> Notified | None:
        """The first notification that says so, of the phase that goes on: others come from before."""
        arrived = (n for n in list(receiver.arrived) if n.at_s >= self._since_s)
        return next((n for n in arrived if n.status == status and self._is_it(n.labels)), None)

    def _fires(self) -> bool:
        prometheus = self._stations.prometheus
        return prometheus is not None and any(map(self._is_it, prometheus.firing(self._drill.alert)))

    def _is_active(self) -> bool:
        return any(map(self._is_it, self._stations.alertmanager.active(self._drill.alert)))

    def _is_it(self, labels: Mapping[str, str]) -> bool:
        return {"alertname": self._drill.alert, **self._labels}.items() <= labels.items()

    def _now_s(self) -> float:
        return round(time.monotonic() - self._began_s, 1)

    def _record(self) -> None:
        told = {name: value for name, value in asdict(self.course).items() if value is not None}
        took_ms = (time.monotonic() - self._began_s) * 1000 if self._began_s else 0.0
        self._context.record(Observation("alert", self._drill.alert, took_ms, answer=told))


class _Posted:
    """An alert in Alertmanager, while the block runs."""

    def __init__(self, alertmanager: AlertmanagerProbe, labels: Mapping[str, str]) -> None:
        self._alertmanager, self._labels = alertmanager, labels
        self._began = datetime.now(UTC)

    def __enter__(self) -> None:
        # should this run be killed, it ends by itself
        self._alertmanager.post(self._labels, starts=self._began, ends=self._began + timedelta(hours=1))

    def __exit__(self, *_: object) -> None:
        self._alertmanager.post(self._labels, starts=self._began, ends=datetime.now(UTC))
