"""What a log of requests must tell, and must not. Pure."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gonogo.redaction import Redactor
from gonogo.rules.pointers import pointed

_CLOCKS_APART = timedelta(minutes=5)
_SHOWN_CHARACTERS = 80
_LEAST_KEY_PART = 12
"""So much of a key at its beginning or end is too much: products show four to eight characters."""
_EPOCHS = (1.0, 1e3, 1e6, 1e9)
"""Seconds, milliseconds, microseconds, nanoseconds."""
_CENTURY = (946_684_800, 4_102_444_800)
"""From 2000 to 2100, in seconds since 1970."""
_ZONES_APART = timedelta(minutes=15)


@dataclass(frozen=True)
class Asked:
    """A request whose line is looked for."""

    request_id: str
    at: datetime
    path: str
    status: int
    key: str
    """Empty: it carried none."""


def unstructured(lines: Sequence[str], redactor: Redactor) -> list[str]:
    """Lines that are no JSON objects."""
    bad = [line for line in lines if _entry(line) is None]
    if not bad:
        return []
    first = redactor.text(bad[0][: 16 * _SHOWN_CHARACTERS])[:_SHOWN_CHARACTERS]
    return [f"{len(bad)} of {len(lines)} lines are no JSON objects, for instance {first!r}"]


def lines_of(lines: Sequence[str], request_id: str, pointer: str) -> list[Mapping[str, Any]]:
    """The entries of a request."""
    entries = (_entry(line) for line in lines if request_id in line)
    return [entry for entry in entries if entry is not None and pointed(entry, pointer) == request_id]


def entry_flaws(entry: Mapping[str, Any], fields: Mapping[str, str], asked: Asked) -> list[str]:
    """What is missing or wrong in the entry of a request, field by field."""
    return [
        f"{name} ({pointer}): {flaw}"
        for name, pointer in fields.items()
        if (flaw := _field_flaw(name, pointed(entry, pointer), asked))
    ]


def _field_flaw(name: str, value: Any, asked: Asked) -> str:  # noqa: ANN401 (any JSON)
    if name == "key" and not asked.key:
        return ""
    if value is None or value == "":
        return "is not there"
    return _FLAWS[name](value, asked) if name in _FLAWS else ""


def _time_flaw(value: Any, asked: Asked) -> str:  # noqa: ANN401 (any JSON)
    moment = _moment(value)
    if moment is None:
        return f"{value!r} is no moment"
    if moment.tzinfo is None:  # a local time, of whichever zone: zones are whole quarters of an hour apart
        apart = (moment.replace(tzinfo=UTC) - asked.at) % _ZONES_APART
        apart = min(apart, _ZONES_APART - apart)
    else:
        apart = abs(moment - asked.at)
    return f"{value!r} is {apart} away from the request" if apart > _CLOCKS_APART else ""


def _status_flaw(value: Any, asked: Asked) -> str:  # noqa: ANN401 (any JSON)
    return "" if str(value) == str(asked.status) else f"{value!r}, the request was answered with {asked.status}"


def _latency_flaw(value: Any, _: Asked) -> str:  # noqa: ANN401 (any JSON)
    number = _number(value)
    return "" if number is not None and number >= 0 else f"{value!r} is no duration"


def _endpoint_flaw(value: Any, asked: Asked) -> str:  # noqa: ANN401 (any JSON)
    return "" if asked.path in str(value) else f"{value!r} is not {asked.path}"


def _key_flaw(value: Any, asked: Asked) -> str:  # noqa: ANN401 (any JSON)
    return "the key itself stands there" if _tells(str(value), asked.key) else ""


_FLAWS: Mapping[str, Callable[[Any, Asked], str]] = {
    "time": _time_flaw,
    "status": _status_flaw,
    "latency": _latency_flaw,
    "endpoint": _endpoint_flaw,
    "key": _key_flaw,
}


def _tells(text: str, key: str) -> bool:
    parts = (key[:_LEAST_KEY_PART], key[-_LEAST_KEY_PART:])
    return len(key) >= _LEAST_KEY_PART and any(part in text for part in parts)


def _entry(line: str) -> Mapping[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _number(value: Any) -> float | None:  # noqa: ANN401 (any JSON)
    """A finite number, also as a text: nginx writes all of its variables as texts."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _moment(value: Any) -> datetime | None:  # noqa: ANN401 (any JSON)
    """ISO 8601, the form of the common log, or a number since 1970 in whichever unit makes it one of this century."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
        with suppress(ValueError):
            return datetime.strptime(value, "%d/%b/%Y:%H:%M:%S %z")
    number = _number(value)
    if number is None:
        return None
    in_seconds = (number / unit for unit in _EPOCHS)
    return next((datetime.fromtimestamp(n, UTC) for n in in_seconds if _CENTURY[0] <= n < _CENTURY[1]), None)
