"""A run on several processes or machines: Locust's master and workers carry the messages.

The master tells each worker its number and the moment at which to begin, on that worker's own clock; the workers
send each second's batch. A worker whose share is missing makes the run invalid: it is never silently lost. Who comes
after the start takes no part.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from gonogo.load.orders import Order, announce_own, new_run_id, say
from gonogo.load.runs import Conclusion, Run
from gonogo.load.shares import Share
from gonogo.loadtest.attempt import now_ms
from gonogo.loadtest.batch import Batch
from gonogo.loadtest.calibration import Calibration, worst
from gonogo.loadtest.capacity import Next
from gonogo.loadtest.record import LoadRecord

_ASK, _ANSWER = "gonogo-what-time-is-it", "gonogo-it-is"
_BEGIN, _BATCH, _STOP, _DONE = "gonogo-begin", "gonogo-batch", "gonogo-stop", "gonogo-done"
_LEAD_S = 1.0
"""From the order to its beginning: messages take a while."""
_ASKED = 5
_PATIENCE_FOR_ANSWERS_S = 20.0
_LOOK_S = 0.2
_PATIENCE_S = 30.0
"""Beyond the profile's length and its last answers."""


class _Answer(NamedTuple):
    """What a worker says before a run."""

    took_s: float
    offset_s: float
    """How far its clock is ahead of ours."""
    digest: str
    """Of what it is going to play."""
    calibration: Calibration | None


class Master(Run):
    """Orders the shares, and concludes from what comes back."""

    def __init__(self, order: Order, environment: Environment) -> None:
        super().__init__(order, environment)
        assert isinstance(environment.runner, MasterRunner)
        self._runner = environment.runner
        self._answers: dict[str, list[_Answer]] = {}
        self._done: dict[str, str] = {}
        self._run_id = ""
        self._runner.register_message(_ANSWER, self._answered)
        self._runner.register_message(_BATCH, self._took)
        self._runner.register_message(_DONE, self._is_done)

    def hold(self, order: Order) -> LoadRecord:
        """Play one profile to its end, on all workers that are there now."""
        clients = self._runner.clients
        workers = sorted({client.id for client in clients.ready + clients.spawning + clients.running})
        self._answers, self._done, self._run_id = {}, {}, new_run_id()
        quickest = {worker: self._ask(worker) for worker in workers}
        answers = [answer for answer in quickest.values() if answer is not None]
        self.conclusion = Conclusion(order, [answer.calibration for answer in answers])
        if problem := self._unfit(quickest):
            return self.conclusion.record(stopped_early=problem)
        if not order.trial:
            announce_own(order, worst([answer.calibration for answer in answers]), len(workers))
        begins_s = time.time() + _LEAD_S
        for number, (worker, answer) in enumerate(zip(workers, answers, strict=True)):
            say(f"worker {number} ({worker}): its clock is {answer.offset_s * 1000:+.1f} ms off")
            told = {"worker": number, "workers": len(workers), "run_id": self._run_id}
            told |= {"begins_s": begins_s + answer.offset_s, "trial": order.trial}
            self._runner.send_message(_BEGIN, told, worker)
        return self.conclusion.record(lost=self._watch(order, workers, self.conclusion), stopped_early=self._problem)

    def _unfit(self, quickest: Mapping[str, "_Answer | None"]) -> str:
        """Why these workers cannot play the run, or nothing."""
        if not quickest:
            return "there is no worker"
        for number, (worker, answer) in enumerate(quickest.items()):
            if answer is None:
                return f"worker {number} ({worker}) does not answer"
            if answer.digest != self.order.digest:
                return f"worker {number} ({worker}) has another profile or another section load of the target"
        return ""

    def _watch(self, order: Order, workers: list[str], conclusion: Conclusion) -> list[str]:
        """Wait for all shares; those that are missing, and why."""
        profile, lost, is_over = order.profile, list[str](), False
        until_s = time.monotonic() + profile.ends_within_s + _PATIENCE_S
        while not lost and set(workers) - self._done.keys():
            gevent.sleep(_LOOK_S)
            if not is_over and (conclusion.is_over() or self._problem):
                is_over = True
                self.stop()
            missing = [(number, worker) for number, worker in enumerate(workers) if worker not in self._done]
            lost = [f"worker {number} ({worker}) was lost" for number, worker in missing if self._is_gone(worker)]
            if time.monotonic() > until_s:
                lost = [f"worker {number} ({worker}) did not end" for number, worker in missing]
        if lost:
            self.stop()
        return lost

    @property
    def _problem(self) -> str:
        """Why the run cannot go on, as some worker says: the gateway refuses the key, or the worker failed itself."""
        return next(filter(None, self._done.values()), "")

    def stop(self) -> None:
        """Have nothing begun any more; what is measured until then is told second by second."""
        self._runner.send_message(_STOP)

    def _is_gone(self, worker: str) -> bool:
        client = self._runner.clients.get(worker)
        return client is None or client.state == STATE_MISSING

    def _ask(self, worker: str) -> "_Answer | None":
        """What time it is there, and what it is going to play: the quickest of some answers (as NTP does)."""
        answers = self._answers[worker] = []
        deadline = time.monotonic() + _PATIENCE_FOR_ANSWERS_S  # it may still be calibrating itself
        while len(answers) < _ASKED and time.monotonic() < deadline:
            self._runner.send_message(_ASK, {"asked_s": time.time()}, worker)
            gevent.sleep(_LOOK_S / 4)
        return min(answers, key=lambda answer: answer.took_s, default=None)

    def _answered(self, environment: Environment, msg: Any, **_: object) -> None:  # noqa: ANN401, ARG002 (Locust's)
        told, took_s = msg.data, time.time() - msg.data["asked_s"]
        calibration = Calibration(**told["calibration"]) if told["calibration"] is not None else None
        answer = _Answer(took_s, told["now_s"] - told["asked_s"] - took_s / 2, told["digest"], calibration)
        self._answers.setdefault(msg.node_id, []).append(answer)

    def _took(self, environment: Environment, msg: Any, **_: object) -> None:  # noqa: ANN401, ARG002
        if self.conclusion is not None and msg.data["run_id"] == self._run_id:
            self.conclusion.take(Batch.from_plain(msg.data))

    def _is_done(self, environment: Environment, msg: Any, **_: object) -> None:  # noqa: ANN401, ARG002
        if msg.data["run_id"] == self._run_id:
            self._done[msg.node_id] = msg.data["problem"]


class Worker:
    """Plays the share that it is told."""

    def __init__(self, order: Order, environment: Environment, calibration: Calibration | None) -> None:
        assert isinstance(environment.runner, WorkerRunner)
        self._calibration = asdict(calibration) if calibration is not None else None
        self._order, self._environment, self._runner = order, environment, environment.runner
        self._share: Share | None = None
        self._runner.register_message(_ASK, self._asked)
        self._runner.register_message(_BEGIN, self._begin, concurrent=True)
        self._runner.register_message(_STOP, self._stop)

    def _asked(self, environment: Environment, msg: Any, **_: object) -> None:  # noqa: ANN401, ARG002
        told = {"asked_s": msg.data["asked_s"], "now_s": time.time(), "digest": self._order.digest}
        self._runner.send_message(_ANSWER, {**told, "calibration": self._calibration})

    def _begin(self, environment: Environment, msg: Any, **_: object) -> None:  # noqa: ANN401, ARG002
        told = msg.data
        order = (
            self._order if told["trial"] is None else self._order.held_at(Next(*told["trial"][:2]), told["trial"][2])
        )

        def tell(batch: Batch) -> None:
            self._runner.send_message(_BATCH, {**batch.as_plain(), "run_id": told["run_id"]})

        try:
            self._share = Share(order, self._environment, tell, worker=told["worker"], workers=told["workers"])
            problem = self._share.play(told["run_id"], now_ms() + (told["begins_s"] - time.time()) * 1000)
        except Exception as error:  # noqa: BLE001 (whatever it is, the master must not wait for this share)
            problem = f"worker {told['worker']} failed: {error!r}"
        self._runner.send_message(_DONE, {"problem": problem, "run_id": told["run_id"]})

    def _stop(self, environment: Environment, msg: Any, **_: object) -> None:  # noqa: ANN401, ARG002
        if self._share is not None:
            self._share.stop()
