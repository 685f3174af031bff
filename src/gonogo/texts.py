"""Lists for people, who read the first few."""

from collections.abc import Sequence


def first(lines: Sequence[str], most: int) -> list[str]:
    """The first so many lines, and how many there are more."""
    rest = len(lines) - most
    return [*lines[:most], *([f"... and {rest} more"] if rest > 0 else [])]
