"""Evidence: what the probes of one check saw, on its way to the report as plain JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any

import pytest

from gonogo.model import Observation
from gonogo.redaction import Redactor

MAX_OBSERVATIONS = 60
_KEY = pytest.StashKey["Recorder"]()


class Recorder:
    """Takes observations for one check; past `MAX_OBSERVATIONS` it keeps the first and the latest."""

    def __init__(self) -> None:
        self._observations: list[Observation] = []
        self._left_out = 0
        self.searched_answers = 0
        """How many answers were searched for secrets."""
        self.leaks: dict[str, None] = {}
        """What is wrong with answers that hold a secret, each once."""

    def record(self, observation: Observation) -> None:
        """Keep an observation."""
        self._observations.append(observation)
        if len(self._observations) > MAX_OBSERVATIONS:
            del self._observations[MAX_OBSERVATIONS // 2]
            self._left_out += 1

    def searched(self, leaks: Iterable[str]) -> None:
        """An answer was searched for secrets, and this was found."""
        self.searched_answers += 1
        self.leaks |= dict.fromkeys(islice(leaks, MAX_OBSERVATIONS - len(self.leaks)))

    def as_json(self, redactor: Redactor) -> list[dict[str, Any]]:
        """The observations as plain JSON, masked once more as a whole; one more stands for those that are left out."""
        kept = list(self._observations)
        if self._left_out:
            left_out = f"{self._left_out} observations are left out"
            kept.insert(MAX_OBSERVATIONS // 2, Observation("gonogo", left_out, 0.0))
        masked: list[dict[str, Any]] = redactor.json([asdict(observation) for observation in kept])
        return masked


def recorder_of(item: pytest.Item) -> Recorder:
    """The recorder of a check, made at first use."""
    if _KEY not in item.stash:
        item.stash[_KEY] = Recorder()
    return item.stash[_KEY]
