"""One attempt: what was sent, and what came of it when."""

import math
import time
from dataclasses import dataclass, field
from itertools import pairwise


def clock_offset_ms() -> float:
    """What the machine's clock shows, less the generator's own; it changes only when somebody sets the clock.

    Of several looks the one that was not interrupted counts.
    """
    looks = []
    for _ in range(3):
        before, shown, after = time.monotonic(), time.time(), time.monotonic()
        looks.append((after - before, (shown - before) * 1000))
    return min(looks)[1]


def now_ms() -> float:
    """The generator's clock."""
    return time.monotonic() * 1000


UNRESOLVED, NO_SOCKET, GENERATOR_ERROR = "name resolution", "no socket", "generator error"
OWN_FAILURES = (UNRESOLVED, NO_SOCKET, GENERATOR_ERROR)
"""These say nothing about the deployment: they make the run invalid."""


@dataclass(slots=True)
class Attempt:
    """One scheduled request. Moments are milliseconds on the generator's monotonic clock."""

    intended_ms: float
    position: int = 0
    """Of its conversation in the run (`gonogo.loadtest.profile.Planned`)."""
    streamed: bool = True
    """Asked for as a stream: otherwise nobody knows when the first token came."""
    sent_ms: float = 0.0
    content_ms: list[float] = field(default_factory=list)
    """When each content-bearing delta arrived."""
    text: str = ""
    prompt_tokens: int | None = None
    """As the gateway told in its ``usage``, where it did."""
    completion_tokens: int | None = None
    end_ms: float = 0.0
    status: int = 0
    failure: str = ""
    """The type of failure, empty for a good answer."""
    detail: str = ""

    @property
    def chunks(self) -> int:
        """How many content-bearing deltas there were."""
        return len(self.content_ms)

    @property
    def gaps_ms(self) -> list[float]:
        """The pauses between one content-bearing delta and the next, every single one."""
        return [after - before for before, after in pairwise(self.content_ms)]

    @property
    def latency_ms(self) -> float:
        """From the intended moment to the last byte: a late send counts against the deployment's queue."""
        return self.end_ms - self.intended_ms

    @property
    def ttft_ms(self) -> float:
        """From the intended moment to the first content-bearing delta (to the end where none came).

        NaN where the answer was not asked for as a stream.
        """
        if not self.streamed:
            return math.nan
        return (self.content_ms[0] if self.content_ms else self.end_ms) - self.intended_ms

    @property
    def tokens(self) -> int:
        """How many tokens the answer has: as the gateway told, else one for each content-bearing delta."""
        return self.chunks if self.completion_tokens is None else self.completion_tokens

    @property
    def tokens_per_s(self) -> float:
        """How fast the stream went on after its first delta; NaN where it had no second one at a later moment."""
        took_ms = self.content_ms[-1] - self.content_ms[0] if self.chunks > 1 else 0.0
        # a delta may be several tokens
        return self.tokens * (1 - 1 / self.chunks) / took_ms * 1000 if took_ms else math.nan

    def fail(self, failure: str, detail: str) -> None:
        """Say what went wrong: the type, and what was seen of it."""
        self.failure, self.detail = failure, detail
