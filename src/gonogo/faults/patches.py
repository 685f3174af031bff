"""Merge patches (RFC 7396) and their undoing: what a patch touches comes back, what others changed since stays."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

Json = Any


def touched(patch: Json, *objects: Json) -> Iterator[tuple[str, tuple[Json, ...]]]:
    """Each place that a patch sets or takes away, and what lies there in some objects (None: nothing).

    Args:
        patch: a merge patch.
        objects: the object that it is for, at different times.
    """
    for key, value in patch.items():
        inner = tuple(item.get(key) if isinstance(item, dict) else None for item in objects)
        if isinstance(value, dict) and any(isinstance(item, dict) for item in inner):
            yield from ((f"{key}.{place}", found) for place, found in touched(value, *inner))
        else:
            yield key, inner


def undoing(patch: Json, before: Json) -> Json:
    """The merge patch that puts back what a patch touches.

    Args:
        patch: a merge patch.
        before: the object before it.
    """
    undo = {}
    for key, value in patch.items():
        old = before.get(key) if isinstance(before, dict) else None
        undo[key] = undoing(value, old) if isinstance(value, dict) and isinstance(old, dict) else old
    return undo


def changed_meanwhile(patch: Json, before: Json, after: Json, now: Json) -> list[str]:
    """The places of a patch that are now neither as before it nor as after it: somebody else has changed them."""
    return [place for place, (old, ours, found) in touched(patch, before, after, now) if found not in (old, ours)]


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
