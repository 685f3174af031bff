"""Changes of JSON objects and their undoing by merge patches (RFC 7396): what others changed since stays."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

Json = Any


def undoing(before: Json, after: Json, now: Json) -> Json:
    """The merge patch that takes back what led from one object to the next; what others added since stays.

    Args:
        before: the object before the change.
        after: what the change made of it.
        now: what it is.
    """
    undo: dict[str, Json] = {}
    for key in _differing(before, after):
        old, ours, found = before.get(key), after.get(key), now.get(key)
        if not (isinstance(ours, dict) and isinstance(found, dict) and isinstance(old, dict | None)):
            undo[key] = old
        elif old is None and set(found) <= set(ours):
            undo[key] = None
        else:
            undo[key] = undoing(old or {}, ours, found)
    return undo


def changed_meanwhile(before: Json, after: Json, now: Json) -> list[str]:
    """The places of a change that are now neither as before it nor as after it: somebody else has changed them."""
    return [place for place, old, ours, found in _leaves(before, after, now) if found not in (old, ours)]


def left_over(before: Json, after: Json, now: Json) -> list[str]:
    """The places of a change that are still as after it."""
    return [place for place, _, ours, found in _leaves(before, after, now) if found == ours]


def _leaves(before: Json, after: Json, now: Json, path: str = "") -> Iterator[tuple[str, Json, Json, Json]]:
    """Each place where two objects differ, and what lies there in both and in a third."""
    for key in _differing(before, after):
        old, ours, found, place = before.get(key), after.get(key), now.get(key), f"{path}.{key}".lstrip(".")
        if isinstance(ours, dict) and isinstance(found, dict) and isinstance(old, dict | None):
            yield from _leaves(old or {}, ours, found, place)
        else:
            yield place, old, ours, found


def _differing(before: Json, after: Json) -> list[str]:
    return [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]


def digest_of(value: Json) -> str:
    """The SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def differences(now: Json, before: Json, path: str = "") -> list[str]:
    """Where one JSON value differs from another, for people."""
    if isinstance(now, dict) and isinstance(before, dict):
        keys = sorted({*now, *before})
        return [
            told for key in keys for told in differences(now.get(key), before.get(key), f"{path}.{key}".lstrip("."))
        ]
    return [] if now == before else [f"{path}: {before!r} before, {now!r} now"]
