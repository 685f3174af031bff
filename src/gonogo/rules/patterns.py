"""Whether one regular expression takes everything that another would: exact, by automata (the library greenery)."""

import re
from collections.abc import Sequence
from functools import lru_cache

from greenery import parse
from greenery.parse import NoMatch
from greenery.rxelems import Pattern

MAX_LENGTH = 60
MAX_CHOICES = 4
"""Longer expressions, and those with more choices (classes, groups, dots) after a repetition, are not compared: each
choice may double the states of the automaton."""


def compile_error(pattern: str) -> str:
    """Why Python's `re` cannot compile an expression; empty if it can."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error) or "too complex"
    return ""


def covered(pattern: str, others: Sequence[str]) -> bool | None:
    """Whether the others together match every text that the pattern matches; None where that cannot be told.

    Expressions match whole texts; ``^`` and ``$`` at their ends are ignored.
    """
    witness = _witness(pattern)
    if witness and not any(re.fullmatch(_bare(other), witness) for other in others if not compile_error(other)):
        return False  # one text that only this pattern matches is proof, and a thousand times cheaper than automata
    language = _language(pattern)
    rivals = [rival for other in others if (rival := _language(other)) is not None]
    if language is None:
        return None
    if not rivals:
        return False
    left = language.to_fsm()
    for rival in rivals:
        left = left.difference(rival.to_fsm())
        if left.empty():
            return True
    return False if len(rivals) == len(others) else None


def _bare(pattern: str) -> str:
    return pattern.removeprefix("^").removesuffix("$")


@lru_cache(maxsize=4096)
def _witness(pattern: str) -> str:
    """A text that the pattern matches and that little else does; empty where none is found so simply."""
    text = re.sub(r"(?<!\\)(\.|\[\^/\])[*+]", "~~", _bare(pattern))
    text = re.sub(r"\\(\W)", r"\1", text)
    return text if not compile_error(pattern) and re.fullmatch(_bare(pattern), text) else ""


@lru_cache(maxsize=1024)
def _language(pattern: str) -> Pattern | None:
    bare = _bare(pattern)
    repetition = re.search(r"[*+]|\{\d*,", bare)
    choices = len(re.findall(r"(?<!\\)[\[(.]", bare[repetition.end() :])) if repetition else 0
    if len(bare) > MAX_LENGTH or choices > MAX_CHOICES or re.search(r"\{\d*,?\d{2,}|\(\?", bare):
        return None
    try:
        return parse(bare)
    except (NoMatch, ValueError, RecursionError, IndexError):
        return None
