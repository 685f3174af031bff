"""A load run: what is concluded from all its shares, and whether it needs several of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import gevent
from locust.env import Environment

from gonogo.loadtest.attempt import now_ms
from gonogo.loadtest.batch import Batch
from gonogo.loadtest.capacity import Held, Trial, conclude, next_trial
from gonogo.loadtest.decisions import decide_objective, trial_of
from gonogo.loadtest.record import LoadRecord
from gonogo.loadtest.tally import Tally
from gonogo.objectives import Decided
from load.orders import Order, new_run_id, publish, say
from load.shares import Share

_SHOWN_CHARACTERS = 300
_LOOK_S = 0.2
_INTERRUPTED = "the run was interrupted"


class Conclusion:
    """Takes what all workers have measured of a profile, and knows when it is enough."""

    def __init__(self, order: Order, workers: int = 1) -> None:
        self._order = order
        self._tally, self._began_ms, self._second = Tally(order.profile, order.load, workers), now_ms(), 0
        profile, objectives = order.profile, order.load.objectives
        # a run that is played to its end anyway is judged by all that it measured
        self._may_end_early = profile.stops_when_decided or profile.extend_s or any(o.aborts for o in objectives)
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

    def record(self, *, stopped_early: str = "", lost: Iterable[str] = ()) -> LoadRecord:
        """All that was measured.

        Args:
            stopped_early: why it ended before it could decide anything; beside the reasons that are known here.
            lost: workers whose share is missing, and why.
        """
        stopped = stopped_early or self.exhausted
        counts = f"after {self._tally.attempts} of {self._order.profile.expected} requests"
        return self._tally.record(
            seconds=(now_ms() - self._began_ms) / 1000,
            stopped_early=self._order.redactor.text(stopped)[:_SHOWN_CHARACTERS],
            ended=f"{self.ended} {counts}" if self.ended and not stopped else "",
            lost=lost,
        )


Hold = Callable[[Order], LoadRecord]
"""Plays one profile to its end."""


def played(order: Order, hold: Hold) -> LoadRecord:
    """The whole run: one profile, or the trials of a search for the breaking point."""
    search, trials = order.profile.search, list[Trial]()
    if search is None:
        return hold(order)
    held: LoadRecord | None = None
    while (wanted := next_trial(search, trials)) is not None:
        record = hold(order.held_at(wanted, len(trials)))
        trial = trial_of(record, order.load.objectives, wanted)
        trials.append(trial)
        kind = "confirmation: " if trial.is_confirmation else ""
        say(
            f"{kind}{wanted.rate_per_s:.4g} requests a second for {wanted.seconds:g} s: held: {trial.held} {trial.told}"
        )
        if held is None or trial.held is not Held.NO:
            held = record
        if record.stopped_early:
            break
    assert held is not None
    return replace(held, profile=order.profile.name, capacity=conclude(trials))


class Run(ABC):
    """A run from its start to its exit code, wherever its shares are played."""

    def __init__(self, order: Order, environment: Environment) -> None:
        self.order, self.environment = order, environment
        self.conclusion: Conclusion | None = None
        """Of what is played now, or was played last."""
        self._is_over = True

    def play(self) -> None:
        """Play everything, and conclude."""
        self._is_over = False
        self._publish(played(self.order, self._hold))

    def _hold(self, order: Order) -> LoadRecord:
        record = self.hold(order)
        return replace(record, stopped_early=_INTERRUPTED) if self._is_over else record

    def interrupt(self) -> None:
        """Somebody ended the run: keep what was measured."""
        if not self._is_over and self.conclusion is not None:
            self.stop()
            self._publish(self.conclusion.record(stopped_early=_INTERRUPTED))

    def _publish(self, record: LoadRecord) -> None:
        if not self._is_over:
            self._is_over = True
            self.environment.process_exit_code = publish(self.order, record)

    @abstractmethod
    def hold(self, order: Order) -> LoadRecord:
        """Play one profile to its end."""

    @abstractmethod
    def stop(self) -> None:
        """Have nothing begun any more, and all told that was measured by now."""


class Alone(Run):
    """A whole run in this process."""

    def __init__(self, order: Order, environment: Environment) -> None:
        super().__init__(order, environment)
        self._share: Share | None = None

    def hold(self, order: Order) -> LoadRecord:
        """Play one profile to its end."""
        self.conclusion = conclusion = Conclusion(order)
        self._share = share = Share(order, self.environment, conclusion.take)
        watching = gevent.spawn(self._watch, conclusion, share)
        try:
            refused = share.play(new_run_id(), now_ms())
        finally:
            watching.kill()
        return conclusion.record(stopped_early=refused)

    def _watch(self, conclusion: Conclusion, share: Share) -> None:
        while not conclusion.is_over():
            gevent.sleep(_LOOK_S)
        share.stop()

    def stop(self) -> None:
        """Have nothing begun any more, and all told that was measured by now."""
        if self._share is not None:
            self._share.interrupt()
