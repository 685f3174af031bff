"""What one worker has measured: attempts in, a batch a second out."""

import math
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TextIO

import numpy as np
import orjson

from gonogo.loadtest.attempt import Attempt, clock_offset_ms, now_ms
from gonogo.loadtest.batch import COLUMNS, Batch, Pulse
from gonogo.loadtest.histogram import counted
from gonogo.loadtest.judging import over
from gonogo.redaction import Redactor
from gonogo.targets.load import LoadObjective

_EXAMPLES, _EXAMPLE_CHARACTERS = 3, 300


class Recording:
    """Takes attempts as they end."""

    def __init__(
        self,
        objectives: Sequence[LoadObjective],
        redactor: Redactor,
        sink: Callable[[Batch], None],
        *,
        worker: int = 0,
        log: TextIO | None = None,
    ) -> None:
        """`sink` gets each second's batch; `log` a line of JSON for each attempt."""
        self._objectives, self._redactor, self._sink, self._worker, self._log = objectives, redactor, sink, worker, log
        self._began_ms, self._second, self._cpu_s, self._beat_s = 0.0, 0, 0.0, 0.0
        self._open_from_s, self._most_open, self._is_over = -math.inf, 0, False
        self._offset_ms, self._clock_step_ms = clock_offset_ms(), 0.0
        self.due = 0
        """Attempts that were to be sent and that no batch has told yet."""
        self._clear()

    def begin(self, began_ms: float) -> None:
        """The run starts at this moment of the generator's clock: what was used before does not count."""
        self._began_ms, self._cpu_s, self._beat_s = began_ms, time.process_time(), 0.0

    def take(self, attempt: Attempt, *, warm_up: bool) -> None:
        """Count one finished attempt."""
        gaps_ms = attempt.gaps_ms
        ended_s = self._now_s()
        self._roll(ended_s)
        columns = self._columns
        columns["intended_s"].append((attempt.intended_ms - self._began_ms) / 1000)
        columns["ended_s"].append(ended_s)
        columns["late_ms"].append(attempt.sent_ms - attempt.intended_ms)
        columns["ttft_ms"].append(attempt.ttft_ms)
        columns["latency_ms"].append(attempt.latency_ms)
        columns["tokens"].append(attempt.tokens)
        columns["prompt_tokens"].append(math.nan if attempt.prompt_tokens is None else attempt.prompt_tokens)
        columns["tokens_per_s"].append(attempt.tokens_per_s)
        columns["failed"].append(bool(attempt.failure))
        columns["warm_up"].append(warm_up)
        self._gaps[warm_up].extend(gaps_ms)  # a stream that broke off had its gaps all the same
        for objective in self._objectives:
            over_warn, over_fail = over(objective, attempt, gaps_ms)
            self._over[objective.name][0].append(over_warn)
            self._over[objective.name][1].append(over_fail)
        if attempt.failure and not warm_up:
            self._failures[attempt.failure] += 1
            examples = self._examples.setdefault(attempt.failure, [])
            if len(examples) < _EXAMPLES:
                examples.append(self._redactor.text(attempt.detail)[:_EXAMPLE_CHARACTERS])
        if self._log is not None:
            self._log.write(_line(attempt, gaps_ms, ended_s))

    def beat(self, lag_ms: float, opened: int, open_from_ms: float) -> None:
        """Called many times a second, also while nothing ends.

        Args:
            lag_ms: by how much later than it should have been.
            opened: attempts that are open now.
            open_from_ms: every attempt due before this moment has ended.
        """
        at_s = self._now_s()
        self._lags_ms.append(lag_ms)
        self._open_attempt_s += opened * (at_s - self._beat_s)
        self._uncounted_attempt_s += opened * lag_ms / 1000
        self._most_open = max(self._most_open, opened)
        offset_ms = clock_offset_ms()
        self._clock_step_ms = max(self._clock_step_ms, abs(offset_ms - self._offset_ms))
        self._offset_ms = offset_ms
        self._beat_s, self._open_from_s = at_s, (open_from_ms - self._began_ms) / 1000
        self._roll(at_s)

    def finish(self) -> None:
        """The run is over: the second that is not; once."""
        if not self._is_over:
            self._is_over, self._open_from_s = True, math.inf
            self._close()

    def _now_s(self) -> float:
        return (now_ms() - self._began_ms) / 1000

    def _roll(self, at_s: float) -> None:
        while self._second < math.floor(at_s):
            self._close()

    def _close(self) -> None:
        cpu_s, until_s = time.process_time(), min(self._now_s(), self._second + 1.0)
        batch = Batch(
            worker=self._worker,
            second=self._second,
            columns={name: np.asarray(values) for name, values in self._columns.items()},
            over={name: (np.asarray(warn), np.asarray(fail)) for name, (warn, fail) in self._over.items()},
            gaps=(counted(np.asarray(self._gaps[False])), counted(np.asarray(self._gaps[True]))),
            lags=counted(np.asarray(self._lags_ms)),
            failures=dict(self._failures),
            examples=self._examples,
            pulse=Pulse(
                cpu_s=cpu_s - self._cpu_s,
                seconds=until_s - self._second,
                open_attempt_s=self._open_attempt_s,
                most_open=self._most_open,
                due=self.due,
                open_from_s=self._open_from_s,
                clock_step_ms=self._clock_step_ms,
                uncounted_attempt_s=self._uncounted_attempt_s,
            ),
        )
        self._cpu_s, self.due = cpu_s, 0
        self._second += 1
        self._clear()
        self._sink(batch)

    def _clear(self) -> None:
        self._columns = {name: array("d") for name in COLUMNS}
        self._over = {objective.name: (array("d"), array("d")) for objective in self._objectives}
        self._gaps, self._lags_ms = {False: array("d"), True: array("d")}, array("d")
        self._failures: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._open_attempt_s, self._uncounted_attempt_s, self._most_open, self._clock_step_ms = 0.0, 0.0, 0, 0.0


def _line(attempt: Attempt, gaps_ms: Sequence[float], ended_s: float) -> str:
    """An attempt for the log: which one it was, and what became of it."""
    told = {
        "position": attempt.position,
        "ended_s": round(ended_s, 3),
        "late_ms": round(attempt.sent_ms - attempt.intended_ms, 3),
        "ttft_ms": round(attempt.ttft_ms, 3),
        "latency_ms": round(attempt.latency_ms, 3),
        "max_gap_ms": round(max(gaps_ms, default=0.0), 3),
        "chunks": attempt.chunks,
        "tokens": attempt.tokens,
        "status": attempt.status,
        "failure": attempt.failure,
    }
    return orjson.dumps(told).decode() + "\n"
