"""How a drill is performed: steady state, its steps, the undo, steady state again; traffic runs through all of it.

The steps of a drill are one list: a dry run prints it, a run performs it. Whatever a step changes is in the journal
before the first one begins, and is put back however the drill ends; a clean-up that cannot be verified fails the drill.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from gonogo.drills.timeline import Ask, Timeline, Traffic
from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError
from gonogo.faults.injection import Injector
from gonogo.faults.interface import ChangedMeanwhileError
from gonogo.faults.patches import differences
from gonogo.rules.triggers import Sample, Steady, Symptoms, is_well, outage_s, steady_of, telling, triggered
from gonogo.targets.drills import Watching

_POLL_S = 0.2
_SHOWN_FAILURES = 5
T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One thing that a drill does."""

    what: str
    """For people: in the timeline, and in a dry run."""
    needs: str
    """The permission without which it cannot be done."""
    act: Callable[[], None]
    rehearse: Callable[[], str] = str
    """What a dry run tries without changing anything; what it says is shown."""


@dataclass
class Scene:
    """Where a drill is performed: what its steps look at, and what they find out."""

    timeline: Timeline
    traffic: Traffic | None
    watching: Watching
    steady: Steady
    marks: dict[str, float] = field(default_factory=dict)
    """Seconds since the drill began, by what happened then."""
    found: dict[str, Any] = field(default_factory=dict)
    """Plain JSON."""
    may_go_on: Callable[[], None] = lambda: None
    """Raises InconclusiveError once the drill must end: another run holds the deployment."""

    def mark(self, name: str) -> None:
        """Something to measure from happens now."""
        self.marks[name] = self.timeline.now_s()

    def seconds_since(self, mark: str) -> float:
        """How long ago a mark was."""
        return round(self.timeline.now_s() - self.marks[mark], 2)

    def since(self, mark: str) -> list[Sample]:
        """The requests that were sent since a mark, and have ended."""
        return self.traffic.since(self.marks[mark]) if self.traffic is not None else []

    def sent(self, mark: str) -> list[Sample]:
        """Those, and the ones that are still pending."""
        return self.traffic.with_pending(self.marks[mark]) if self.traffic is not None else []

    def wait_until(self, ask: Callable[[], T], within_s: float) -> T:
        """Ask again and again until the answer is something, or the time is over; the last answer.

        Raises:
            InconclusiveError: the drill must end.
        """
        deadline = time.monotonic() + within_s
        while True:
            self.may_go_on()
            answer = ask()
            if answer or time.monotonic() >= deadline:
                return answer
            time.sleep(_POLL_S)

    def await_trigger(self, since: str, symptoms: Callable[[], Symptoms], within_s: float, of: str = "") -> None:
        """Wait until something is noticed; what it was is found out, or that nothing was.

        Args:
            since: the mark from which on requests count.
            symptoms: what is told besides.
            within_s: how long to wait.
            of: the mark of what is to be noticed, if it is another one.
        """
        seen = self.wait_until(lambda: self.trigger(since, symptoms()), within_s)
        if seen is None:
            self.timeline.note(f"not noticed within {within_s:g} s", "trigger")
            return
        name, why = seen
        self.found |= {"noticed_by": name, "noticed_why": why}
        self.found["notice_s"] = round(self.timeline.now_s() - self.marks[of or since], 2)
        self.timeline.note(f"noticed by {name}: {why}", "trigger")

    def trigger(self, since: str, symptoms: Symptoms) -> tuple[str, str] | None:
        """The trigger that has gone off since a mark, and why; None if none has."""
        name, why = triggered(self.sent(since), self.steady, symptoms, self.watching)
        return (name, why) if name else None

    def await_well(self, since: str, within_s: float) -> bool:
        """Wait until the traffic is as it was before; whether it is."""
        well = self.traffic is None or self.wait_until(
            lambda: is_well(self.sent(since), self.steady, self.watching), within_s
        )
        self.timeline.note(
            "well again: the traffic is as it was before" if well else f"not well again within {within_s:g} s"
        )
        return well


class Drill(Protocol):
    """A drill of any kind."""

    name: str
    row: str
    """Which row of the runbook it verifies."""
    has_traffic: bool

    def state(self) -> dict[str, Any]:
        """What must be the same after it as before."""

    def keep(self, injector: Injector) -> None:
        """Journal everything that its steps will change."""

    def steps(self, scene: Scene) -> Sequence[Step]:
        """What it does, in order."""


@dataclass(frozen=True)
class DrillReport:
    """What a drill found; times in seconds."""

    name: str
    row: str
    began: str
    took_s: float
    steady_ms: float
    """The median latency before it."""
    noticed_by: str
    """The trigger; empty if nothing was noticed."""
    noticed_why: str
    notice_s: float
    recovered: bool
    well_after: bool
    """Whether the traffic was as before once everything was put back."""
    outage_s: float
    """As the traffic saw it: from the first request that failed to the first good one after the last that failed."""
    requests: int
    lost: int
    failures: list[str]
    """Why requests failed, the first few."""
    failed_step: str
    """The step that could not be done, and why; empty if all could."""
    failed_as: str
    """``fail`` if that is a finding, ``inconclusive`` if the gate's own side could not."""
    clean_up: str
    """Why it could not be put back; empty if it was, verified."""
    differences: list[str]
    """Where the state after it is not the state before."""
    unseen: str
    """Why it is not known how everything is after it; empty if it is."""
    found: dict[str, Any]
    """What only this kind of drill finds."""
    timeline: list[dict[str, Any]]
    samples: list[list[Any]]
    """Every request: seconds since the drill began, milliseconds, whether it was answered well."""

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def perform(  # noqa: PLR0913, PLR0917 (what, how, and where it is told)
    drill: Drill,
    ask: Ask,
    watching: Watching,
    injector: Injector,
    timeline: Timeline,
    may_go_on: Callable[[], None] = lambda: None,
) -> DrillReport:
    """Perform a drill; whatever happens, what it changed is put back.

    Args:
        drill: what to do.
        ask: one real request.
        watching: how often to ask, and what counts as noticed.
        injector: journals every change of this drill, and nothing else, and undoes it.
        timeline: gets every event.
        may_go_on: raises InconclusiveError once the drill must end; then it is put back at once.

    Raises:
        InconclusiveError: there is no steady state to begin with; nothing was changed.
        EndpointFailedError: the state cannot be seen.
    """
    began = datetime.now(UTC)
    traffic = Traffic(ask, timeline, watching.interval_s) if drill.has_traffic else None
    before = drill.state()
    with traffic if traffic is not None else nullcontext():
        steady = _await_steady(traffic, timeline, watching)
        scene = Scene(timeline, traffic, watching, steady, may_go_on=may_go_on)
        _keep(drill, injector)
        try:
            failed_step, failed_as = _take(drill.steps(scene), scene)
        finally:
            clean_up = _put_back(injector, timeline)
        scene.may_go_on = lambda: None  # what follows only looks
        scene.mark("put back")
        well_after = traffic is None or scene.await_well("put back", watching.steady_s)
    unsent = f"requests could not be sent: {traffic.broken}" if traffic is not None and traffic.broken else ""
    if unsent and not failed_step:
        failed_step, failed_as = unsent, "inconclusive"
    changed, unseen = _look_again(drill, before)
    if changed:
        timeline.note(f"the state is not what it was: {'; '.join(changed[:3])}")
    return _report(drill, scene, began, _Ended(failed_step, failed_as, clean_up, well_after, changed, unsent or unseen))


@dataclass(frozen=True)
class _Ended:
    """How a drill ended; the words of `DrillReport`."""

    failed_step: str
    failed_as: str
    clean_up: str
    well_after: bool
    changed: list[str]
    unseen: str


def _look_again(drill: Drill, before: dict[str, Any]) -> tuple[list[str], str]:
    """Where the state is not what it was, or why that cannot be seen."""
    try:
        return differences(drill.state(), before), ""
    except (EndpointFailedError, InconclusiveError) as error:  # whether it could be put back must be told all the same
        return [], f"the state after the drill cannot be seen: {error}"


def _report(drill: Drill, scene: Scene, began: datetime, ended: _Ended) -> DrillReport:
    samples = scene.traffic.samples if scene.traffic is not None else []
    found = scene.found
    return DrillReport(
        name=drill.name,
        row=drill.row,
        began=began.isoformat(timespec="seconds"),
        took_s=round(scene.timeline.now_s(), 2),
        steady_ms=round(scene.steady.median_ms, 1),
        noticed_by=found.pop("noticed_by", ""),
        noticed_why=found.pop("noticed_why", ""),
        notice_s=found.pop("notice_s", 0.0),
        recovered=found.pop("recovered", True),
        well_after=ended.well_after,
        outage_s=round(outage_s(samples), 2),
        requests=len(samples),
        lost=sum(bool(sample.error) for sample in samples),
        failures=list(dict.fromkeys(sample.error for sample in samples if sample.error))[:_SHOWN_FAILURES],
        failed_step=ended.failed_step,
        failed_as=ended.failed_as,
        clean_up=ended.clean_up,
        differences=ended.changed,
        unseen=ended.unseen,
        found=found,
        timeline=scene.timeline.as_json(),
        samples=[[round(s.at_s, 2), round(s.latency_ms, 1), not s.error] for s in samples],
    )


def _await_steady(traffic: Traffic | None, timeline: Timeline, watching: Watching) -> Steady:
    """Wait until enough requests were answered well one after the other, and none hangs.

    Raises:
        InconclusiveError: they are not.
    """
    if traffic is None:
        return Steady(0.0)
    began_s, within_s = timeline.now_s(), watching.steady_s
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        samples = traffic.with_pending(began_s)
        steady = steady_of(samples)
        hangs = steady is not None and any(s.is_pending for s in telling(samples, steady, watching))
        if steady is not None and not hangs:
            timeline.note(f"steady state: {len(samples)} requests answered well, median {steady.median_ms:.0f} ms")
            return steady
        failed = [sample for sample in samples if sample.error or sample.bypass]
        if failed:
            began_s = failed[-1].at_s + 0.001
        time.sleep(_POLL_S)
    troubles = (sample.error or sample.bypass for sample in traffic.samples)
    told = next(filter(None, troubles), "too few requests were answered")
    raise InconclusiveError(f"no steady state within {within_s:g} s, nothing was changed: {told}")


def _keep(drill: Drill, injector: Injector) -> None:
    """Journal what the drill will change; all of it, or nothing."""
    try:
        drill.keep(injector)
    except BaseException:
        injector.undo_all(injector.unfinished())
        raise


def _take(steps: Sequence[Step], scene: Scene) -> tuple[str, str]:
    """Take the steps until one cannot be taken; which and why, and as what that counts."""
    timeline = scene.timeline
    for step in steps:
        timeline.note(step.what, "step")
        try:
            scene.may_go_on()
            step.act()
        except (EndpointFailedError, InconclusiveError, GonogoError) as error:
            timeline.note(f"this step failed: {error}")
            is_finding = isinstance(error, EndpointFailedError) and not isinstance(error, ChangedMeanwhileError)
            return f"{step.what}: {error}", "fail" if is_finding else "inconclusive"
    return "", ""


def _put_back(injector: Injector, timeline: Timeline) -> str:
    """Undo what was journalled; why that failed, or nothing."""
    timeline.note("put everything back", "step")
    try:
        injector.undo_all(injector.unfinished())
    except EndpointFailedError as error:
        timeline.note(f"NOT put back: {error}")
        return str(error)
    timeline.note("put back, and verified")
    return ""
