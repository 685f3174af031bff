"""Who sends what when: one dispatcher that plays a schedule, or users who wait for their answers."""

import random
import time
from typing import Any

import gevent
import gevent.pool
from locust.env import Environment

from gonogo.loadtest.profile import Planned, Profile
from load.attempt import Attempt, now_ms
from load.recording import Recording
from load.wire import ChatClient

MAX_IN_FLIGHT = 10_000
_FATAL_STATUSES = (401, 403)


class Dispatcher:
    """Plays a profile against a gateway."""

    def __init__(
        self, profile: Profile, model: str, client: ChatClient, recording: Recording, environment: Environment
    ) -> None:
        self._profile, self._model, self._client = profile, model, client
        self._recording, self._environment = recording, environment
        self._run_id = f"{time.time_ns():x}"
        self._began_ms = 0.0
        self._refused = ""
        self.intended = 0
        """Attempts that were to be made: all that the schedule holds, before the first is sent."""
        self.stopped_early = "the run was interrupted"

    def play(self) -> None:
        """Send everything that the profile holds, then wait for the last answers."""
        pool = gevent.pool.Pool(MAX_IN_FLIGHT)
        self.intended, self._refused = len(self._profile.moments), ""
        self._recording.begin()
        self._began_ms = now_ms()
        if self._profile.users is not None:
            for user in range(self._profile.users.count):
                pool.spawn(self._use, user)
        else:
            self._dispatch(pool)
        pool.join()
        self.stopped_early = self._refused

    def _dispatch(self, pool: gevent.pool.Pool) -> None:
        """Begin each conversation when it is due, whatever became of the others."""
        for planned in self._profile.planned():
            if self._refused:
                return
            due_ms = self._began_ms + planned.at_s * 1000
            gevent.sleep(max(0.0, (due_ms - now_ms()) / 1000))
            pool.spawn(self._converse, planned, due_ms, self._profile.think_time_s)

    def _use(self, user: int) -> None:
        """A user of the closed model: one conversation after the other, with pauses."""
        users = self._profile.users
        assert users is not None
        numbers = random.Random(f"{self._profile.seed}/user/{user}")  # noqa: S311 (pauses, not secrets)
        until_ms = self._began_ms + users.seconds * 1000
        position = user
        # nobody begins at the same moment as all the others
        due_ms = self._began_ms + numbers.uniform(0, max(users.think_time_s, 0.001)) * 1000
        while not self._refused and due_ms < until_ms:
            gevent.sleep(max(0.0, (due_ms - now_ms()) / 1000))
            self.intended += 1
            self._converse(self._profile.plan(position), due_ms, users.think_time_s)
            position += users.count
            due_ms = now_ms() + _pause_ms(numbers, users.think_time_s)

    def _converse(self, planned: Planned, due_ms: float, think_time_s: float) -> None:
        """Say every turn of a conversation, each with what was said before; none once the run is over."""
        until_ms = self._began_ms + self._profile.seconds * 1000
        said: list[dict[str, str]] = []
        # so that no cache answers for the model, the first message is one that was never sent before
        ending = "" if planned.cacheable else f" [{self._run_id}-{planned.position}]"
        for turn in planned.turns:
            said.append({"role": "user", "content": turn + ending})
            ending = ""
            attempt = self._attempt(due_ms, self._body(planned, said), planned.position)
            said.append({"role": "assistant", "content": attempt.text})
            if attempt.failure or self._refused or len(said) == 2 * len(planned.turns):
                return
            numbers = random.Random(f"{self._profile.seed}/{planned.position}/{len(said)}")  # noqa: S311
            due_ms = now_ms() + _pause_ms(numbers, think_time_s)
            if due_ms > until_ms:
                return
            self.intended += 1
            gevent.sleep(max(0.0, (due_ms - now_ms()) / 1000))

    def _attempt(self, due_ms: float, body: dict[str, Any], position: int) -> Attempt:
        attempt = self._client.attempt(due_ms, body, position)
        self._recording.take(attempt, warm_up=due_ms < self._began_ms + self._profile.warm_up_s * 1000)
        self._show(attempt)
        if attempt.status in _FATAL_STATUSES:
            self._refused = f"the gateway refuses the key: {attempt.detail}"
        return attempt

    def _show(self, attempt: Attempt) -> None:
        """Tell Locust, whose statistics are for its own display only: they round to two digits."""
        self._environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type="chat",
            name=self._model,
            response_time=attempt.latency_ms,
            response_length=attempt.chunks,
            exception=RuntimeError(attempt.failure) if attempt.failure else None,
            context={},
        )

    def _body(self, planned: Planned, said: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "model": planned.model or self._model,
            "messages": said,
            "max_tokens": planned.max_tokens,
            "temperature": 0,
            "stream": planned.streamed,
        }


def _pause_ms(numbers: random.Random, mean_s: float) -> float:
    return numbers.expovariate(1 / mean_s) * 1000 if mean_s else 0.0
