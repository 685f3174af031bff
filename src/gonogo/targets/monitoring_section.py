"""The section ``monitoring`` of a target file."""

from collections.abc import Mapping, Sequence
from typing import Any

import promql_parser

from gonogo.documents import Path_, did_you_mean
from gonogo.targets.monitoring import (
    AlertDrill,
    Alertmanager,
    Dashboards,
    Log,
    MetricsEndpoint,
    Monitoring,
    OwnCounter,
    Prometheus,
    RequiredBuckets,
    RequiredSeries,
    Traces,
    WindowObjective,
)
from gonogo.targets.target_file import TargetFile

_WHERE: Path_ = ("monitoring",)


class MonitoringSection:
    """Reads the section; what is wrong is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def read(self, raw: Mapping[str, Any], parts: Sequence[str]) -> Monitoring:
        """What watches the deployment, and what must be seen there.

        Args:
            raw: the section.
            parts: the names of the gateway and the providers.
        """
        pages = tuple(
            MetricsEndpoint(item["name"], item["url"], tuple(item.get("required", ())))
            for item in raw.get("metrics", ())
        )
        self._names("metrics", [page.name for page in pages])
        prometheus = self._prometheus(raw["prometheus"]) if "prometheus" in raw else None
        alertmanager = self._alertmanager(raw["alertmanager"]) if "alertmanager" in raw else None
        if alertmanager is not None and prometheus is None and any(drill.provoke for drill in alertmanager.drills):
            self._file.problem(
                (*_WHERE, "alertmanager", "drills"), "an alert that is provoked fires in monitoring.prometheus"
            )
        counters = self._counters(raw.get("counters", ()), [page.name for page in pages])
        dashboards = self._dashboards(raw["dashboards"]) if "dashboards" in raw else None
        if dashboards is not None and prometheus is None:
            self._file.problem(
                (*_WHERE, "dashboards"), "needs monitoring.prometheus, which answers the panels' queries"
            )
        traces = self._traces(raw["traces"]) if "traces" in raw else None
        logs = tuple(self._log(item, i, parts) for i, item in enumerate(raw.get("logs", ())))
        self._names("logs", [log.name for log in logs])
        return Monitoring(pages, counters, prometheus, alertmanager, logs, dashboards, traces)

    def _log(self, raw: dict[str, Any], position: int, parts: Sequence[str]) -> Log:
        where = (*_WHERE, "logs", position)
        if ("files" in raw) is ("loki" in raw):
            self._file.problem(where, "needs files, or loki with a query")
        if "loki" in raw and "query" not in raw:
            self._file.problem(where, "loki needs a query")
        self._file.expect_known("endpoint", raw.get("of", "gateway"), parts, (*where, "of"))
        files = tuple(self._file.path(name) for name in raw.get("files", ()))
        key = self._file.secret(raw.get("key"), (*where, "key"))
        return Log(**{**raw, "files": files, "key": key, "loki": raw.get("loki", "").rstrip("/")})

    def _dashboards(self, raw: dict[str, Any]) -> Dashboards:
        where = (*_WHERE, "dashboards")
        if ("files" in raw) is ("grafana" in raw):
            self._file.problem(where, "needs files, or grafana")
        files = tuple(self._file.path(name) for name in raw.get("files", ()))
        for i, file in enumerate(files):
            if not file.is_file():
                self._file.problem((*where, "files", i), f"no file {raw['files'][i]!r}")
        key = self._file.secret(raw.get("key"), (*where, "key"))
        return Dashboards(**{**raw, "files": files, "key": key, "grafana": raw.get("grafana", "").rstrip("/")})

    def _traces(self, raw: dict[str, Any]) -> Traces:
        key = self._file.secret(raw.get("key"), (*_WHERE, "traces", "key"))
        return Traces(raw["kind"], raw["url"].rstrip("/"), key, tuple(raw["services"]), raw.get("within_s", 30.0))

    def _names(self, section: str, names: list[str]) -> None:
        for i, name in enumerate(names):
            if name in names[:i]:
                self._file.problem((*_WHERE, *section.split("/"), i, "name"), f"the name {name!r} is taken")

    def _counters(self, raw: list[dict[str, str]], pages: list[str]) -> tuple[OwnCounter, ...]:
        self._names("counters", [item["name"] for item in raw])
        for i, item in enumerate(raw):
            self._file.expect_known("metrics page", item["page"], pages, (*_WHERE, "counters", i, "page"))
        return tuple(OwnCounter(**item) for item in raw)

    def _prometheus(self, raw: Mapping[str, Any]) -> Prometheus:
        where = (*_WHERE, "prometheus")
        jobs = tuple(raw.get("jobs", ()))
        for section in ("series", "histograms", "objectives"):
            self._names(f"prometheus/{section}", [item["name"] for item in raw.get(section, ())])
            for i, item in enumerate(raw.get(section, ())):
                if jobs and item.get("job", jobs[0]) not in jobs:
                    hint = did_you_mean(item["job"], jobs)
                    self._file.problem((*where, section, i, "job"), f"{item['job']!r} is not among the jobs{hint}")
        series = (
            RequiredSeries(item["name"], item.get("selector", item["name"]), item.get("job", ""))
            for item in raw.get("series", ())
        )
        histograms = (
            RequiredBuckets(item["name"], tuple(item["bounds"]), item.get("job", ""))
            for item in raw.get("histograms", ())
        )
        found = Prometheus(
            url=raw["url"].rstrip("/"),
            key=self._file.secret(raw.get("key"), (*where, "key")),
            jobs=jobs,
            series=tuple(series),
            histograms=tuple(histograms),
            objectives=tuple(self._objective(item, i) for i, item in enumerate(raw.get("objectives", ()))),
            alerts=raw.get("alerts", {}),
        )
        for i, item in enumerate(found.series):
            self._check_query(item.selector, (*where, "series", i))
        return found

    def _objective(self, raw: dict[str, Any], position: int) -> WindowObjective:
        where = (*_WHERE, "prometheus", "objectives", position)
        bounds = {key: value for key, value in raw.items() if key.endswith(("_above", "_below"))}
        if not bounds:
            self._file.problem(where, "needs warn_above, fail_above, warn_below or fail_below")
        self._check_query(raw["query"], (*where, "query"))
        band = self._file.band(bounds, where)
        return WindowObjective(raw["name"], raw["query"], band, raw.get("unit", ""), raw.get("notice", False))

    def _check_query(self, query: str, where: Path_) -> None:
        try:
            promql_parser.parse(query)
        except ValueError as error:
            self._file.problem(where, f"not PromQL: {' '.join(str(error).split())}")

    def _alertmanager(self, raw: Mapping[str, Any]) -> Alertmanager:
        where = (*_WHERE, "alertmanager")
        drills = tuple(
            AlertDrill(
                name=item["name"],
                alert=item["alert"],
                labels=item.get("labels", {}),
                provoke=tuple(item.get("provoke", ())),
                fires_within_s=item.get("fires_within_s", 300.0),
                resolves_within_s=item.get("resolves_within_s", 600.0),
            )
            for item in raw.get("drills", ())
        )
        self._names("alertmanager/drills", [drill.name for drill in drills])
        key = self._file.secret(raw.get("key"), (*where, "key"))
        return Alertmanager(raw["url"].rstrip("/"), key, raw.get("listen", ""), drills)
