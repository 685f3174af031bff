"""The queries of Grafana's dashboards, as Prometheus can be asked them. Pure.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TIMES = ("__rate_interval", "__interval", "__range", "__range_s", "__range_ms", "__interval_ms")
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::\w+)?\}|\[\[([A-Za-z_]\w*)(?::\w+)?\]\]|\$([A-Za-z_]\w*)")
"""Not ``$1``, which is a group of ``label_replace``."""
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')
_QUOTE = re.compile(r"[\"'`]")
_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}]")
_ONE_VALUE = re.compile(r"(?<![=!<>~])(=)(\s*\"[^\"]*\")")
_MANY = re.compile(r"\.\*|\.\+|\||\\")
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
    lacks: tuple[str, ...] = ()
    """Variables outside of quotes, of which no value is known: everything cannot stand there."""


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
        PanelQuery(
            str(panel.get("title") or f"panel {panel.get('id', '?')}"),
            _filled(query, window, variables),
            _lacking(query, variables),
        )
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
        value = (variable.get("current") or {}).get("value") or _first_option(variable)
        if variable.get("type") == "datasource" or value in (None, "", "$__all", ["$__all"]):
            value = variable.get("allValue") or _EVERYTHING
        found[variable["name"]] = _alternatives(value) if isinstance(value, list) else str(value)
    return found


def _first_option(variable: Mapping[str, Any]) -> Any:  # noqa: ANN401 (any JSON)
    """What Grafana takes where nothing is chosen."""
    return next((option.get("value") for option in variable.get("options") or ()), None)


def _alternatives(values: Sequence[object]) -> str:
    """Several values as Grafana writes them into a matcher: a regular expression in a string of PromQL."""
    escaped = [_SPECIAL.sub(lambda special: f"\\\\{special[0]}", str(value)) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _lacking(query: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The variables outside of quotes that stand for everything, and for no time."""
    found = []
    for match in _VARIABLE.finditer(_QUOTED.sub('""', query)):
        name = _name_in(match)
        if not _is_time(match) and variables.get(name, _EVERYTHING) == _EVERYTHING:
            found.append(name)
    return tuple(found)


def _name_in(match: re.Match[str]) -> str:
    name: str = next(filter(None, match.groups()))
    return name


def _is_time(match: re.Match[str]) -> bool:
    """Whether a variable stands for a time: Grafana's own, or one of the dashboard's where a range stands."""
    before = match.string[: match.start()]
    is_in_range = before.endswith(("[", ":")) and not _QUOTE.search(_QUOTED.sub("", before))
    return _name_in(match) in _TIMES or is_in_range


def _filled(query: str, window: str, variables: Mapping[str, str]) -> str:
    # a matcher of one value takes all of them only as a regular expression
    query = _ONE_VALUE.sub(lambda match: f"{match[1]}~{match[2]}" if _is_open(match[2], variables) else match[0], query)

    def value(match: re.Match[str]) -> str:
        name = _name_in(match)
        if not _is_time(match):
            return variables.get(name, _EVERYTHING)
        if name in _TIMES and name.endswith(("_s", "_ms")):
            return str(_seconds(window) * (1000 if "ms" in name else 1))
        return window

    return _VARIABLE.sub(value, query)


def _is_open(text: str, variables: Mapping[str, str]) -> bool:
    """Whether a value in quotes has a variable that stands for more than one value."""
    names = map(_name_in, _VARIABLE.finditer(text))
    return any(_MANY.search(variables.get(name, _EVERYTHING)) for name in names)


_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800, "y": 31_536_000}


def _seconds(window: str) -> int:
    return round(sum(int(count) * _UNITS_S[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdwy])", window)))
