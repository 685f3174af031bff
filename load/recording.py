"""What a run has seen so far: histograms, exceedances, failures, the generator's own health."""

import math
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

import numpy as np
import orjson
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from gonogo.loadtest.profile import Profile
from gonogo.loadtest.record import Course, GeneratorHealth, LoadRecord
from gonogo.redaction import Redactor
from gonogo.targets.model import LoadObjective
from load.attempt import Attempt
from load.series import Series, Values

# Microseconds from 1 µs to 1 h with 3 significant digits.
_LOWEST, _HIGHEST, _DIGITS = 1, 3_600_000_000, 3
_PERCENTILES = (50, 90, 95, 99)
_METRICS = ("latency_ms", "ttft_ms", "gap_ms", "lateness_ms")
_EXAMPLES, _EXAMPLE_CHARACTERS = 3, 300
# These say nothing about the deployment: they make the run invalid.
_OWN_FAILURES = ("name resolution", "connection", "generator error")


class Recording:
    """Takes attempts, gives the record."""

    def __init__(
        self, profile: Profile, objectives: Sequence[LoadObjective], redactor: Redactor, log: TextIO | None = None
    ) -> None:
        """`log` gets a line of JSON for each attempt."""
        self._log = log
        self._profile, self._objectives, self._redactor = profile, objectives, redactor
        self._histograms = {name: _histogram() for name in _METRICS}
        self._series = Series(self._take_gaps)
        self._attempts_ms: dict[str, array[float]] = {name: array("d") for name in ("intended_ms", "latency_ms")}
        self._over = {o.name: (array("f"), array("f")) for o in objectives}
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
        gaps_ms = attempt.gaps_ms
        ended_s = time.monotonic() - self._began
        self._series.take(attempt, gaps_ms, ended_s, warm_up=warm_up)
        if self._log is not None:
            self._log.write(_line(attempt, gaps_ms, ended_s))
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
        self._attempts_ms["intended_ms"].append(attempt.intended_ms)
        self._attempts_ms["latency_ms"].append(attempt.latency_ms)
        for objective in self._objectives:
            over_warn, over_fail = self._over[objective.name]
            values = _judged_values(objective, attempt, gaps_ms)
            over_warn.append(sum(value > objective.band.warn for value in values) / len(values))
            over_fail.append(sum(value > objective.band.fail for value in values) / len(values))

    def record(self, intended: int, stopped_early: str) -> LoadRecord:
        """Everything so far."""
        seconds = max(1e-9, time.monotonic() - self._began)
        lateness = self._histograms["lateness_ms"]
        series = tuple(self._series.finish())
        return LoadRecord(
            profile=self._profile.name,
            seconds=round(seconds, 2),
            attempts=self._attempts,
            planned=max(self._profile.expected, self._attempts),
            warm_up_attempts=self._warm_up,
            failures=dict(self._failures),
            examples=self._examples,
            course=self._course(),
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
            series=series,
        )

    def _take_gaps(self, gaps_ms: Values) -> None:
        """All gaps of a second: those that the histogram cannot tell apart are added at once."""
        values, counts = np.unique(_coarse(gaps_ms), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._histograms["gap_ms"].record_value(value, count)

    def _course(self) -> Course:
        """The judged attempts in the order of their intended moments, whenever they ended."""
        order = np.argsort(np.asarray(self._attempts_ms["intended_ms"]), kind="stable")
        over = {name: (_told(warn, order), _told(fail, order)) for name, (warn, fail) in self._over.items()}
        return Course(_told(self._attempts_ms["latency_ms"], order), over)


def _coarse(values_ms: Values) -> NDArray[np.int64]:
    """Whole microseconds, as finely as the histogram keeps them: 2048 steps to a power of two (3 digits)."""
    micros = np.clip(np.rint(values_ms * 1000), _LOWEST, _HIGHEST).astype(np.int64)
    shift = np.maximum(0, np.floor(np.log2(micros)).astype(np.int64) - 10)
    return np.left_shift(np.right_shift(micros, shift), shift)


def _told(series: "array[float]", order: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(series, dtype=np.float64)[order]


def _judged_values(objective: LoadObjective, attempt: Attempt, gaps_ms: Sequence[float]) -> Sequence[float]:
    """What of an attempt an objective is about; several values count together as one."""
    if attempt.failure:  # it violates every objective
        return (math.inf,)
    if objective.metric == "gap_ms":  # of one stream each gap depends on the others: the stream counts once
        return gaps_ms or (0.0,)
    return ({"latency_ms": attempt.latency_ms, "ttft_ms": attempt.ttft_ms}.get(objective.metric, -math.inf),)


def _line(attempt: Attempt, gaps_ms: Sequence[float], ended_s: float) -> str:
    """An attempt for the log: which one it was, and what became of it."""
    told = {
        "position": attempt.position,
        "ended_s": round(ended_s, 3),
        "late_ms": round(attempt.sent_ms - attempt.intended_ms, 3),
        "ttft_ms": round(attempt.ttft_ms, 3),
        "latency_ms": round(attempt.latency_ms, 3),
        "max_gap_ms": round(max(gaps_ms, default=0.0), 3),
        "chunks": attempt.chunks,
        "status": attempt.status,
        "failure": attempt.failure,
    }
    return orjson.dumps(told).decode() + "\n"


def _histogram() -> HdrHistogram:
    return HdrHistogram(_LOWEST, _HIGHEST, _DIGITS)


def _add(histogram: HdrHistogram, value_ms: float) -> None:
    histogram.record_value(min(_HIGHEST, max(_LOWEST, round(value_ms * 1000))))


def _percentiles(histogram: HdrHistogram) -> dict[str, float]:
    if not histogram.get_total_count():
        return {}
    values = {f"p{p}": histogram.get_value_at_percentile(p) / 1000 for p in _PERCENTILES}
    return {**values, "max": histogram.get_max_value() / 1000}
