"""The record of a load run: what the generator writes at its end, and the decisions that follow from it."""

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gonogo.loadtest.blocks import Judged, decide_blocks
from gonogo.model import Outcome
from gonogo.objectives import Decided, attempts_needed
from gonogo.targets.model import LoadObjective

FAMILY_LEVEL = 0.05
"""Error level over all objectives of a run; each gets an equal part (Bonferroni)."""


Series = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Course:
    """The judged attempts one by one, in the order of their intended moments."""

    latency_ms: Series
    """To the end of the answer or of the failed attempt."""
    over: Mapping[str, tuple[Series, Series]]
    """By objective: how far each attempt was over the warning and over the failing bound, 0 to 1.

    A failed attempt is over both. Of an objective on gaps an attempt counts by the share of its gaps that were over.
    """

    def as_json(self) -> dict[str, Any]:
        """As plain data, compressed."""
        over = {name: [_packed(series) for series in both] for name, both in self.over.items()}
        return {"latency_ms": _packed(self.latency_ms), "over": over}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """What `as_json` gave.

        Raises:
            ValueError, KeyError, TypeError: it did not.
        """
        over = {name: (_unpacked(warn), _unpacked(fail)) for name, (warn, fail) in raw["over"].items()}
        return cls(_unpacked(raw["latency_ms"]), over)


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
    """Attempts that the schedule had."""
    sent: int
    lateness_p99_ms: float
    """Sending after the intended moment."""
    cpu_share: float
    """CPU seconds per second of the busiest generator process."""
    own_failures: int = 0
    """Attempts that failed on the generator's own side: a name that does not resolve, no free socket."""

    def problem(self, limits: "GeneratorLimits") -> str:
        """Why the run is invalid, with the advice what to change; empty if it is valid."""
        if self.sent == 0:
            return "0 requests were sent: check the profile's rate and the gateway's address"
        if self.own_failures:
            return f"{self.own_failures} attempts failed on the generator's own side (name resolution, sockets)"
        if self.sent < limits.min_sent_share * self.intended:
            return f"only {self.sent} of {self.intended} scheduled requests were sent: use more workers"
        if self.lateness_p99_ms > limits.max_lateness_p99_ms:
            return (
                f"requests were sent up to {self.lateness_p99_ms:.0f} ms late at p99 (limit "
                f"{limits.max_lateness_p99_ms:g} ms): the generator was starved; use more workers or a quieter machine"
            )
        if self.cpu_share > limits.max_cpu_share:
            return f"the generator used {self.cpu_share:.0%} of a core: use more workers"
        return ""


@dataclass(frozen=True)
class GeneratorLimits:
    """Bounds within which a generator is trusted."""

    min_sent_share: float = 0.98
    max_lateness_p99_ms: float = 100.0
    max_cpu_share: float = 0.9


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
    """By metric: p50, p90, p95, p99, max of the attempts that succeeded, in milliseconds."""
    histograms: Mapping[str, str]
    """By metric: the HDR histogram, compressed and base64-encoded (the V2 format that HdrHistogram tools read)."""
    generator: GeneratorHealth
    stopped_early: str = ""
    """Why the run ended before its schedule, or nothing."""
    content_chunks: int = 0
    series: Sequence[Mapping[str, float]] = ()
    """One row for each second: attempts that ended, and their percentiles (`load.series`)."""

    @property
    def failed(self) -> int:
        """Attempts that failed, after the warm-up."""
        return sum(self.failures.values())

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        unfinished = path.with_suffix(".part")
        raw = {item.name: getattr(self, item.name) for item in fields(self)}
        raw |= {"course": self.course.as_json(), "generator": asdict(self.generator)}
        unfinished.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)


def read_record(path: Path) -> LoadRecord:
    """Read a record.

    Raises:
        OSError: there is none.
        ValueError, KeyError, TypeError: it is not a record.
    """
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["series"] = tuple(raw["series"])
    raw["course"] = Course.from_json(raw["course"])
    raw["generator"] = GeneratorHealth(**raw["generator"])
    return LoadRecord(**raw)


def decide_objective(record: LoadRecord, objective: LoadObjective, family: int) -> Decided:
    """Decide one of `family` objectives of a run.

    An invalid run is inconclusive. A quantile that the number of attempts cannot support is a skip: not verified.
    """
    problem = record.generator.problem(GeneratorLimits()) or record.stopped_early
    if problem:
        return Decided(Outcome.INCONCLUSIVE, f"the load run is not valid: {problem}")
    level = FAMILY_LEVEL / family
    if objective.quantile is None:
        # a share judged against its own band: each bound is a limit of its own
        return _decide_errors(record, objective, level)
    limit = 1 - objective.quantile
    measured = record.percentiles[objective.metric].get(f"p{objective.quantile * 100:g}", math.nan)
    told = f"{objective.name} = {measured:.1f} ms ({objective.band})"
    over_warn, over_fail = record.course.over[objective.name]
    judged = decide_blocks(
        over_warn, over_fail, record.course.latency_ms, planned=record.planned, limit=limit, level=level
    )
    if judged.outcome is Outcome.INCONCLUSIVE and record.attempts < attempts_needed(limit, level):
        why = f"unsupported: {record.attempts} attempts, at least {attempts_needed(limit, level)} are needed"
        return Decided(Outcome.SKIP, f"{told}; {why}")
    share = f"{over_fail.mean() if len(over_fail) else math.nan:.2%} over the limit, allowed {limit:.2%}"
    undecided = "; undecided" if judged.outcome is Outcome.INCONCLUSIVE else ""
    return Decided(judged.outcome, f"{told}; {share}, {judged.told}, level {level:.3g}{undecided}")


def needs(objective: LoadObjective, family: int) -> int:
    """The attempts without a violation that decide an objective: said before the run."""
    limit = objective.band.warn if objective.quantile is None else 1 - objective.quantile
    return attempts_needed(limit, FAMILY_LEVEL / family)


def _decide_errors(record: LoadRecord, objective: LoadObjective, level: float) -> Decided:
    band, failed = objective.band, record.course.over[objective.name][1]

    def judged(limit: float) -> Judged:
        latency_ms = record.course.latency_ms
        return decide_blocks(failed, failed, latency_ms, planned=record.planned, limit=limit, level=level)

    passing, failing = judged(band.warn), judged(min(band.fail, 1 - 1e-9))
    text = f"errors: {record.failed} of {record.attempts} attempts failed ({band}); {dict(record.failures) or 'none'}"
    if passing.outcome is Outcome.PASS:
        return Decided(Outcome.PASS, text)
    if failing.outcome is Outcome.FAIL:
        return Decided(Outcome.FAIL, text)
    if failing.outcome is Outcome.PASS:
        return Decided(Outcome.WARN, text)
    return Decided(Outcome.INCONCLUSIVE, f"{text}; undecided after {passing.told}")
