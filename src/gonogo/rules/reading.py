"""Reading what a server sent, whatever it is: nothing here raises anything but `ValueError`."""

import json
import math
from collections.abc import Mapping
from typing import Any

from gonogo.documents import refuse_constant


def json_value(text: str) -> Any:  # noqa: ANN401 (any JSON)
    """The JSON value that a whole text is.

    Raises:
        ValueError: it is none, or nested too deeply to be read.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


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
