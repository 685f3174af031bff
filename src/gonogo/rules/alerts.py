"""Prometheus rules: expressions parse, metrics exist, required alerts are there (the library promql-parser)."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import promql_parser

from gonogo.documents import Document, Part, Problems, did_you_mean

_ALWAYS = {"up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds", "scrape_samples_scraped", "absent"}
"""Series that Prometheus makes itself."""
_SUFFIXES = ("_total", "_bucket", "_sum", "_count", "_info")
"""What a client library appends to the name of a family."""


@dataclass(frozen=True)
class Rule:
    """One alerting or recording rule."""

    part: Part
    group: Part

    @property
    def severity(self) -> str:
        """Its label, or that of its group."""
        return self.part.at("labels", "severity").text() or self.group.at("labels", "severity").text()

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
    return [Rule(part, group) for document in documents for group in document.root["groups"] for part in group["rules"]]


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


def unexported(documents: Collection[Document], samples: Collection[str], families: Collection[str]) -> Problems:
    """Metrics that rules read and nobody exports: such an alert can never fire.

    Args:
        documents: the rule files.
        samples: names exactly as they stand on metrics pages.
        families: names as people write them: what a client library appends to them is taken as well.
    """
    recorded = {rule.name for rule in rules(documents) if not rule.is_alert}
    appended = {f"{family}{suffix}" for family in families for suffix in _SUFFIXES}
    known = {*samples, *families, *appended, *recorded, *_ALWAYS}
    problems: Problems = []
    for rule in rules(documents):
        for metric in dict.fromkeys(metrics(rule.part["expr"].text())):
            if metric not in known:
                hint = did_you_mean(metric, known)
                problems.append(rule.part["expr"].problem(f"{rule.name}: nobody exports {metric}{hint}"))
    return problems


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
    place = next(iter(documents)).root if documents else Document("alerts", None).root
    alerts: dict[str, list[Rule]] = {}
    for rule in rules(documents):
        if rule.is_alert:
            alerts.setdefault(rule.name, []).append(rule)
    problems: Problems = []
    for name, severity in required.items():
        given = {rule.severity for rule in alerts.get(name, ())}
        if not given:
            problems.append(place["groups"].problem(f"the alert {name} is required{did_you_mean(name, alerts)}"))
        elif severity and severity not in given:
            where = alerts[name][0].part
            shown = ", ".join(repr(value or "none") for value in sorted(given))
            problems.append(where.problem(f"{name} has severity {shown}, required is {severity!r}"))
    return problems


def sample_names(page: str) -> set[str]:
    """The names of series in a saved metrics page (Prometheus' text format).

    Those that stand there, and those that a declared counter, gauge, histogram or summary will have once it has moved.
    """
    names = set(re.findall(r"^([A-Za-z_:][\w:]*)(?:\{| )", page, re.MULTILINE))
    for family, kind in re.findall(r"^# TYPE ([A-Za-z_:][\w:]*) (\w+)", page, re.MULTILINE):
        suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}.get(kind, ("",))
        names |= {f"{family}{suffix}" for suffix in suffixes}
    return names


def unwrapped(document: Document) -> Document:
    """The rules of a PrometheusRule object as a rule file; any other document as it is."""
    return document.below("spec") if document.root["kind"].text() == "PrometheusRule" else document
