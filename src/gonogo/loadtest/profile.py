"""Load profiles: how many requests arrive when, and what they ask. Plain data, shared with the generator."""

import random
from dataclasses import dataclass
from pathlib import Path

from gonogo import resources
from gonogo.documents import DocumentError, load_document, validate


@dataclass(frozen=True)
class Profile:
    """An open-model load profile: arrivals do not wait for answers."""

    name: str
    arrivals: str
    """``poisson`` or ``constant``."""
    rate_per_s: float
    seconds: float
    warm_up_s: float
    """The first part of `seconds`, whose attempts are not judged."""
    seed: int
    streamed_share: float
    max_tokens: int
    timeout_s: float
    prompts: tuple[str, ...]

    def schedule(self) -> list[float]:
        """The intended moments in seconds from the start: the same for the same seed, whatever happens."""
        numbers = random.Random(self.seed)  # noqa: S311 (a schedule, not a secret)
        moments: list[float] = []
        at = 0.0
        while True:
            at += numbers.expovariate(self.rate_per_s) if self.arrivals == "poisson" else 1 / self.rate_per_s
            if at >= self.seconds:
                return moments
            moments.append(at)


def load_profile(file: Path) -> Profile:
    """Read a profile.

    Raises:
        DocumentError: it is not a valid profile.
    """
    document = load_document(file)
    problems = validate(document, resources.schema("profile"))
    if problems:
        raise DocumentError(problems)
    raw = document.value
    if raw["warm_up_s"] >= raw["seconds"]:
        raise DocumentError([document.problem(("warm_up_s",), "the warm-up is as long as the whole run")])
    return Profile(name=file.stem, **{**raw, "prompts": tuple(raw["prompts"])})
