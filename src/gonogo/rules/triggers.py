"""When does a bad version count as noticed? Samples of the traffic and what the cluster tells in, a trigger out.

The triggers and their figures are those of row G1: errors over 5 %, latency over twice that of before, failing health,
exhausted resources (restarts), and a rollout that makes no progress; row G8 adds the quality of the answers, and
approvals that were bypassed.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gonogo.targets.drills import Watching

MINIMUM = 20
"""Requests without which a share or a median says nothing."""
_FEW = 5


@dataclass(frozen=True)
class Sample:
    """One request of the traffic."""

    at_s: float
    """When it was sent, since the drill began."""
    latency_ms: float
    error: str = ""
    """Why it failed; empty if it was answered well."""
    version: str = ""
    """Which version answered, where it says so."""
    intent: str = ""
    """What the answer took the message for, where it says so."""
    said: str = ""
    bypass: str = ""
    """What was done without the approval that it needs."""
    is_pending: bool = False
    """It has not ended yet; the latency is how long it has waited so far."""

    @property
    def ended_s(self) -> float:
        """When its answer, or its failure, was there."""
        return self.at_s + self.latency_ms / 1000


@dataclass(frozen=True)
class Steady:
    """How it was before."""

    median_ms: float
    intents: Mapping[str, str] = field(default_factory=dict)
    """By message."""
    versions: frozenset[str] = frozenset()
    """Which versions answered; empty where answers do not say so."""


@dataclass(frozen=True)
class Symptoms:
    """What the place where a service runs tells of it."""

    restarts: int = 0
    """Since the drill's change."""
    unhealthy: str = ""
    """Why its health probe fails; empty if it does not, or nobody asks it."""
    stalled: str = ""
    """Why its rollout makes no progress."""


def steady_of(samples: Sequence[Sample]) -> Steady | None:
    """How it is while all is well; None where it is not, or too little is known."""
    samples = [sample for sample in samples if not sample.is_pending]
    if len(samples) < MINIMUM or any(sample.error or sample.bypass for sample in samples):
        return None
    intents = {sample.said: sample.intent for sample in samples if sample.said and sample.intent}
    versions = frozenset(sample.version for sample in samples if sample.version)
    return Steady(statistics.median(sample.latency_ms for sample in samples), intents, versions)


def triggered(samples: Sequence[Sample], steady: Steady, symptoms: Symptoms, watching: Watching) -> tuple[str, str]:
    """The first trigger that has gone off, and why; empty if none has.

    Args:
        samples: the requests since the change.
        steady: how it was before.
        symptoms: what is told besides.
        watching: the bounds.
    """
    restarts = f"containers were restarted {symptoms.restarts} times" if symptoms.restarts else ""
    told = {"progress": symptoms.stalled, "restarts": restarts, "health": symptoms.unhealthy}
    found = {name: why for name, why in told.items() if why} or _seen(
        telling(samples, steady, watching)[-2 * MINIMUM :], steady, watching
    )
    return next(iter(found.items()), ("", ""))


def triggered_by_old(trigger: str, samples: Sequence[Sample], steady: Steady, watching: Watching) -> str:
    """Why the answers of the versions before set off a trigger by themselves; empty if they do not.

    Then it is nothing that tells the new version from them: a slow machine, or something that both need. Of a median
    a few answers tell that, since they are compared with those beside them.
    """
    old = [sample for sample in samples[-2 * MINIMUM :] if sample.version in steady.versions]
    median_ms = statistics.median(sample.latency_ms for sample in old) if len(old) >= _FEW else 0.0
    if trigger == "latency" and _is_slow(median_ms, steady, watching):
        return f"the median of {len(old)} is {median_ms:.0f} ms, before {steady.median_ms:.0f} ms"
    return _seen(old, steady, watching).get(trigger, "")


def telling(samples: Sequence[Sample], steady: Steady, watching: Watching) -> list[Sample]:
    """The requests that say something: those that have ended, and those that have waited too long already."""
    return [sample for sample in samples if not sample.is_pending or _is_slow(sample.latency_ms, steady, watching)]


def _is_slow(latency_ms: float, steady: Steady, watching: Watching) -> bool:
    """Whether a latency is beyond the bound; small differences of small latencies never are."""
    more_ms = latency_ms - steady.median_ms
    return latency_ms > watching.latency_factor * steady.median_ms and more_ms > watching.latency_least_ms


def _seen(latest: Sequence[Sample], steady: Steady, watching: Watching) -> dict[str, str]:
    """Which triggers the latest requests set off, and why; where they are too few, only what one alone can tell."""
    bypassed = [sample.bypass for sample in latest if sample.bypass]
    found = {"approvals": bypassed[-1]} if bypassed else {}
    if len(latest) < MINIMUM:
        return found
    failed = [sample for sample in latest if sample.error]
    if len(failed) > watching.errors * len(latest):
        found["errors"] = f"{len(failed)} of the latest {len(latest)} requests failed: {failed[-1].error}"
    median_ms = statistics.median(sample.latency_ms for sample in latest)
    if _is_slow(median_ms, steady, watching):
        told = f"is {median_ms:.0f} ms, before {steady.median_ms:.0f} ms"
        found["latency"] = f"the median of the latest {len(latest)} {told}"
    changed = [s for s in latest if s.said in steady.intents and s.intent != steady.intents[s.said]]
    if len(changed) > watching.errors * len(latest):
        shown = f"{changed[-1].said!r} is {changed[-1].intent}, before {steady.intents[changed[-1].said]}"
        found["quality"] = f"{len(changed)} of the latest {len(latest)} messages are taken for something else: {shown}"
    return found


def outage_s(samples: Sequence[Sample]) -> float:
    """From the first request that failed to the first good one after the last that failed; 0 without a failure."""
    failed = [sample.at_s for sample in samples if sample.error]
    if not failed:
        return 0.0
    back = [sample.at_s for sample in samples if not sample.error and sample.at_s > failed[-1]]
    return (back[0] if back else samples[-1].at_s) - failed[0]


def is_well(samples: Sequence[Sample], steady: Steady, watching: Watching) -> bool:
    """Whether the latest requests are as they were before: answered, by the same versions, as fast, to the same effect.

    A service that answers in another way while a part is down (a chatbot's mock mode) is not well yet.
    """
    latest = telling(samples, steady, watching)[-MINIMUM:]
    if len(latest) < MINIMUM or any(sample.error or sample.is_pending for sample in latest):
        return False
    if steady.versions and any(sample.version not in steady.versions for sample in latest):
        return False
    return not triggered(latest, steady, Symptoms(), watching)[0]
