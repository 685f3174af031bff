"""Prometheus and Alertmanager, over their HTTP APIs (https://prometheus.io/docs/prometheus/latest/querying/api/).

Whoever watches is not what is judged: where they cannot be asked, nothing is known, which is inconclusive and no fail.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.http import Http, HttpAnswer
from gonogo.rules.watching import LoadedRule, Scraped, Value


class RefusedExpressionError(InconclusiveError):
    """Prometheus is there, and does not understand an expression."""


class PrometheusProbe:
    """Asks a Prometheus."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def query(self, promql: str, ago_s: float = 0.0) -> Sequence[Value]:
        """The values of an expression now, or so long ago by Prometheus' clock; none where no series matches.

        Raises:
            InconclusiveError: Prometheus cannot be asked.
            RefusedExpressionError: it refuses the expression.
        """
        asked = {"query": promql}
        if ago_s:
            asked["time"] = f"{self.now_s() - ago_s:.3f}"
        data = self._data(f"/api/v1/query?{urlencode(asked)}")
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return [Value({}, float(result[1]))]
        if kind != "vector":
            raise InconclusiveError(f"{promql} gives a {kind}: an objective needs an instant vector or a scalar")
        return [Value(item["metric"], float(item["value"][1])) for item in result]

    def now_s(self) -> float:
        """Its own clock, in seconds since 1970.

        Raises:
            InconclusiveError: Prometheus cannot be asked.
        """
        (now,) = self.query("time()")
        return now.value

    def targets(self) -> Sequence[Scraped]:
        """The active scrape targets.

        Raises:
            InconclusiveError: Prometheus cannot be asked.
        """
        return [
            Scraped(
                item["labels"].get("job", ""), item["labels"].get("instance", ""), item["health"], item["lastError"]
            )
            for item in self._data("/api/v1/targets?state=active")["activeTargets"]
        ]

    def rules(self) -> Sequence[LoadedRule]:
        """The rules that are loaded.

        Raises:
            InconclusiveError: Prometheus cannot be asked.
        """
        return [
            LoadedRule(
                name=rule["name"],
                group=group["name"],
                is_alert=rule["type"] == "alerting",
                labels=rule.get("labels", {}),
                health=rule["health"],
                error=rule.get("lastError", ""),
                evaluated=_moment(rule.get("lastEvaluation", "")),
                interval_s=float(group["interval"]),
            )
            for group in self._data("/api/v1/rules")["groups"]
            for rule in group["rules"]
        ]

    def alertmanagers(self) -> Sequence[str]:
        """The addresses to which it sends its alerts.

        Raises:
            InconclusiveError: Prometheus cannot be asked.
        """
        return [str(item["url"]) for item in self._data("/api/v1/alertmanagers")["activeAlertmanagers"]]

    def firing(self, alert: str) -> Sequence[Mapping[str, str]]:
        """The label sets with which an alert fires now.

        Raises:
            InconclusiveError: Prometheus cannot be asked.
        """
        alerts = self._data("/api/v1/alerts")["alerts"]
        return [a["labels"] for a in alerts if a["state"] == "firing" and a["labels"].get("alertname") == alert]

    def fired_s_ago(self, alert: str, within_s: float) -> float | None:
        """How long ago, by Prometheus' clock, an alert was first firing in the last so many seconds; None: not at all.

        Raises:
            InconclusiveError: Prometheus cannot be asked.
        """
        fired = f'timestamp(ALERTS{{alertname="{alert}", alertstate="firing"}})'
        found = self.query(f"time() - min(min_over_time({fired}[{max(1, math.ceil(within_s))}s:1s]))")
        return found[0].value if found else None

    def _data(self, path: str) -> Any:  # noqa: ANN401 (any JSON)
        answer = asked(self._http, path, "Prometheus")
        try:
            told = answer.json()
        except EndpointFailedError:  # while it starts, and from proxies
            told = {"error": " ".join(answer.text.split())[:200]}
        if not isinstance(told, dict) or answer.status != 200 or told.get("status") != "success":
            told = told if isinstance(told, dict) else {}
            kind = RefusedExpressionError if told.get("errorType") == "bad_data" else InconclusiveError
            why = told.get("error", "")
            raise kind(f"Prometheus answers {path} with HTTP {answer.status}: {why}".rstrip(": "))
        return told["data"]


class AlertmanagerProbe:
    """Asks an Alertmanager (its API v2)."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def ready(self) -> HttpAnswer:
        """Its readiness page.

        Raises:
            InconclusiveError: it cannot be asked.
        """
        return asked(self._http, "/-/ready", "Alertmanager")

    def active(self, alert: str) -> Sequence[Mapping[str, str]]:
        """The label sets with which an alert is active there, neither silenced nor inhibited.

        Raises:
            InconclusiveError: it cannot be asked.
        """
        wanted = urlencode({"filter": f'alertname="{alert}"', "silenced": "false", "inhibited": "false"})
        answer = asked(self._http, f"/api/v2/alerts?{wanted}", "Alertmanager")
        return [item["labels"] for item in json_of(answer, "Alertmanager")]

    def post(self, labels: Mapping[str, str], *, starts: datetime, ends: datetime) -> None:
        """Post an alert, as Prometheus would; one that has ended is resolved.

        Raises:
            InconclusiveError: it is not taken.
        """
        alert = {"labels": dict(labels), "startsAt": starts.isoformat(), "endsAt": ends.isoformat()}
        try:
            answer = self._http.post("/api/v2/alerts", [alert])
        except EndpointFailedError as error:
            raise InconclusiveError(f"Alertmanager cannot be asked: {error}") from error
        if answer.status != 200:
            raise InconclusiveError(f"Alertmanager refuses an alert with HTTP {answer.status}: {answer.text[:200]}")


def asked(http: Http, path: str, who: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """A page of somebody who watches.

    Raises:
        InconclusiveError: it cannot be had.
    """
    try:
        return http.get(path, headers)
    except EndpointFailedError as error:
        raise InconclusiveError(f"{who} cannot be asked: {error}") from error


def json_of(answer: HttpAnswer, who: str) -> Any:  # noqa: ANN401 (any JSON)
    """What somebody who watches answers.

    Raises:
        InconclusiveError: another status than 200, or no JSON (a login page, a proxy's error).
    """
    if answer.status != 200:
        raise InconclusiveError(f"{who} answers HTTP {answer.status}: {' '.join(answer.text.split())[:200]}")
    try:
        return answer.json()
    except EndpointFailedError as error:
        raise InconclusiveError(f"{who} answers something else than JSON: {error}") from error


def _moment(text: str) -> datetime | None:
    """A moment as Go writes it; None for its zero value, which stands for never."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.year > 1 else None
