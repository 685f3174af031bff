"""The record of a load run: what the generator writes at its end."""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np

from gonogo.loadtest.arrays import Series
from gonogo.loadtest.calibration import Calibration
from gonogo.loadtest.capacity import Capacity, Held, Trial
from gonogo.loadtest.spending import Spent
from gonogo.writing import write_whole


@dataclass(frozen=True, eq=False)
class Course:
    """The judged attempts one by one, in the order of their intended moments."""

    intended_s: Series
    """When each was due, from the start of the run."""
    latency_ms: Series
    """To the end of the answer or of the failed attempt."""
    ttft_ms: Series
    failed: Series
    """0 or 1."""
    late_ms: Series
    """How long after its intended moment each was sent, which is the generator's doing and part of its latency."""
    over: Mapping[str, tuple[Series, Series]]
    """By objective: how far each attempt was over the warning and over the failing bound, 0 to 1.

    NaN where it has no such figure. A failed attempt is over both. Of an objective on gaps an attempt counts by the
    share of its gaps that were over.
    """

    @classmethod
    def of(cls, columns: Sequence[Series], over: Mapping[str, tuple[Series, Series]]) -> Self:
        """From columns in the order of `COURSE`."""
        intended_s, latency_ms, ttft_ms, failed, late_ms = columns
        return cls(intended_s, latency_ms, ttft_ms, failed, late_ms, over)

    def first(self, count: int) -> "Course":
        """The first attempts only."""
        over = {name: (warn[:count], fail[:count]) for name, (warn, fail) in self.over.items()}
        return Course.of([getattr(self, name)[:count] for name in COURSE], over)

    def as_json(self) -> dict[str, Any]:
        """As plain data, compressed."""
        over = {name: [_packed(series) for series in both] for name, both in self.over.items()}
        return {name: _packed(getattr(self, name)) for name in COURSE} | {"over": over}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """What `as_json` gave; a record that was kept before it told so was sent in time.

        Raises:
            ValueError, KeyError, TypeError: it did not.
        """
        raw = {"late_ms": _packed(np.zeros(len(_unpacked(raw["intended_s"])))), **raw}
        over = {name: (_unpacked(warn), _unpacked(fail)) for name, (warn, fail) in raw["over"].items()}
        return cls.of([_unpacked(raw[name]) for name in COURSE], over)


RECORD_FILE = "load-record.json"
"""In the folder of the run."""
COURSE = ("intended_s", "latency_ms", "ttft_ms", "failed", "late_ms")
"""What a course tells of each attempt, beside how far it was over each bound."""


def _packed(series: Series) -> str:
    """Single precision is enough: these values are compared and averaged, not told."""
    return base64.b64encode(zlib.compress(series.astype("<f4").tobytes())).decode()


def _unpacked(text: str) -> Series:
    try:
        return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<f4").astype(np.float64)
    except zlib.error as error:
        raise ValueError("a series is damaged") from error


@dataclass(frozen=True)
class GeneratorHealth:
    """Whether the generator itself kept up; if it did not, the run says nothing about the deployment."""

    intended: int
    """Attempts that were due."""
    sent: int
    lateness_p99_ms: float
    """Sending after the intended moment."""
    cpu_share: float
    """CPU seconds per second of the busiest generator process."""
    own_failures: int = 0
    """Attempts that failed on the generator's own side: a name that does not resolve, no free socket."""
    lag_p99_ms: float = 0.0
    """By how much the event loop was late, sampled fifty times a second."""
    mean_open: float = 0.0
    """How many attempts were open on average, as counted from time to time."""
    mean_open_by_latency: float = 0.0
    """The same by Little's law (L = λW): from the attempts' own durations."""
    mean_open_uncounted: float = 0.0
    """How much of `mean_open` was counted too late, since the event loop was behind: it may be off by so much."""
    workers: int = 1
    lost: Sequence[str] = ()
    """Workers whose share is missing, and why."""
    most_open: int = 0
    """The most attempts that one worker had open at once."""
    clock_step_ms: float = 0.0
    """By how much somebody has set a generator's clock during the run, at most at once."""
    calibration: Calibration | None = None
    """What the generator itself adds and takes; of several workers the largest figures."""

    def problem(self, limits: "GeneratorLimits") -> str:
        """Why the run is invalid, with the advice what to change; empty if it is valid."""
        return next(chain(self._missing(limits), self._starved(limits)), "")

    def _missing(self, limits: "GeneratorLimits") -> Iterator[str]:
        """Requests that were not sent, or of which nobody knows."""
        if self.sent == 0:
            yield "0 requests were sent: check the profile's rate and the gateway's address"
        if self.lost:
            yield f"a worker's share is missing: {'; '.join(self.lost)}"
        if self.own_failures:
            yield f"{self.own_failures} attempts failed on the generator's own side (name resolution, sockets)"
        if self.most_open >= limits.max_open:
            yield (
                f"{self.most_open} requests were open at once, the most that a worker keeps, so that others waited: "
                "the deployment hangs, or its answers take long and want more workers"
            )
        if self.sent < limits.min_sent_share * self.intended:
            yield f"only {self.sent} of {self.intended} scheduled requests were sent: use more workers"

    def _starved(self, limits: "GeneratorLimits") -> Iterator[str]:
        """Figures that tell of the generator, not of the deployment."""
        starved = "the generator was starved; use more workers or a quieter machine"
        late_ms, lag_ms = limits.max_lateness_p99_ms, limits.max_lag_p99_ms
        opens = self.mean_open, self.mean_open_by_latency
        apart = abs(opens[0] - opens[1]) - self.mean_open_uncounted
        own_ms = self.calibration.ttft_error_p95_ms if self.calibration is not None else 0.0
        if own_ms > late_ms:
            yield f"the generator itself added {own_ms:.0f} ms (p95) to the first tokens of an echo: {starved}"
        if self.lateness_p99_ms > late_ms:
            yield f"requests were sent up to {self.lateness_p99_ms:.0f} ms late at p99, allowed {late_ms:g}: {starved}"
        if self.lag_p99_ms > lag_ms:
            yield f"the event loop was up to {self.lag_p99_ms:.0f} ms late at p99, allowed {lag_ms:g}: {starved}"
        if self.clock_step_ms > limits.max_clock_step_ms:
            yield (
                f"somebody set the generator's clock by {self.clock_step_ms:.0f} ms during the run: the moments before "
                "and after cannot be compared"
            )
        if self.cpu_share > limits.max_cpu_share:
            yield f"the generator used {self.cpu_share:.0%} of a core: use more workers"
        if max(opens) >= 1 and apart > limits.max_open_deviation * max(opens):
            yield (
                f"{opens[0]:.1f} attempts were open on average, but by their durations it should have been "
                f"{opens[1]:.1f} (Little's law): attempts or moments were lost"
            )


@dataclass(frozen=True)
class GeneratorLimits:
    """Bounds within which a generator is trusted."""

    min_sent_share: float = 0.98
    max_lateness_p99_ms: float = 100.0
    max_lag_p99_ms: float = 100.0
    max_cpu_share: float = 0.9
    max_clock_step_ms: float = 50.0
    """More than a look at two clocks takes on a busy machine; time servers slew by half a millisecond a second."""
    max_open: int = 10_000
    """For a worker: each open request has a socket and a greenlet."""
    max_open_deviation: float = 0.2
    """Of the larger of the two figures: sampling alone makes them differ by some percent."""


@dataclass(frozen=True)
class LoadRecord:
    """Everything a load run found. Percentiles are from merged HDR histograms (3 significant digits)."""

    profile: str
    seconds: float
    attempts: int
    """Attempts after the warm-up; the warm-up's are in `warm_up_attempts` only."""
    warm_up_attempts: int
    failures: Mapping[str, int]
    """Failed attempts by type of failure."""
    examples: Mapping[str, Sequence[str]]
    """The first three of each type of failure."""
    course: Course
    planned: int
    """How many attempts were to be judged, as far as that is known before a run."""
    percentiles: Mapping[str, Mapping[str, float]]
    """By metric: p50 to p99.9, those that objectives ask for, and the maximum, of the attempts that succeeded."""
    histograms: Mapping[str, str]
    """By metric: the HDR histogram, compressed and base64-encoded (the V2 format that HdrHistogram tools read)."""
    generator: GeneratorHealth
    asked: str = ""
    """A digest of what was asked of whom: runs with the same one can be compared."""
    stopped_early: str = ""
    """Why the run ended before it could decide anything, or nothing."""
    ended: str = ""
    """Why the run ended before its schedule although it is valid: everything was decided, an objective was breached."""
    decided: Mapping[str, int] = field(default_factory=dict)
    """By objective: after how many judged attempts it was decided, where that was before the end."""
    sending_s: float = 0.0
    """When the last attempt was due: rates are judged up to here."""
    warm_up_s: float = 0.0
    steady_from_s: float = 0.0
    """From when on latencies no longer showed a start-up (`gonogo.loadtest.tally.steady_from_s`)."""
    cold_start_ms: float | None = None
    """Time to the first token of the run's first request; None where it failed or was no stream."""
    cold_start_failed: bool = False
    capacity: Capacity | None = None
    """Of a search for the breaking point: what it found. The rest of the record is then of its last trial that was not
    seen to fail."""
    tokens: int = 0
    """Of all judged answers."""
    tokens_told: bool = False
    """The gateway told how many; otherwise each content-bearing delta counts as one."""
    series: Sequence[Mapping[str, float]] = ()
    """One row for each second: attempts that ended, their tokens, their percentiles."""
    spent: Spent = field(default_factory=Spent)

    @property
    def failed(self) -> int:
        """Attempts that failed, after the warm-up."""
        return sum(self.failures.values())

    @property
    def problem(self) -> str:
        """Why the run decides nothing: it was broken off, or its generator failed; empty if it is valid."""
        return self.stopped_early or self.generator.problem(GeneratorLimits())

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        raw = {item.name: getattr(self, item.name) for item in fields(self)}
        raw |= {"course": self.course.as_json(), "generator": asdict(self.generator)}
        raw |= {"capacity": asdict(self.capacity) if self.capacity is not None else None, "spent": asdict(self.spent)}
        write_whole(path, json.dumps(raw, indent=1) + "\n")


def read_record(path: Path) -> LoadRecord:
    """Read a record.

    Raises:
        OSError: there is none.
        ValueError, KeyError, TypeError: it is not a record.
    """
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["series"] = tuple(raw["series"])
    raw["course"] = Course.from_json(raw["course"])
    raw["generator"] = _generator(raw["generator"])
    raw["capacity"] = _capacity(raw["capacity"])
    raw["spent"] = Spent(**raw.get("spent", {}))
    return LoadRecord(**raw)


def _generator(raw: Mapping[str, Any]) -> GeneratorHealth:
    calibration = Calibration(**raw["calibration"]) if raw.get("calibration") is not None else None
    return GeneratorHealth(**{**raw, "lost": tuple(raw["lost"]), "calibration": calibration})


def _capacity(raw: Mapping[str, Any] | None) -> Capacity | None:
    if raw is None:
        return None
    trials = tuple(Trial(**{**trial, "held": Held(trial["held"])}) for trial in raw["trials"])
    return Capacity(**{**raw, "trials": trials})
