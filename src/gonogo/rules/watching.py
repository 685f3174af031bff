"""What must hold of what Prometheus tells of itself, and of figures that it computes. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from gonogo.model import Outcome
from gonogo.objectives import Decided
from gonogo.targets.monitoring import WindowObjective

_MISSED_EVALUATIONS = 3
_SLACK_S = 5.0


@dataclass(frozen=True)
class Value:
    """One value of an instant query."""

    labels: Mapping[str, str]
    value: float
    """It may be NaN or infinite, as Prometheus tells it."""

    def __str__(self) -> str:
        labels = ", ".join(f'{name}="{text}"' for name, text in sorted(self.labels.items()) if name != "__name__")
        return f"{{{labels}}} {self.value:g}"


@dataclass(frozen=True)
class Scraped:
    """A scrape target."""

    job: str
    instance: str
    health: str
    """``up``, ``down``, or ``unknown`` before its first scrape."""
    error: str


@dataclass(frozen=True)
class LoadedRule:
    """A rule that Prometheus has loaded."""

    name: str
    group: str
    is_alert: bool
    labels: Mapping[str, str]
    health: str
    """``ok``, ``err``, or ``unknown`` before its first evaluation."""
    error: str
    evaluated: datetime | None
    interval_s: float
    """Of its group."""


def down(targets: Sequence[Scraped], job: str) -> list[str]:
    """The targets of a job (empty: of all jobs) that are not scraped; or that it has none."""
    wanted = [target for target in targets if job in {"", target.job}]
    if not wanted:
        return [f"the job {job} has no target" if job else "Prometheus scrapes nothing"]
    return [f"{t.job} {t.instance} is {t.health}: {t.error}".rstrip(": ") for t in wanted if t.health == "down"]


def unknown(targets: Sequence[Scraped], job: str) -> list[str]:
    """The targets of a job that were not scraped yet."""
    return [f"{t.job} {t.instance}" for t in targets if job in {"", t.job} and t.health == "unknown"]


def unwell(rules: Sequence[LoadedRule], now: datetime) -> list[str]:
    """Rules that fail, or that were not evaluated for several of their intervals."""
    flaws = [f"{rule.group}/{rule.name} fails: {rule.error}" for rule in rules if rule.health == "err"]
    for rule in rules:
        most_s = _MISSED_EVALUATIONS * rule.interval_s + _SLACK_S
        if rule.evaluated is not None and (age_s := (now - rule.evaluated).total_seconds()) > most_s:
            flaws.append(
                f"{rule.group}/{rule.name} was last evaluated {age_s:.0f} s ago, its interval is {rule.interval_s:g} s"
            )
    return flaws


def unevaluated(rules: Sequence[LoadedRule]) -> list[str]:
    """Rules that were not evaluated yet."""
    return [f"{rule.group}/{rule.name}" for rule in rules if rule.health == "unknown" or rule.evaluated is None]


def of_job(values: Sequence[Value], job: str) -> list[Value]:
    """Those that a scrape job has brought; all of them where none is named, or a rule has dropped the label."""
    return [value for value in values if not job or value.labels.get("job", job) == job]


def not_loaded(rules: Sequence[LoadedRule], alert: str, severity: str) -> list[str]:
    """An alert that is not loaded, or that has another severity than the one that is wanted (empty: any)."""
    alike = [rule for rule in rules if rule.is_alert and rule.name == alert]
    if not alike:
        return [f"the alert {alert} is not loaded"]
    found = sorted({rule.labels.get("severity", "none") for rule in alike})
    return [] if not severity or severity in found else [f"{alert} has the severity {', '.join(found)}, not {severity}"]


def bucket_flaws(metric: str, buckets: Sequence[Value], bounds: Collection[float]) -> list[str]:
    """Bounds at which a histogram has no bucket, and series whose buckets do not add up.

    A quantile near a bound without a bucket is a guess: ``histogram_quantile`` interpolates, and beyond the last finite
    bucket it answers that bucket's bound, whatever was measured.
    """
    series: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    for bucket in buckets:
        key = tuple(sorted((name, text) for name, text in bucket.labels.items() if name not in {"le", "__name__"}))
        series.setdefault(key, {})[float(bucket.labels.get("le", "nan"))] = bucket.value
    flaws: list[str] = []
    for key, counts in series.items():
        told = ", ".join(f'{name}="{text}"' for name, text in key)
        missing = [bound for bound in bounds if not any(math.isclose(bound, le, rel_tol=1e-9) for le in counts)]
        if missing:
            flaws.append(f"{metric}{{{told}}} has no bucket at {', '.join(f'{bound:g}' for bound in missing)}")
        if math.inf not in counts:
            flaws.append(f"{metric}{{{told}}} has no bucket +Inf")
        ordered = [counts[le] for le in sorted(counts)]
        if any(higher < lower for lower, higher in pairwise(ordered)):
            flaws.append(f"{metric}{{{told}}}: a higher bucket holds fewer than a lower one")
    return flaws


def decide_window(objective: WindowObjective, values: Sequence[Value]) -> Decided:
    """Decide a figure of Prometheus; of several the worst counts. Where there is none, or no number, nothing is known.

    A notice warns and never fails.
    """
    worst = worst_of(objective, values)
    if worst is None:
        told = "NaN: nothing happened in the window, or nothing was scraped" if values else "no series"
        return Decided(Outcome.INCONCLUSIVE, f"{objective.name}: {told}")
    outcome = objective.band.judge(worst.value)
    if outcome is Outcome.FAIL and objective.is_notice:
        outcome = Outcome.WARN
    labels = f" at {worst}" if worst.labels else ""
    unit = f" {objective.unit}" if objective.unit else ""
    many = f", the worst of {len(values)}" if len(values) > 1 else ""
    told = f"{objective.name} = {worst.value:g}{unit}{many}{labels} ({objective.band})"
    return Decided(outcome, told if len(told) < 1000 else told[:1000])  # labels may be long


def decide_windows(objective: WindowObjective, before: Sequence[Value], now: Sequence[Value]) -> Decided:
    """Decide a figure of the window before a run's checks, and of the one that ends now.

    Refusals that the run provokes, its load and its drills are in the latter: beyond its band it is a warning where the
    figure was within it before, and decides nothing where it was not known before (nobody had asked, nothing scraped).
    """
    decided = decide_window(objective, before)
    if decided.outcome is Outcome.FAIL:
        return decided
    latest = decide_window(objective, now)
    if decided.outcome is Outcome.INCONCLUSIVE:
        decided = latest
    if latest.outcome is not Outcome.FAIL:
        return decided
    if worst_of(objective, before) is None:
        why = "nothing was known of it when the checks began, and this run's own requests are in it"
        return Decided(Outcome.INCONCLUSIVE, f"{latest.text}; {why}")
    return Decided(Outcome.WARN, f"{latest.text}; when the checks began {decided.text}")


def worst_of(objective: WindowObjective, values: Sequence[Value]) -> Value | None:
    """The worst of a figure's values; None where there is none, or no number."""
    known = [value for value in values if not math.isnan(value.value)]
    return (max if objective.band.above else min)(known, key=lambda value: value.value, default=None)
