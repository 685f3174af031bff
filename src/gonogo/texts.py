"""Texts: lists for people, who read the first few; and those within a value of JSON."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def first(lines: Sequence[str], most: int) -> list[str]:
    """The first so many lines, and how many there are more."""
    rest = len(lines) - most
    return [*lines[:most], *([f"... and {rest} more"] if rest > 0 else [])]


def with_texts(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 (any JSON)
    """The same JSON value with every text in it changed; the keys of objects stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: with_texts(item, change) for key, item in value.items()}
    return [with_texts(item, change) for item in value] if isinstance(value, list) else value
