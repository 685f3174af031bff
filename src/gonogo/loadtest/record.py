"""The record of a load run: what the generator writes at its end, and the decisions that follow from it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gonogo.model import Outcome
from gonogo.objectives import Decided, attempts_needed, decide_sequential
from gonogo.targets.model import LoadObjective

FAMILY_LEVEL = 0.05
"""Error level over all objectives of a run; each gets an equal part (Bonferroni)."""


@dataclass(frozen=True)
class Exceedances:
    """How many attempts were over an objective's bounds; failed attempts are over both."""

    over_warn: int
    over_fail: int


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
    exceedances: Mapping[str, Exceedances]
    """By objective name."""
    percentiles: Mapping[str, Mapping[str, float]]
    """By metric: p50, p90, p95, p99, max of the attempts that succeeded, in milliseconds."""
    histograms: Mapping[str, str]
    """By metric: the HDR histogram, compressed and base64-encoded (the V2 format that HdrHistogram tools read)."""
    generator: GeneratorHealth
    stopped_early: str = ""
    """Why the run ended before its schedule, or nothing."""
    content_chunks: int = 0

    @property
    def failed(self) -> int:
        """Attempts that failed, after the warm-up."""
        return sum(self.failures.values())

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)


def read_record(path: Path) -> LoadRecord:
    """Read a record.

    Raises:
        OSError: there is none.
        ValueError, KeyError, TypeError: it is not a record.
    """
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["exceedances"] = {name: Exceedances(**item) for name, item in raw["exceedances"].items()}
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
    over = record.exceedances[objective.name]
    limit = 1 - objective.quantile
    decided = decide_sequential(over.over_warn, over.over_fail, record.attempts, limit, level)
    measured = record.percentiles[objective.metric].get(f"p{objective.quantile * 100:g}", math.nan)
    if record.attempts < attempts_needed(limit, level) and decided.outcome is Outcome.INCONCLUSIVE:
        why = f"unsupported: {record.attempts} attempts, at least {attempts_needed(limit, level)} are needed"
        return Decided(Outcome.SKIP, f"{objective.name}: {why}")
    return Decided(decided.outcome, f"{objective.name} = {measured:.1f} ms ({objective.band}); {decided.text}")


def needs(objective: LoadObjective, family: int) -> int:
    """The attempts without a violation that decide an objective: said before the run."""
    limit = objective.band.warn if objective.quantile is None else 1 - objective.quantile
    return attempts_needed(limit, FAMILY_LEVEL / family)


def _decide_errors(record: LoadRecord, objective: LoadObjective, level: float) -> Decided:
    failed, total, band = record.failed, record.attempts, objective.band
    passing = decide_sequential(failed, failed, total, band.warn, level)
    failing = decide_sequential(failed, failed, total, min(band.fail, 1 - 1e-9), level)
    text = f"errors: {failed} of {total} attempts failed ({band}); {dict(record.failures) or 'none'}"
    if passing.outcome is Outcome.PASS:
        return Decided(Outcome.PASS, text)
    if failing.outcome is Outcome.FAIL:
        return Decided(Outcome.FAIL, text)
    if failing.outcome is Outcome.PASS:
        return Decided(Outcome.WARN, text)
    return Decided(Outcome.INCONCLUSIVE, f"{text}; undecided after {total} attempts")
