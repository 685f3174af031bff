"""A load run: what is ordered, a worker's share of it, and what is concluded from all shares."""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import gevent
from locust.env import Environment

from gonogo.documents import DocumentError, Problem
from gonogo.loadtest.attempt import now_ms
from gonogo.loadtest.batch import Batch
from gonogo.loadtest.decisions import decide_objective, needs
from gonogo.loadtest.profile import Profile, load_profile
from gonogo.loadtest.tally import Tally
from gonogo.model import Outcome
from gonogo.objectives import Decided
from gonogo.redaction import Redactor
from gonogo.targets.endpoints import Endpoint
from gonogo.targets.load import Load
from gonogo.targets.loader import load_target
from load.recording import Recording
from load.users import Dispatcher
from load.wire import ChatClient

EXIT_CODES = {Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 6}
_SHOWN_CHARACTERS = 300
_LOOK_S = 0.2
_TIDY_S = 10.0


@dataclass(frozen=True)
class Order:
    """What is to be run, and where what it finds is to be written."""

    load: Load
    profile: Profile
    gateway: Endpoint
    redactor: Redactor
    record: Path
    attempts: Path | None
    """Where a line for each attempt is wanted."""


def read_order(environment: Mapping[str, str]) -> Order:
    """From the environment's variables.

    Raises:
        DocumentError: the target or the profile is not valid, or the target declares no load.
    """
    file = Path(environment["GONOGO_TARGET"])
    target = load_target(file, datetime.now(UTC).date())
    if target.load is None or target.gateway is None:
        raise DocumentError([Problem(str(file), 1, 1, "load", "the target declares no load")])
    attempts = environment.get("GONOGO_LOAD_ATTEMPTS")
    return Order(
        load=target.load,
        profile=load_profile(Path(environment.get("GONOGO_LOAD_PROFILE") or target.load.profile)),
        gateway=target.gateway,
        redactor=Redactor(secret.value for secret in target.secrets),
        record=Path(environment.get("GONOGO_LOAD_RECORD", "load-record.json")),
        attempts=Path(attempts) if attempts else None,
    )


class Share:
    """A worker's part of a run."""

    def __init__(
        self,
        order: Order,
        environment: Environment,
        sink: Callable[[Batch], None],
        *,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        self._order, self._worker, self._workers = order, worker, workers
        name = order.attempts
        if name is not None and workers > 1:
            name = name.with_stem(f"{name.stem}-{worker}")
        self._log = name.open("w", encoding="utf-8") if name else None
        self._recording = Recording(order.load.objectives, order.redactor, sink, worker=worker, log=self._log)
        key = order.gateway.key.value if order.gateway.key else None
        client = ChatClient(order.gateway.url, key, order.profile.timeout_s)
        self._dispatcher = Dispatcher(order.profile, order.load, client, self._recording, environment)

    def play(self, run_id: str, began_ms: float) -> str:
        """Play it to its end; why the gateway wanted no more of it, or nothing."""
        tidying = gevent.spawn(_tidy)
        try:
            self._dispatcher.play(run_id, began_ms, self._worker, self._workers)
        finally:
            tidying.kill()
            gc.enable()
            if self._log is not None:
                self._log.close()
        return self._dispatcher.refused

    def stop(self) -> None:
        """Begin nothing any more."""
        self._dispatcher.stop()

    def interrupt(self) -> None:
        """Begin nothing any more, and tell what was measured by now, whatever is open."""
        self._dispatcher.stop()
        self._recording.finish()


def _tidy() -> None:
    """Collect garbage at set times: by itself it would walk through all open streams whenever many begin at once."""
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        gevent.sleep(_TIDY_S)
        gc.collect(1)


class Conclusion:
    """Takes what all workers have measured, knows when it is enough, and concludes."""

    def __init__(self, order: Order, environment: Environment, workers: int = 1) -> None:
        self._order, self._environment = order, environment
        self._tally, self._began_ms, self._second = Tally(order.profile, order.load, workers), now_ms(), 0
        profile, objectives = order.profile, order.load.objectives
        # a run that is played to its end anyway is judged by all that it measured
        self._may_end_early = profile.stops_when_decided or profile.extend_s or any(o.aborts for o in objectives)
        self.is_told = False
        """Everything was said; what comes now is too late."""
        self.ended = ""
        """Why the run could end although its schedule went on, or nothing."""

    def take(self, batch: Batch) -> None:
        """Count a second of a worker."""
        self._tally.take(batch)
        self._second = max(self._second, batch.second)
        if self._may_end_early:
            self._tally.look()

    def is_over(self) -> bool:
        """Whether the run can end, or has to, although its schedule goes on; `ended` and `exhausted` say why."""
        self.ended = self.ended or self._enough()
        return bool(self.ended or self.exhausted)

    def _enough(self) -> str:
        load, profile, tally = self._order.load, self._order.profile, self._tally
        if tally.breached:
            return f"{tally.breached} has failed"
        undecided = [objective for objective in load.objectives if objective.name not in tally.decided]
        is_extended = profile.extend_s and self._second >= profile.seconds  # for the sake of those on attempts
        if is_extended and not any(objective.is_share for objective in undecided):
            return "every objective was decided"
        if profile.stops_when_decided and all(objective.metric == "cold_start_ms" for objective in undecided):
            return "every objective was decided"
        return ""

    @property
    def exhausted(self) -> str:
        """Why the run has to end before it could decide anything, or nothing."""
        most = self._order.load.most_cost
        return f"the budget of {most:g} was spent" if most is not None and self._tally.cost > most else ""

    def so_far(self) -> Sequence[tuple[str, Decided]]:
        """What would be decided now."""
        record = self._tally.record(seconds=(now_ms() - self._began_ms) / 1000)
        family = len(self._order.load.objectives)
        return [
            (objective.name, decide_objective(record, objective, family)) for objective in self._order.load.objectives
        ]

    def finish(self, *, stopped_early: str = "", ended: str = "", lost: Iterable[str] = ()) -> None:
        """Write the record, say what was decided, and set the exit code; once."""
        if self.is_told:
            return
        self.is_told = True
        record = self._tally.record(
            seconds=(now_ms() - self._began_ms) / 1000,
            stopped_early=self._order.redactor.text(stopped_early)[:_SHOWN_CHARACTERS],
            ended=f"{ended} after {self._tally.attempts} of {self._order.profile.expected} requests" if ended else "",
            lost=lost,
        )
        outcomes = set()
        if record.ended:
            say(f"ended early: {record.ended}")
        for objective in self._order.load.objectives:
            decided = decide_objective(record, objective, len(self._order.load.objectives))
            outcomes.add(decided.outcome)
            say(f"{decided.outcome.upper():12} {decided.text}")
        code = next((code for outcome, code in EXIT_CODES.items() if outcome in outcomes), 0)
        try:
            record.write(self._order.record)
        except OSError as error:
            say(f"gonogo: the record could not be written to {self._order.record}: {error}")
            code = EXIT_CODES[Outcome.INCONCLUSIVE]
        self._environment.process_exit_code = code


class Alone:
    """A whole run in this process."""

    def __init__(self, order: Order, environment: Environment) -> None:
        self._order, self._environment = order, environment
        self.conclusion: Conclusion | None = None
        self._share: Share | None = None

    def play(self) -> None:
        """Play it, and conclude."""
        self.conclusion = conclusion = Conclusion(self._order, self._environment)
        self._share = share = Share(self._order, self._environment, conclusion.take)
        watching = gevent.spawn(self._watch, conclusion, share)
        try:
            refused = share.play(new_run_id(), now_ms())
        finally:
            watching.kill()
        conclusion.finish(stopped_early=refused or conclusion.exhausted, ended=conclusion.ended)

    def _watch(self, conclusion: Conclusion, share: Share) -> None:
        while not conclusion.is_over():
            gevent.sleep(_LOOK_S)
        share.stop()

    def interrupt(self) -> None:
        """Somebody ended the run: keep what was measured."""
        if self.conclusion is not None and self._share is not None and not self.conclusion.is_told:
            self._share.interrupt()
            self.conclusion.finish(stopped_early="the run was interrupted")


def announce(order: Order) -> None:
    """Say before the run how many attempts its objectives need."""
    for objective in order.load.objectives:
        needed = needs(objective, len(order.load.objectives))
        if not needed:
            continue
        word = "supported" if order.profile.expected >= needed else "unsupported"
        say(f"{objective.name}: needs about {needed} attempts, the profile has about {order.profile.expected}: {word}")


def new_run_id() -> str:
    """Unlike that of any other run."""
    return f"{time.time_ns():x}{os.getpid():x}"


def say(text: str) -> None:
    """A line for a person."""
    print(text, file=sys.stderr, flush=True)
