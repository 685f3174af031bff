"""What a run has spent, over all workers, against the target's budget."""

import fcntl
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gonogo.errors import BudgetExhaustedError
from gonogo.targets.model import Budget

_SIZE = 200
"""Bytes of the file: more than its numbers will ever need."""


class Ledger:
    """A small file that every worker of a run updates under a lock."""

    def __init__(self, file: Path, budget: Budget, stage_s: float | None = None) -> None:
        """`stage_s` is how long the stage itself may take; None: as long as the budget allows."""
        self._file, self._budget, self._stage_s = file, budget, stage_s

    def open(self) -> None:
        """Begin a run: nothing spent. The clock is the machine's, the same in every process, which nobody sets."""
        began = time.monotonic()
        spent = {"requests": 0, "tokens": 0, "began": began, "checks_began": began}
        self._file.write_text(json.dumps(spent).ljust(_SIZE), encoding="utf-8")

    def begin_checks(self) -> None:
        """What an earlier run left is put back, and a fault that is to be shown is there: the checks begin."""
        with self._changing() as spent:
            spent["checks_began"] = time.monotonic()

    def spend(self, requests: int, tokens: int) -> None:
        """Take from the budget before using it.

        Raises:
            BudgetExhaustedError: that much is not left.
        """
        with self._changing() as spent:
            spent["requests"] += requests
            spent["tokens"] += tokens
            self._refuse_beyond(spent)

    def spent(self) -> Mapping[str, float]:
        """Requests, tokens and seconds so far."""
        raw = self._read()
        seconds = round(time.monotonic() - raw["began"], 1)
        return {"requests": raw["requests"], "tokens": raw["tokens"], "seconds": seconds}

    def checks_began_s_ago(self) -> float:
        """How long ago the checks began."""
        return time.monotonic() - float(self._read()["checks_began"])

    def remaining_s(self) -> float:
        """How long a request may still take; infinite without a limit."""
        limits = [limit for limit in (self._budget.seconds, self._stage_s) if limit is not None]
        return min(limits) - self.spent()["seconds"] if limits else math.inf

    @contextmanager
    def _changing(self) -> Iterator[dict[str, float]]:
        """Its numbers, which are written back unless the block raises."""
        descriptor = os.open(self._file, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            spent: dict[str, float] = json.loads(os.read(descriptor, 4096))
            yield spent
            # in one call, and never shorter than before: an interrupted run must find the file whole
            os.pwrite(descriptor, json.dumps(spent).encode().ljust(_SIZE), 0)
        finally:
            os.close(descriptor)

    def _read(self) -> Mapping[str, float]:
        with self._file.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            raw: Mapping[str, float] = json.loads(file.read())
        return raw

    def _refuse_beyond(self, spent: Mapping[str, float]) -> None:
        budget = self._budget
        used = {"requests": spent["requests"], "tokens": spent["tokens"], "seconds": time.monotonic() - spent["began"]}
        for name, amount in used.items():
            limit = getattr(budget, name)
            if limit is not None and amount > limit:
                raise BudgetExhaustedError(f"the run's budget of {limit:g} {name} (target file: budget) is used up")
        if self._stage_s is not None and used["seconds"] > self._stage_s:
            raise BudgetExhaustedError(f"the {self._stage_s:g} s that this stage may take are over")
