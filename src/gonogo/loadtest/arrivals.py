"""When requests arrive: moments in seconds from the start, the same for the same seed, whatever the answers do."""

import csv
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from gonogo.errors import GonogoError


@dataclass(frozen=True)
class LoadStage:
    """A part of a run: the rate goes evenly from one figure to the other."""

    seconds: float
    rate_per_s: float
    to_rate_per_s: float

    @property
    def arrivals(self) -> float:
        """How many are expected."""
        return (self.rate_per_s + self.to_rate_per_s) / 2 * self.seconds

    def moment_of(self, number: float) -> float:
        """When so many have arrived, as expected; seconds from the stage's start."""
        growth = (self.to_rate_per_s - self.rate_per_s) / self.seconds
        if growth == 0:
            return number / self.rate_per_s
        root = math.sqrt(max(0.0, self.rate_per_s**2 + 2 * growth * number))
        return (root - self.rate_per_s) / growth


def moments(stages: Sequence[LoadStage], *, even: bool, seed: int) -> list[float]:
    """The moments of arrival over all stages.

    Arrivals at unit rate are stretched by the inverse of the expected number (the time-rescaling of an inhomogeneous
    Poisson process: Cinlar, Introduction to Stochastic Processes, 1975, section 4.7).

    Args:
        stages: one after the other.
        even: evenly spaced at a constant rate; otherwise a Poisson process.
        seed: of the Poisson process.
    """
    found = []
    units = _units(seed, even=even)
    unit, began, arrived = next(units), 0.0, 0.0
    for stage in stages:
        while unit < arrived + stage.arrivals:
            found.append(began + stage.moment_of(unit - arrived))
            unit = next(units)
        began, arrived = began + stage.seconds, arrived + stage.arrivals
    return found


def _units(seed: int, *, even: bool) -> Iterator[float]:
    """Arrivals at rate one."""
    if even:
        yield from (number + 0.5 for number in count())
    numbers, at = random.Random(seed), 0.0  # noqa: S311 (a schedule, not a secret)
    while True:
        at += numbers.expovariate(1.0)
        yield at


@dataclass(frozen=True)
class Traced:
    """A request of a trace."""

    at_s: float
    prompt_tokens: int | None
    max_tokens: int | None


def read_trace(file: Path, speed: float = 1.0) -> list[Traced]:
    """The requests of a recorded trace, in order, from its first on.

    Two forms are read: JSON lines with ``timestamp`` (milliseconds), ``input_length`` and ``output_length`` (those of
    Mooncake, https://github.com/kvcache-ai/Mooncake), and CSV with ``TIMESTAMP``, ``ContextTokens`` and
    ``GeneratedTokens`` (the Azure LLM inference traces, https://github.com/Azure/AzurePublicDataset). Lengths may be
    absent.

    Args:
        file: ``.csv``, else JSON lines.
        speed: how many times as fast it is played.

    Raises:
        GonogoError: it cannot be read, or holds no request.
    """
    try:
        with file.open(encoding="utf-8", newline="") as text:
            read = _of_csv(text) if file.suffix == ".csv" else _of_lines(text)
            found = sorted(read, key=lambda item: item.at_s)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GonogoError(f"the trace {file} cannot be read: {error!r}") from error
    if not found:
        raise GonogoError(f"the trace {file} holds no request")
    first = found[0].at_s
    return [Traced((item.at_s - first) / speed, item.prompt_tokens, item.max_tokens) for item in found]


def _of_lines(text: Iterator[str]) -> Iterator[Traced]:
    for line in filter(str.strip, text):
        item = json.loads(line)
        yield Traced(float(item["timestamp"]) / 1000, item.get("input_length"), item.get("output_length"))


def _of_csv(text: Iterator[str]) -> Iterator[Traced]:
    for row in csv.DictReader(text):
        at_s = datetime.fromisoformat(row["TIMESTAMP"]).timestamp()
        yield Traced(at_s, _whole(row.get("ContextTokens")), _whole(row.get("GeneratedTokens")))


def _whole(text: str | None) -> int | None:
    return int(text) if text else None
