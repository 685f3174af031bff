"""All that the workers of a run have measured so far: put together, looked at while it grows, and told as a record."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from hdrh.histogram import HdrHistogram

from gonogo.loadtest.arrays import Series
from gonogo.loadtest.attempt import OWN_FAILURES
from gonogo.loadtest.batch import COLUMNS, Batch, Pulse
from gonogo.loadtest.blocks import FIRST_LOOK, next_look
from gonogo.loadtest.calibration import Calibration
from gonogo.loadtest.decisions import FAMILY_LEVEL, decide_course
from gonogo.loadtest.histogram import Counted, Histogram, counted, merged, percentiles_ms
from gonogo.loadtest.profile import Profile
from gonogo.loadtest.record import COURSE, Course, GeneratorHealth, LoadRecord
from gonogo.loadtest.spending import Spent
from gonogo.model import Outcome
from gonogo.targets.load import Load, Prices

_QUANTILES = (0.5, 0.95, 0.99)
_EXAMPLES = 3
_FEWEST_FOR_STEADY = 20


class Tally:
    """Takes batches of any workers in any order; the same batches make the same record."""

    def __init__(
        self,
        profile: Profile,
        load: Load,
        workers: int = 1,
        *,
        before: Spent | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """`before` is what earlier trials of the same run have spent, `calibration` the generator's own."""
        self._profile, self._load, self._workers = profile, load, workers
        self._calibration = calibration
        self._columns: dict[str, list[Series]] = {name: [] for name in COLUMNS}
        self._over: dict[str, tuple[list[Series], list[Series]]] = {o.name: ([], []) for o in load.objectives}
        self._histograms = {name: Histogram() for name in ("latency_ms", "ttft_ms", "gap_ms", "lateness_ms", "lag_ms")}
        self._pulses: dict[int, list[Pulse]] = {}
        self._failures: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._seconds: dict[int, list[Batch]] = {}
        self._rows: list[dict[str, float]] = []
        self._open_from_s: dict[int, float] = {}
        self._attempts, self._next_look = 0, FIRST_LOOK
        self.spent = before or Spent()
        self.decided: dict[str, int] = {}
        """By objective: after how many judged attempts it was decided."""
        self.breached = ""
        """The objective that ends the run by having failed."""

    def take(self, batch: Batch) -> None:
        """Count a batch."""
        for name, values in batch.columns.items():
            self._columns[name].append(values)
        for name, both in batch.over.items():
            for kept_values, values in zip(self._over[name], both, strict=True):
                kept_values.append(values)
        self._pulses.setdefault(batch.worker, []).append(batch.pulse)
        columns, good = batch.columns, (batch.columns["failed"] == 0) & (batch.columns["warm_up"] == 0)
        for name in ("latency_ms", "ttft_ms"):
            self._histograms[name].add(counted(columns[name][good]))
        self._histograms["lateness_ms"].add(counted(columns["late_ms"]))
        self._histograms["gap_ms"].add(batch.gaps[0])
        self._histograms["lag_ms"].add(batch.lags)
        self._failures.update(batch.failures)
        for kind, texts in batch.examples.items():
            kept = self._examples.setdefault(kind, [])
            kept += texts[: _EXAMPLES - len(kept)]
        self._attempts += int((columns["warm_up"] == 0).sum())
        cost = cost_of(columns, self._load.prices) if self._load.prices is not None else 0.0
        self.spent += Spent(len(columns["failed"]), int(columns["tokens"].sum()), cost)
        self._open_from_s[batch.worker] = batch.pulse.open_from_s
        together = self._seconds.setdefault(batch.second, [])
        together.append(batch)
        if len(together) == self._workers:
            self._rows.append(self._row(batch.second, self._seconds.pop(batch.second)))

    def look(self) -> None:
        """Look which objectives are decided by now.

        Only attempts before which none is open any more are looked at: those that are still open are the slow ones.
        """
        is_time = self._attempts >= self._next_look and len(self._open_from_s) == self._workers
        if not is_time or not self._profile.expected:  # blocks are as long as the whole run affords: it must be known
            return
        self._next_look = next_look(self._attempts)
        course = self._course(before_s=min(self._open_from_s.values()))
        level = FAMILY_LEVEL / len(self._load.objectives)
        for objective in self._load.objectives:
            if not objective.is_share or (objective.name in self.decided and not objective.aborts):
                continue
            outcome = decide_course(course, objective, self._profile.expected, level, on_the_way=True).outcome
            if outcome in {Outcome.PASS, Outcome.FAIL}:  # a warning may become a pass
                self.decided.setdefault(objective.name, len(course.intended_s))
            if outcome is Outcome.FAIL and objective.aborts:
                self.breached, self.decided[objective.name] = objective.name, len(course.intended_s)

    @property
    def attempts(self) -> int:
        """Judged attempts that have ended."""
        return self._attempts

    def record(
        self, *, seconds: float, stopped_early: str = "", ended: str = "", lost: Iterable[str] = ()
    ) -> LoadRecord:
        """Everything so far.

        Args:
            seconds: how long the run took.
            stopped_early: why it ended before it could decide anything.
            ended: why it ended before its schedule, although it is valid.
            lost: workers whose share is missing, and why.
        """
        told_in_part = [self._row(second, batches) for second, batches in self._seconds.items()]
        rows = tuple(sorted([*self._rows, *told_in_part], key=lambda row: row["second"]))
        columns, course = self._whole(), self._course()
        judged, failed = columns["warm_up"] == 0, columns["failed"] == 1
        histograms = {name: histogram.as_hdr() for name, histogram in self._histograms.items()}
        told = columns["prompt_tokens"][~failed]
        first = int(np.argmin(columns["intended_s"])) if len(judged) else -1
        since_sent_ms = columns["ttft_ms"] - columns["late_ms"]  # a single value: our own lateness is no cold start
        return LoadRecord(
            profile=self._profile.name,
            seconds=round(seconds, 2),
            attempts=self._attempts,
            planned=self._profile.expected or self._attempts,
            warm_up_attempts=int((~judged).sum()),
            failures=dict(self._failures),
            examples=self._examples,
            course=course,
            percentiles=self._percentiles(histograms, columns["tokens_per_s"][judged & ~failed]),
            histograms={name: histogram.encode().decode() for name, histogram in histograms.items()},
            generator=self._health(columns, histograms, tuple(lost)),
            asked=asked_of(self._profile, self._load),
            stopped_early=stopped_early,
            ended=ended,
            decided=dict(self.decided) if ended else {},
            sending_s=round(float(columns["intended_s"].max(initial=0.0)), 3),
            warm_up_s=self._profile.warm_up_s,
            steady_from_s=steady_from_s(rows),
            cold_start_ms=None if first < 0 or failed[first] else _told(since_sent_ms[first]),
            cold_start_failed=first >= 0 and bool(failed[first]),
            tokens=int(columns["tokens"][judged].sum()),
            tokens_told=bool(len(told)) and not np.isnan(told).any(),
            series=rows,
            spent=self.spent,
        )

    def _whole(self) -> dict[str, Series]:
        """All columns; the parts are joined once and for all."""
        for parts in (*self._columns.values(), *(side for both in self._over.values() for side in both)):
            parts[:] = [_joined(parts)]
        return {name: parts[0] for name, parts in self._columns.items()}

    def _course(self, before_s: float = math.inf) -> Course:
        """The judged attempts due before a moment, in the order of their intended moments, whenever they ended."""
        columns = self._whole()
        order = np.argsort(columns["intended_s"], kind="stable")
        order = order[(columns["warm_up"][order] == 0) & (columns["intended_s"][order] < before_s)]
        over = {name: (warn[0][order], fail[0][order]) for name, (warn, fail) in self._over.items()}
        return Course.of([columns[name][order] for name in COURSE], over)

    def _row(self, second: int, batches: Sequence[Batch]) -> dict[str, float]:
        """A second, as all workers told it."""
        columns = {name: _joined([batch.columns[name] for batch in batches]) for name in COLUMNS}
        good = columns["failed"] == 0
        seconds = sum(batch.pulse.seconds for batch in batches) / len(batches)
        row: dict[str, float] = {
            "second": second,
            "good": int(good.sum()),
            "failed": int((~good).sum()),
            "tokens": int(columns["tokens"].sum()),
            "open": round(sum(batch.pulse.open_attempt_s for batch in batches) / max(seconds, 1e-9), 2),
        }
        if self._load.prices is not None:
            row["cost"] = cost_of(columns, self._load.prices)
        row |= _quantiles("latency_ms", counted(columns["latency_ms"][good]))
        row |= _quantiles("ttft_ms", counted(columns["ttft_ms"][good]))
        row |= _quantiles("gap_ms", merged([gaps for batch in batches for gaps in batch.gaps]))
        return row

    def _percentiles(self, histograms: Mapping[str, HdrHistogram], speeds: Series) -> dict[str, dict[str, float]]:
        """The usual ones, and those that objectives ask for."""
        found = {name: percentiles_ms(histogram) for name, histogram in histograms.items()}
        for objective in self._load.objectives:
            if objective.quantile is None:
                continue
            key, values = f"p{objective.quantile * 100:g}", found.setdefault(objective.metric, {})
            if objective.metric in histograms and values:
                value = histograms[objective.metric].get_value_at_percentile(objective.quantile * 100) / 1000
                values.setdefault(key, value)
            elif objective.metric == "stream_tokens_per_s" and np.isfinite(speeds).any():
                finite = speeds[np.isfinite(speeds)]
                values[key] = round(float(np.quantile(finite, objective.quantile, method="inverted_cdf")), 3)
        return found

    def _health(
        self, columns: Mapping[str, Series], histograms: Mapping[str, HdrHistogram], lost: tuple[str, ...]
    ) -> GeneratorHealth:
        pulses = [pulse for several in self._pulses.values() for pulse in several]
        seconds = max((sum(pulse.seconds for pulse in several) for several in self._pulses.values()), default=0.0)
        took_s = columns["ended_s"] - columns["intended_s"] - columns["late_ms"] / 1000
        return GeneratorHealth(
            intended=sum(pulse.due for pulse in pulses),
            sent=len(took_s),
            lateness_p99_ms=histograms["lateness_ms"].get_value_at_percentile(99) / 1000,
            lag_p99_ms=histograms["lag_ms"].get_value_at_percentile(99) / 1000,
            own_failures=sum(self._failures[kind] for kind in OWN_FAILURES),
            cpu_share=round(max(map(_cpu_share, self._pulses.values()), default=0.0), 3),
            mean_open=round(sum(pulse.open_attempt_s for pulse in pulses) / max(seconds, 1e-9), 3),
            mean_open_uncounted=round(sum(pulse.uncounted_attempt_s for pulse in pulses) / max(seconds, 1e-9), 3),
            mean_open_by_latency=round(float(took_s.sum()) / max(seconds, 1e-9), 3),
            workers=self._workers,
            lost=lost,
            most_open=max((pulse.most_open for pulse in pulses), default=0),
            clock_step_ms=round(max((pulse.clock_step_ms for pulse in pulses), default=0.0), 3),
            calibration=self._calibration,
        )


def _joined(parts: Sequence[Series]) -> Series:
    return np.concatenate(parts) if parts else np.zeros(0)


def _told(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 3)


def _cpu_share(pulses: Sequence[Pulse]) -> float:
    return sum(pulse.cpu_s for pulse in pulses) / max(1e-9, sum(pulse.seconds for pulse in pulses))


def _quantiles(metric: str, values: Counted) -> dict[str, float]:
    if not values.total:
        return {}
    found = {f"{metric}.p{share * 100:g}": values.quantile_ms(share) for share in _QUANTILES}
    return {**found, f"{metric}.max": values.quantile_ms(1.0)}


def asked_of(profile: Profile, load: Load) -> str:
    """A digest of the profile's text and the model."""
    return hashlib.sha256(f"{profile.digest} {load.model}".encode()).hexdigest()[:16]


def cost_of(columns: Mapping[str, Series], prices: Prices) -> float:
    """What the attempts cost; those of which nobody told the tokens cost nothing here."""
    asked = float(np.nansum(columns["prompt_tokens"])) * prices.input_per_million
    return (asked + float(columns["tokens"].sum()) * prices.output_per_million) / 1e6


def steady_from_s(rows: Sequence[Mapping[str, float]]) -> float:
    """From which second on the run's latencies no longer show a start-up.

    MSER (White 1997, Simulation 69, https://doi.org/10.1177/003754979706900601): the point after which the mean has
    the smallest standard error, looked for in the first half. Over the medians of the seconds; 0 for a short run.
    """
    told = [(row["second"], row["latency_ms.p50"]) for row in rows if "latency_ms.p50" in row]
    if len(told) < _FEWEST_FOR_STEADY:
        return 0.0
    values = np.asarray([value for _, value in told])
    errors = [float(values[start:].var()) / (len(values) - start) for start in range(len(values) // 2)]
    return float(told[int(np.argmin(errors))][0])
