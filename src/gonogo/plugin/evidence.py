"""Evidence: what the probes of one check saw, on its way to the report as plain JSON."""

from dataclasses import asdict
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
        self.dropped = 0
        self.leaks: dict[str, None] = {}
        """What is wrong with answers that hold a secret, each once."""

    def record(self, observation: Observation) -> None:
        """Keep an observation."""
        self._observations.append(observation)
        if len(self._observations) > MAX_OBSERVATIONS:
            del self._observations[MAX_OBSERVATIONS // 2]
            self.dropped += 1

    def leaked(self, leak: str) -> None:
        """An answer holds a secret."""
        if len(self.leaks) < MAX_OBSERVATIONS:
            self.leaks[leak] = None

    def as_json(self, redactor: Redactor) -> list[dict[str, Any]]:
        """The observations as plain JSON, masked once more as a whole."""
        masked: list[dict[str, Any]] = redactor.json([asdict(observation) for observation in self._observations])
        return masked


def recorder_of(item: pytest.Item) -> Recorder:
    """The recorder of a check, made at first use."""
    if _KEY not in item.stash:
        item.stash[_KEY] = Recorder()
    return item.stash[_KEY]
