"""A load run: what is concluded from all its shares, and whether it needs several of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace

import gevent
from locust.env import Environment

from gonogo.load.orders import Order, decide_all, new_run_id, publish, say
from gonogo.load.shares import Share
from gonogo.loadtest.attempt import now_ms
from gonogo.loadtest.batch import Batch
from gonogo.loadtest.calibration import Calibration, worst
from gonogo.loadtest.capacity import Held, Search, Trial, conclude, next_trial
from gonogo.loadtest.decisions import trial_of
from gonogo.loadtest.record import LoadRecord
from gonogo.loadtest.spending import Spent, refusal
from gonogo.loadtest.tally import Tally
from gonogo.objectives import Decided

_SHOWN_CHARACTERS = 300
_LOOK_S = 0.2
_INTERRUPTED = "the run was interrupted"


class Conclusion:
    """Takes what all workers have measured of a profile, and knows when it is enough."""

    def __init__(self, order: Order, calibrations: Sequence[Calibration | None]) -> None:
        """`calibrations`: of each worker."""
        self._order, self._began_ms, self._second = order, now_ms(), 0
        self._tally = Tally(
            order.profile, order.load, len(calibrations), before=order.spent, calibration=worst(calibrations)
        )
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
        return self._tally.spent.beyond(self._order.budget, self._order.load.most_cost)

    def so_far(self) -> Sequence[tuple[str, Decided]]:
        """What would be decided now."""
        return decide_all(self._order.load, self._tally.record(seconds=(now_ms() - self._began_ms) / 1000))

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


class Run(ABC):
    """A run from its start to its exit code, wherever its shares are played. It is played once."""

    def __init__(self, order: Order, environment: Environment) -> None:
        self.order, self.environment = order, environment
        self.conclusion: Conclusion | None = None
        """Of what is played now, or was played last."""
        self._trials: list[Trial] = []
        """Of a search: those that have ended."""
        self._is_over = self._is_interrupted = False

    def play(self) -> None:
        """Play everything, and conclude."""
        order = self.order
        if refused := refusal(order.profile, order.budget):
            self._publish(Conclusion(order, [None]).record(stopped_early=refused))
        elif order.profile.search is None:
            self._publish(self.hold(order))
        else:
            self._publish(self._search(order.profile.search))

    def _search(self, search: Search) -> LoadRecord:
        """Play the trials of a search for the breaking point; the record of the last one that was not seen to fail."""
        first: LoadRecord | None = None
        held: LoadRecord | None = None
        while (wanted := next_trial(search, self._trials)) is not None:
            spent = held.spent if held is not None else Spent()
            record = self.hold(self.order.held_at(wanted, len(self._trials), spent))
            if self._is_interrupted:
                return record  # it is no whole trial, and `interrupt` tells what there is
            trial = trial_of(record, self.order.load.objectives, wanted)
            self._trials.append(trial)
            say(f"{trial}")
            first = first or record
            held = replace(record if held is None or trial.held is not Held.NO else held, spent=record.spent)
            if record.stopped_early:
                break
        assert first is not None
        assert held is not None
        # later trials begin warm
        cold = replace(held, cold_start_ms=first.cold_start_ms, cold_start_failed=first.cold_start_failed)
        return self._with_trials(cold)

    def _with_trials(self, record: LoadRecord) -> LoadRecord:
        if not self._trials:
            return record
        return replace(record, profile=self.order.profile.name, capacity=conclude(self._trials))

    def interrupt(self) -> None:
        """Somebody ended the run: keep what was measured."""
        if not self._is_over and self.conclusion is not None:
            self._is_interrupted = True  # what is played ends with that, too: it must not be told as if it were whole
            self.stop()
            self._tell(self._with_trials(self.conclusion.record(stopped_early=_INTERRUPTED)))

    def _publish(self, record: LoadRecord) -> None:
        if not self._is_interrupted:
            self._tell(record)

    def _tell(self, record: LoadRecord) -> None:
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

    def __init__(self, order: Order, environment: Environment, calibration: Calibration | None = None) -> None:
        super().__init__(order, environment)
        self._share: Share | None = None
        self._calibration = calibration

    def hold(self, order: Order) -> LoadRecord:
        """Play one profile to its end."""
        self.conclusion = conclusion = Conclusion(order, [self._calibration])
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
