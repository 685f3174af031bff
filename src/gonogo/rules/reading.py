"""Reading what a server sent, whatever it is: nothing here raises anything but `ValueError`."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from gonogo.documents import refuse_constant

DEEPEST = 200
"""Levels of nesting that are read (RFC 8259, section 9, allows a limit): whoever walks through them recurses."""
_Pairs = Callable[[list[tuple[str, Any]]], dict[str, Any]]


def json_value(text: str | bytes, pairs: _Pairs | None = None) -> Any:  # noqa: ANN401 (any JSON)
    """The JSON value that a whole text is, as other languages read it: Python alone takes NaN, Infinity and 1e400.

    Args:
        text: bytes are UTF-8, 16 or 32.
        pairs: makes an object of its keys and values.

    Raises:
        ValueError: it is none, or nested too deeply to be read.
    """
    try:
        value = json.loads(text, parse_constant=refuse_constant, parse_float=_finite, object_pairs_hook=pairs)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if _is_deep(value):
        raise ValueError(f"nested more than {DEEPEST} levels deep")
    return value


def _finite(text: str) -> float:
    if math.isinf(found := float(text)):
        raise ValueError(f"{text} is too large for a number")
    return found


def _is_deep(value: object) -> bool:
    """Whether a value has more than `DEEPEST` levels; level by level, without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object as it is; empty if it is none, so that odd answers can be read on."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a JSON list; empty if it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A finite number; None if it is none (a boolean is none, and neither is a whole number of a thousand digits)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if math.isfinite(as_float) else None


def texts_within(value: object) -> list[str]:
    """Every text of a JSON value, at whatever depth; the names of an object's members are none."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in texts_within(item)]
