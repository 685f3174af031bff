"""The section ``monitoring`` of a target: what watches the deployment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gonogo.objectives import Band
from gonogo.targets.secrets import Secret


@dataclass(frozen=True)
class MetricsEndpoint:
    """A page in Prometheus' text format and the series that must be on it."""

    name: str
    url: str
    required: tuple[str, ...]


@dataclass(frozen=True)
class OwnCounter:
    """A counter that has a label for the caller, so that a run can count its own requests and nobody else's."""

    name: str
    metric: str
    label: str
    """The label that holds what a request said as its ``user``."""
    page: str
    """The metrics page, by its name."""


@dataclass(frozen=True)
class RequiredSeries:
    """A series that Prometheus must have."""

    name: str
    selector: str
    """A PromQL selector."""
    job: str
    """The scrape job that brings it; while that is down, its absence says nothing new. Empty: any."""


@dataclass(frozen=True)
class RequiredBuckets:
    """A histogram, and the bounds between which somebody wants to tell."""

    name: str
    """The histogram's metric, without ``_bucket``."""
    bounds: tuple[float, ...]
    """In the metric's own unit, which Prometheus' naming rules put into its name."""
    job: str


@dataclass(frozen=True)
class WindowObjective:
    """A figure that Prometheus computes over a window, within a band."""

    name: str
    query: str
    band: Band
    unit: str
    is_notice: bool
    """Beyond its band it is told, and never a no-go (requests a day, for capacity planning)."""


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that watches the deployment."""

    url: str
    key: Secret | None = None
    jobs: tuple[str, ...] = ()
    """Scrape jobs that must have targets, all of them up; none named: all that there are."""
    series: tuple[RequiredSeries, ...] = ()
    histograms: tuple[RequiredBuckets, ...] = ()
    objectives: tuple[WindowObjective, ...] = ()
    alerts: Mapping[str, str] = field(default_factory=dict)
    """Alerts that must be loaded: severity by name; an empty one takes any."""


@dataclass(frozen=True)
class AlertDrill:
    """An alert that is made to fire, and must arrive and resolve."""

    name: str
    alert: str
    """Its ``alertname``."""
    labels: Mapping[str, str]
    """Further labels that tell it from others of that name."""
    provoke: tuple[dict[str, Any], ...]
    """What makes it fire, as the steps of a fault; empty: it is posted to Alertmanager, as Prometheus would."""
    fires_within_s: float
    resolves_within_s: float


@dataclass(frozen=True)
class Alertmanager:
    """What sends alerts to people."""

    url: str
    key: Secret | None = None
    listen: str = ""
    """Host and port where a webhook receiver of Alertmanager's configuration expects us; empty: there is none, and an
    alert counts as arrived when Alertmanager says that it notified somebody."""
    drills: tuple[AlertDrill, ...] = ()


@dataclass(frozen=True)
class Log:
    """A log of requests: files, or a query of Loki."""

    name: str
    fields: Mapping[str, str]
    """JSON Pointers by field: ``time``, ``request_id``, ``key``, ``endpoint``, ``latency``, ``status``."""
    files: tuple[Path, ...] = ()
    loki: str = ""
    """Its base URL."""
    key: Secret | None = None
    query: str = ""
    """LogQL: a stream selector."""
    of: str = "gateway"
    """Whose log it is: the gateway, or a provider by its name."""
    id_header: str = "x-request-id"
    """In which a caller gives a request its id."""
    within_s: float = 10.0
    """Until a request's line is there."""


@dataclass(frozen=True)
class Dashboards:
    """Dashboards of Grafana: their files, or a Grafana."""

    files: tuple[Path, ...] = ()
    grafana: str = ""
    """Its base URL."""
    key: Secret | None = None
    window: str = "1h"
    """What Grafana's variables of time stand for, as a PromQL duration."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What other variables stand for; one that is not named is what the dashboard has saved, else everything."""


@dataclass(frozen=True)
class Traces:
    """Where traces can be looked up."""

    kind: str
    """``jaeger`` or ``tempo``: whose HTTP API."""
    url: str
    key: Secret | None
    services: tuple[str, ...]
    """Each must have a span of a request through the gateway, by its ``service.name``."""
    within_s: float


@dataclass(frozen=True)
class Monitoring:
    """The whole section."""

    metrics: tuple[MetricsEndpoint, ...] = ()
    counters: tuple[OwnCounter, ...] = ()
    prometheus: Prometheus | None = None
    alertmanager: Alertmanager | None = None
    logs: tuple[Log, ...] = ()
    dashboards: Dashboards | None = None
    traces: Traces | None = None

    def page(self, name: str) -> MetricsEndpoint | None:
        """The metrics page of that name."""
        return next((page for page in self.metrics if page.name == name), None)
