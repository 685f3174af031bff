"""JSON Pointer (RFC 6901)."""

from typing import Any


def pointed(value: Any, pointer: str) -> Any:  # noqa: ANN401 (any JSON)
    """What a pointer points at; None where there is nothing."""
    for raw in pointer.split("/")[1:]:
        key = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
