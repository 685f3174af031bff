"""metrics.prom: the verdict in the OpenMetrics text format, for node_exporter's textfile collector or a Pushgateway.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest

from gonogo.model import GOES, Decision, Outcome

_LABELS = ("target", "environment", "stage")


class MetricsWriter:
    """Writes metrics.prom."""

    file_name = "metrics.prom"

    def render(self, verdict: dict[str, Any]) -> str:
        """The text."""
        registry = CollectorRegistry()
        registry.register(_Verdict(verdict))
        text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
        return text.decode()


class _Verdict:
    """A verdict as a collector."""

    def __init__(self, verdict: dict[str, Any]) -> None:
        self._verdict = verdict
        binding = verdict["binding"]
        self._of = [str(binding["target_name"]), str(binding["environment"]), str(verdict["stage"])]

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        verdict = self._verdict
        # a gauge for each, not OpenMetrics' set of states: node_exporter and the Pushgateway refuse files with one
        decision = GaugeMetricFamily(
            "gonogo_verdict",
            "The decision; DEMO verdicts and those with a fault promote nothing.",
            labels=(*_LABELS, "gonogo_verdict"),
        )
        for word in Decision:
            decision.add_metric([*self._of, word.value], float(word.value == verdict["decision"]))
        yield decision
        checks = GaugeMetricFamily(
            "gonogo_checks", "Checks by their suite and outcome.", labels=(*_LABELS, "suite", "outcome")
        )
        for suite in dict.fromkeys(check["suite"] for check in verdict["checks"]):
            for outcome in Outcome:
                count = sum(c["suite"] == suite and c["outcome"] == outcome.value for c in verdict["checks"])
                checks.add_metric([*self._of, suite, outcome.value], count)
        yield checks
        promotes = verdict["decision"] in GOES and not verdict["demo"] and not verdict["fault"]
        yield self._gauge(
            "gonogo_can_promote", "Whether the verdict is a GO, of a real deployment without a fault.", promotes
        )
        for name in ("started", "finished", "valid_until"):
            at_s = datetime.fromisoformat(verdict[name]).timestamp()
            yield self._gauge(
                f"gonogo_run_{name}_timestamp_seconds", f"When the run was {name.replace('_', ' ')}.", at_s
            )
        for name in ("requests", "tokens"):
            yield self._gauge(
                f"gonogo_run_{name}", f"{name.capitalize()} that the run has used.", verdict["budget"].get(name, 0)
            )

    def _gauge(self, name: str, told: str, value: float) -> GaugeMetricFamily:
        found = GaugeMetricFamily(name, told, labels=_LABELS)
        found.add_metric(self._of, float(value))
        return found
