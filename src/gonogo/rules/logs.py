"""Lines of a log that tell of errors."""

import re
from collections.abc import Sequence

from gonogo.texts import first

MAX_SHOWN = 5


def error_lines(text: str, errors: str, allowed: Sequence[str]) -> list[str]:
    """The lines in which an error is found, without the known ones.

    Args:
        text: a log.
        errors: a regular expression that finds errors.
        allowed: regular expressions that find known ones among them.
    """
    wrong, known = re.compile(errors), [re.compile(pattern) for pattern in allowed]
    return [line for line in text.splitlines() if wrong.search(line) and not any(p.search(line) for p in known)]


def told(lines: Sequence[str]) -> list[str]:
    """The first of them, cut, and how many there are more."""
    return first([line.strip()[:200] for line in lines], MAX_SHOWN)
