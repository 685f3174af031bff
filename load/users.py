"""Who sends what when: one dispatcher that plays a schedule, or users who wait for their answers."""

import math
import random
from typing import Any

import gevent
import gevent.pool
from locust.env import Environment

from gonogo.load.recording import Recording
from gonogo.load.wire import ChatClient
from gonogo.loadtest.attempt import Attempt, now_ms
from gonogo.loadtest.profile import Planned, Profile
from gonogo.loadtest.record import GeneratorLimits
from gonogo.targets.load import Load

_FATAL_STATUSES = (401, 403)
_BEAT_S = 0.02


class Flight:
    """The attempts that are due or under way."""

    def __init__(self) -> None:
        self._due_ms: dict[int, float] = {}
        self._count = 0
        self.opened = 0
        """Attempts that were sent and have not ended."""
        self.undispatched_from_ms = math.inf
        """Conversations that were not begun yet are due from here on."""

    def expect(self, due_ms: float) -> int:
        """An attempt is going to be sent; its number."""
        self._count += 1
        self._due_ms[self._count] = due_ms
        return self._count

    def land(self, number: int) -> None:
        """It has ended."""
        del self._due_ms[number]

    @property
    def open_from_ms(self) -> float:
        """Every attempt due before this moment has ended."""
        return min(self.undispatched_from_ms, *self._due_ms.values(), math.inf)


class Dispatcher:
    """Plays a worker's share of a profile against a gateway."""

    def __init__(
        self, profile: Profile, load: Load, client: ChatClient, recording: Recording, environment: Environment
    ) -> None:
        self._profile, self._load, self._client = profile, load, client
        self._recording, self._environment = recording, environment
        self._flight, self._began_ms, self._is_over, self._is_admitted = Flight(), 0.0, False, False
        self.refused = ""
        """Why the gateway wants no more of this, or nothing."""

    def play(self, run_id: str, began_ms: float, worker: int = 0, workers: int = 1) -> None:
        """Send everything that is this worker's, each when it is due, then wait for the last answers.

        Args:
            run_id: stands in each prompt, so that no cache answers for the model.
            began_ms: the moment from which the schedule counts, on the generator's clock.
            worker: which of the workers this is, from 0.
            workers: how many share the schedule.
        """
        self._run_id, self._began_ms = run_id, began_ms
        pool = gevent.pool.Pool(GeneratorLimits.max_open)
        self._recording.begin(began_ms)
        beating = gevent.spawn(self._beat)
        try:
            if self._profile.users is not None:
                for user in range(worker, self._profile.users.count, workers):
                    pool.spawn(self._use, user)
            else:
                self._dispatch(pool, worker, workers)
            pool.join()
        finally:
            beating.kill()
            self._recording.finish()

    def stop(self) -> None:
        """Begin nothing any more; what is open comes to its end."""
        self._is_over = True

    def _beat(self) -> None:
        """Tell the recording the time, and how late it is told."""
        while True:
            due_ms = now_ms() + _BEAT_S * 1000
            gevent.sleep(_BEAT_S)
            self._recording.beat(max(0.0, now_ms() - due_ms), self._flight.opened, self._flight.open_from_ms)

    def _dispatch(self, pool: gevent.pool.Pool, worker: int, workers: int) -> None:
        """Begin each conversation when it is due, whatever became of the others."""
        for planned in self._profile.planned(worker, workers):
            due_ms = self._flight.undispatched_from_ms = self._began_ms + planned.at_s * 1000
            self._wait_until(due_ms)
            if self._is_over:
                break
            pool.spawn(self._converse, planned, due_ms, self._profile.think_time_s, self._expect(due_ms))
        self._flight.undispatched_from_ms = math.inf

    def _wait_until(self, due_ms: float) -> None:
        """Wait, in parts: a run that is over does not wait for what would have come."""
        while not self._is_over and (rest_s := (due_ms - now_ms()) / 1000) > 0:
            gevent.sleep(min(rest_s, 0.5))

    def _expect(self, due_ms: float) -> int:
        self._recording.due += 1
        return self._flight.expect(due_ms)

    def _turn(self, due_ms: float) -> int | None:
        """Wait until an attempt is due: its number in the flight; None if the run is over before."""
        number = self._flight.expect(due_ms)
        self._wait_until(due_ms)
        if self._is_over:
            self._flight.land(number)
            return None
        self._recording.due += 1
        return number

    def _use(self, user: int) -> None:
        """A user of the closed model: one conversation after the other, with pauses."""
        users = self._profile.users
        assert users is not None
        numbers = random.Random(f"{self._profile.seed}/user/{user}")  # noqa: S311 (pauses, not secrets)
        until_ms = self._began_ms + users.seconds * 1000
        position = user
        # nobody begins at the same moment as all the others
        due_ms = self._began_ms + numbers.uniform(0, max(users.think_time_s, 0.001)) * 1000
        while due_ms < until_ms:
            number = self._turn(due_ms)
            if number is None:
                return
            self._converse(self._profile.plan(position), due_ms, users.think_time_s, number)
            position += users.count
            due_ms = now_ms() + _pause_ms(numbers, users.think_time_s)

    def _converse(self, planned: Planned, due_ms: float, think_time_s: float, number: int) -> None:
        """Say every turn of a conversation, each with what was said before; none once the run is over."""
        until_ms = self._began_ms + (self._profile.seconds + self._profile.extend_s) * 1000
        said: list[dict[str, str]] = []
        # so that no cache answers for the model, the first message is one that was never sent before
        ending = "" if planned.cacheable else f" [{self._run_id}-{planned.position}]"
        for turn in planned.turns:
            said.append({"role": "user", "content": turn + ending})
            ending = ""
            attempt = self._attempt(due_ms, self._body(planned, said), planned.position, number)
            said.append({"role": "assistant", "content": attempt.text})
            if attempt.failure or self._is_over or len(said) == 2 * len(planned.turns):
                return
            numbers = random.Random(f"{self._profile.seed}/{planned.position}/{len(said)}")  # noqa: S311
            due_ms = now_ms() + _pause_ms(numbers, think_time_s)
            if due_ms > until_ms:
                return
            turn_number = self._turn(due_ms)
            if turn_number is None:
                return
            number = turn_number

    def _attempt(self, due_ms: float, body: dict[str, Any], position: int, number: int) -> Attempt:
        flight = self._flight
        flight.opened += 1
        attempt = self._client.attempt(due_ms, body, position)
        flight.opened -= 1
        flight.land(number)
        self._recording.take(attempt, warm_up=due_ms < self._began_ms + self._profile.warm_up_s * 1000)
        self._show(attempt)
        self._is_admitted = self._is_admitted or not attempt.failure
        if attempt.status in _FATAL_STATUSES and not self._is_admitted:  # later it is a failure like any other
            self.refused = f"the gateway refuses the key: {attempt.detail}"
            self.stop()
        return attempt

    def _show(self, attempt: Attempt) -> None:
        """Tell Locust, whose statistics are for its own display only: they round to two digits."""
        self._environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type="chat",
            name=self._load.model,
            response_time=attempt.latency_ms,
            response_length=attempt.chunks,
            exception=RuntimeError(attempt.failure) if attempt.failure else None,
            context={},
        )

    def _body(self, planned: Planned, said: list[dict[str, str]]) -> dict[str, Any]:
        body = {
            "model": planned.model or self._load.model,
            "messages": said,
            "max_tokens": planned.max_tokens,
            "temperature": 0,
            "stream": planned.streamed,
        }
        if planned.streamed and self._load.prices is not None:  # a stream tells its tokens only when asked
            body["stream_options"] = {"include_usage": True}
        return body


def _pause_ms(numbers: random.Random, mean_s: float) -> float:
    return numbers.expovariate(1 / mean_s) * 1000 if mean_s else 0.0
