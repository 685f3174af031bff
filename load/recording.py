"""What a run has seen so far: histograms, exceedances, failures, the generator's own health."""

import time
from collections import Counter
from collections.abc import Sequence

from hdrh.histogram import HdrHistogram

from gonogo.loadtest.profile import Profile
from gonogo.loadtest.record import Exceedances, GeneratorHealth, LoadRecord
from gonogo.redaction import Redactor
from gonogo.targets.model import LoadObjective
from load.wire import Attempt

# Microseconds from 1 µs to 1 h with 3 significant digits.
_LOWEST, _HIGHEST, _DIGITS = 1, 3_600_000_000, 3
_PERCENTILES = (50, 90, 95, 99)
_EXAMPLES, _EXAMPLE_CHARACTERS = 3, 300
# These say nothing about the deployment: they make the run invalid.
_OWN_FAILURES = ("name resolution", "connection", "generator error")


class Recording:
    """Takes attempts, gives the record."""

    def __init__(self, profile: Profile, objectives: Sequence[LoadObjective], redactor: Redactor) -> None:
        self._profile, self._objectives, self._redactor = profile, objectives, redactor
        self._histograms = {name: _histogram() for name in ("latency_ms", "ttft_ms", "lateness_ms")}
        self._warn: Counter[str] = Counter()
        self._fail: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._attempts = self._warm_up = self._sent = self._chunks = 0
        self._began, self._cpu_began = time.monotonic(), time.process_time()

    def begin(self) -> None:
        """The first request is about to be sent: what was used before (start-up) does not count."""
        self._began, self._cpu_began = time.monotonic(), time.process_time()

    def take(self, attempt: Attempt, *, warm_up: bool) -> None:
        """Count one finished attempt."""
        self._sent += 1
        _add(self._histograms["lateness_ms"], attempt.sent_ms - attempt.intended_ms)
        if warm_up:
            self._warm_up += 1
            return
        self._attempts += 1
        self._chunks += attempt.chunks
        if attempt.failure:
            self._failures[attempt.failure] += 1
            examples = self._examples.setdefault(attempt.failure, [])
            if len(examples) < _EXAMPLES:
                examples.append(self._redactor.text(attempt.detail)[:_EXAMPLE_CHARACTERS])
        else:
            _add(self._histograms["latency_ms"], attempt.latency_ms)
            _add(self._histograms["ttft_ms"], attempt.ttft_ms)
        for objective in self._objectives:
            self._count_exceedance(objective, attempt)

    def _count_exceedance(self, objective: LoadObjective, attempt: Attempt) -> None:
        if objective.quantile is None:
            return
        value = attempt.latency_ms if objective.metric == "latency_ms" else attempt.ttft_ms
        failed = bool(attempt.failure)  # a failed attempt violates every quantile objective
        self._warn[objective.name] += failed or value > objective.band.warn
        self._fail[objective.name] += failed or value > objective.band.fail

    def record(self, intended: int, stopped_early: str) -> LoadRecord:
        """Everything so far."""
        seconds = max(1e-9, time.monotonic() - self._began)
        lateness = self._histograms["lateness_ms"]
        return LoadRecord(
            profile=self._profile.name,
            seconds=round(seconds, 2),
            attempts=self._attempts,
            warm_up_attempts=self._warm_up,
            failures=dict(self._failures),
            examples=self._examples,
            exceedances={
                o.name: Exceedances(self._warn[o.name], self._fail[o.name])
                for o in self._objectives
                if o.quantile is not None
            },
            percentiles={name: _percentiles(histogram) for name, histogram in self._histograms.items()},
            histograms={name: histogram.encode().decode() for name, histogram in self._histograms.items()},
            generator=GeneratorHealth(
                intended=intended,
                sent=self._sent,
                lateness_p99_ms=lateness.get_value_at_percentile(99) / 1000,
                own_failures=sum(self._failures[kind] for kind in _OWN_FAILURES),
                cpu_share=round((time.process_time() - self._cpu_began) / seconds, 3),
            ),
            stopped_early=self._redactor.text(stopped_early)[:_EXAMPLE_CHARACTERS],
            content_chunks=self._chunks,
        )


def _histogram() -> HdrHistogram:
    return HdrHistogram(_LOWEST, _HIGHEST, _DIGITS)


def _add(histogram: HdrHistogram, value_ms: float) -> None:
    histogram.record_value(min(_HIGHEST, max(_LOWEST, round(value_ms * 1000))))


def _percentiles(histogram: HdrHistogram) -> dict[str, float]:
    if not histogram.get_total_count():
        return {}
    values = {f"p{p}": histogram.get_value_at_percentile(p) / 1000 for p in _PERCENTILES}
    return {**values, "max": histogram.get_max_value() / 1000}
