"""The open-model user: one dispatcher that sends every request when it is due, whatever the others do."""

import random
import time
from typing import Any

import gevent
import gevent.pool
from locust.env import Environment

from gonogo.loadtest.profile import Profile
from load.recording import Recording
from load.wire import Attempt, ChatClient, now_ms

MAX_IN_FLIGHT = 2000
_FATAL_STATUSES = (401, 403)


class Dispatcher:
    """Plays a profile's schedule against a gateway."""

    def __init__(
        self, profile: Profile, model: str, client: ChatClient, recording: Recording, environment: Environment
    ) -> None:
        self._profile, self._model, self._client = profile, model, client
        self._recording, self._environment = recording, environment
        self._run_id = f"{time.time_ns():x}"
        self.intended = 0
        self.stopped_early = ""

    def play(self) -> None:
        """Send everything that the schedule holds, then wait for the last answers."""
        schedule = self._profile.schedule()
        numbers = random.Random(self._profile.seed)  # noqa: S311 (a mix of prompts, not a secret)
        pool = gevent.pool.Pool(MAX_IN_FLIGHT)
        self.intended = len(schedule)
        self._recording.begin()
        began_ms = now_ms()
        for position, due_s in enumerate(schedule):
            if self.stopped_early:
                break
            intended_ms = began_ms + due_s * 1000
            gevent.sleep(max(0.0, (intended_ms - now_ms()) / 1000))
            body = self._body(position, numbers)
            pool.spawn(self._attempt, intended_ms, body, warm_up=due_s < self._profile.warm_up_s)
        pool.join()

    def _attempt(self, intended_ms: float, body: dict[str, Any], *, warm_up: bool) -> None:
        attempt = self._client.attempt(intended_ms, body)
        self._recording.take(attempt, warm_up=warm_up)
        self._show(attempt)
        if attempt.status in _FATAL_STATUSES:
            self.stopped_early = f"the gateway refuses the key: {attempt.detail}"

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

    def _body(self, position: int, numbers: random.Random) -> dict[str, Any]:
        prompt = numbers.choice(self._profile.prompts)
        return {
            "model": self._model,
            # the suffix makes every request a different one, so that no cache answers for the model
            "messages": [{"role": "user", "content": f"{prompt} [{self._run_id}-{position}]"}],
            "max_tokens": self._profile.max_tokens,
            "temperature": 0,
            "stream": numbers.random() < self._profile.streamed_share,
        }
