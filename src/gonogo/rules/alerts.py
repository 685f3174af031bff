"""Prometheus rules: expressions parse, metrics exist, required alerts are there (the library promql-parser)."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import promql_parser

from gonogo.documents import Document, Part, Problems, did_you_mean

_ALWAYS = {"up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds", "scrape_samples_scraped", "absent"}
"""Series that Prometheus makes itself."""
_SUFFIXES = ("_total", "_bucket", "_sum", "_count", "_created", "_info")
"""What a client library appends to the name of a family."""


@dataclass(frozen=True)
class Rule:
    """One alerting or recording rule."""

    part: Part

    @property
    def name(self) -> str:
        """Its name."""
        return self.part["alert"].text() or self.part["record"].text()

    @property
    def is_alert(self) -> bool:
        """Whether it alerts; else it records."""
        return bool(self.part["alert"])


def rules(documents: Collection[Document]) -> list[Rule]:
    """Every rule of some files."""
    return [Rule(part) for document in documents for group in document.root["groups"] for part in group["rules"]]


def unparsable(documents: Collection[Document]) -> Problems:
    """Expressions that are not PromQL, and alerts of one name and labels that stand twice."""
    problems: Problems = []
    seen: dict[str, Rule] = {}
    for rule in rules(documents):
        expression = rule.part["expr"]
        try:
            promql_parser.parse(expression.text())
        except ValueError as error:
            problems.append(expression.problem(f"{rule.name}: not PromQL: {' '.join(str(error).split())}"))
        identity = f"{rule.name} {sorted((k, v.text()) for k, v in rule.part['labels'].entries())}"
        if rule.is_alert and identity in seen:
            problems.append(rule.part.problem(f"the alert {rule.name} stands twice with the same labels"))
        seen.setdefault(identity, rule)
    return problems


def unexported(documents: Collection[Document], exported: Collection[str]) -> Problems:
    """Metrics that rules read and nobody exports: such an alert can never fire.

    Args:
        documents: the rule files.
        exported: names of metric families or series.
    """
    recorded = {rule.name for rule in rules(documents) if not rule.is_alert}
    known = {*exported, *recorded, *_ALWAYS}
    problems: Problems = []
    for rule in rules(documents):
        for metric in dict.fromkeys(metrics(rule.part["expr"].text())):
            if metric not in known and _family(metric) not in known and not _has_family(metric, known):
                hint = did_you_mean(metric, known)
                problems.append(rule.part["expr"].problem(f"{rule.name}: nobody exports {metric}{hint}"))
    return problems


def _family(metric: str) -> str:
    suffix = next((suffix for suffix in _SUFFIXES if metric.endswith(suffix)), "")
    return metric.removesuffix(suffix)


def _has_family(metric: str, known: Collection[str]) -> bool:
    return any(f"{metric}{suffix}" in known for suffix in ("_total", "_info"))


def metrics(expression: str) -> Iterator[str]:
    """The names of the metrics that an expression reads; nothing for one that does not parse."""
    try:
        yield from _names(promql_parser.parse(expression))
    except ValueError:
        return


def _names(node: object) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        by_label = [
            m.value for m in node.matchers.matchers if m.name == "__name__" and m.op == promql_parser.MatchOp.Equal
        ]
        yield from [node.name] if node.name else by_label
        return
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        child = getattr(node, name, None)
        if child is not None:
            yield from _names(child)
    for argument in getattr(node, "args", None) or ():
        yield from _names(argument)


def missing(documents: Collection[Document], required: Mapping[str, str]) -> Problems:
    """Required alerts that are not there, or that have another severity.

    Args:
        documents: the rule files.
        required: severity by name of the alert; an empty one takes any.
    """
    alerts = {rule.name: rule for rule in rules(documents) if rule.is_alert}
    place = next(iter(documents)).root if documents else Document("alerts", None).root
    problems: Problems = []
    for name, severity in required.items():
        rule = alerts.get(name)
        if rule is None:
            problems.append(place["groups"].problem(f"the alert {name} is required{did_you_mean(name, alerts)}"))
            continue
        given = rule.part.at("labels", "severity")
        if severity and given.text() != severity:
            where = given or rule.part
            problems.append(where.problem(f"{name} has severity {given.text() or 'none'!r}, required is {severity!r}"))
    return problems


def family_names(page: str) -> set[str]:
    """The names of metrics in a saved metrics page (Prometheus' text format), families and series."""
    names = set(re.findall(r"^# (?:TYPE|HELP) ([A-Za-z_:][\w:]*)", page, re.MULTILINE))
    return names | set(re.findall(r"^([A-Za-z_:][\w:]*)(?:\{| )", page, re.MULTILINE))
