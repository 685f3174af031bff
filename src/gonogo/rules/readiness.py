"""Does readiness tell the truth while a server starts? Looks in, flaws out."""

from collections.abc import Sequence
from dataclasses import dataclass

LAG_S = 10.0
"""How long completions may work before readiness says so: the usual period of a readiness probe."""


@dataclass(frozen=True)
class Glimpse:
    """One look at a starting server."""

    at_s: float
    ready: bool
    completes: bool


def readiness_flaws(glimpses: Sequence[Glimpse]) -> list[str]:
    """What readiness said wrongly, in either direction, in looks from the start on."""
    flaws = [
        f"ready {glimpse.at_s:.1f} s after the start, while completions still failed"
        for glimpse in glimpses
        if glimpse.ready and not glimpse.completes
    ]
    last = glimpses[-1]
    if not last.completes:
        return [*flaws, f"no completion worked within {last.at_s:.0f} s after the start"]
    first_s = next(glimpse.at_s for glimpse in glimpses if glimpse.completes)
    if not last.ready and last.at_s - first_s > LAG_S:
        flaws.append(f"completions worked {last.at_s - first_s:.0f} s before it said that it is ready")
    return flaws
