"""The queries of Grafana's dashboards, as Prometheus can be asked them. Pure.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TIMES = ("__rate_interval", "__interval", "__range", "__range_s", "__range_ms", "__interval_ms")
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\[\[(\w+)(?::\w+)?\]\]|\$(\w+)")
_ONE_VALUE = re.compile(r"(?<![=!<>~])(=)(\s*\"[^\"]*\")")
_MANY = re.compile(r"\.\*|\.\+|\|")
_EVERYTHING = ".*"
_OTHER_SOURCES = re.compile(
    r"loki|tempo|jaeger|elasticsearch|postgres|mysql|influx|cloudwatch|grafana$|dashboard", re.IGNORECASE
)


@dataclass(frozen=True)
class PanelQuery:
    """A query of a panel."""

    panel: str
    query: str
    """PromQL, with everything put in place of variables."""


def panel_queries(dashboard: Mapping[str, Any], window: str, given: Mapping[str, str]) -> list[PanelQuery]:
    """Every query of every panel for Prometheus; hidden ones and those for other sources left out.

    Args:
        dashboard: its JSON model, also as Grafana's API wraps it.
        window: what variables of time stand for, as a PromQL duration.
        given: what other variables stand for; one that is not named is what the dashboard has saved, else everything.
    """
    model = dashboard.get("dashboard", dashboard)
    variables = {**_saved(model), **given}
    return [
        PanelQuery(str(panel.get("title") or f"panel {panel.get('id', '?')}"), _filled(query, window, variables))
        for panel in _panels(model.get("panels") or ())
        for query in _queries(panel)
    ]


def _panels(panels: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 (any JSON)
    """All of them; a row that is folded holds its own."""
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels") or ())


def _queries(panel: Mapping[str, Any]) -> Iterator[str]:
    if _is_other(panel.get("datasource")):
        return
    for target in panel.get("targets") or ():
        if target.get("expr") and not target.get("hide") and not _is_other(target.get("datasource")):
            yield target["expr"]


def _is_other(source: Any) -> bool:  # noqa: ANN401 (a name, or an object with a type)
    kind = source.get("type", "") if isinstance(source, Mapping) else source
    return bool(_OTHER_SOURCES.search(str(kind or "")))


def _saved(model: Mapping[str, Any]) -> dict[str, str]:
    """What the dashboard's variables are set to; several values as alternatives."""
    found: dict[str, str] = {}
    for variable in (model.get("templating") or {}).get("list") or ():
        value = (variable.get("current") or {}).get("value")
        if variable.get("type") == "datasource" or value in (None, "", "$__all", ["$__all"]):
            value = variable.get("allValue") or _EVERYTHING
        found[variable["name"]] = "|".join(map(str, value)) if isinstance(value, list) else str(value)
    return found


def _filled(query: str, window: str, variables: Mapping[str, str]) -> str:
    # a matcher of one value takes all of them only as a regular expression
    query = _ONE_VALUE.sub(lambda match: f"{match[1]}~{match[2]}" if _is_open(match[2], variables) else match[0], query)

    def value(match: re.Match[str]) -> str:
        name = next(filter(None, match.groups()))
        if name in _TIMES:
            return window if not name.endswith(("_s", "_ms")) else str(_seconds(window) * (1000 if "ms" in name else 1))
        if query[: match.start()].endswith(("[", ":")):  # a variable of time of the dashboard's own
            return window
        return variables.get(name, _EVERYTHING)

    return _VARIABLE.sub(value, query)


def _is_open(text: str, variables: Mapping[str, str]) -> bool:
    """Whether a value in quotes has a variable that stands for more than one value."""
    names = (next(filter(None, match.groups())) for match in _VARIABLE.finditer(text))
    return any(_MANY.search(variables.get(name, _EVERYTHING)) for name in names)


_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800, "y": 31_536_000}


def _seconds(window: str) -> int:
    return round(sum(int(count) * _UNITS_S[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdwy])", window)))
