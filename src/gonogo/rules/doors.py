"""Which paths must be closed to whom, and whether an answer is that of a closed door. Pure."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_REFUSED = frozenset({401, 403})
_NOT_THERE = frozenset({404, 405, 410, 501})
_READING = frozenset({"get", "head"})
_MOST_DOCUMENTED = 500
_SAYS_NOTHING = frozenset({429, 502, 503, 504})
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Door:
    """A path that nobody may use without the right key."""

    path: str
    method: str = "GET"
    body: bytes | None = None
    """One that must be refused even with the right key, so that nothing can be changed by it."""
    is_closed: bool = False
    """For administrators, or for nobody: an ordinary key must be refused as well."""
    acts: bool = False
    """Asked with a valid key it has an effect, or costs much."""
    is_own: bool = True
    """The product is known to have it; otherwise nothing may."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def doors_of(inventory: Mapping[str, Any], kind: str, public: Collection[str]) -> list[Door]:
    """The doors of a product's kind, and those that nothing may have (``fixtures/inventory.yaml``)."""
    return [
        door
        for section, is_own in ((inventory.get(kind) or {}, True), (inventory["any"], False))
        for name in ("guarded", "closed")
        for door in (_door(raw, is_closed=name == "closed", is_own=is_own) for raw in section.get(name, ()))
        if not is_public(door.path, public)
    ]


def public_of(inventory: Mapping[str, Any], kind: str) -> list[str]:
    """The paths of a product's kind that are meant for everybody; a star at the end stands for the rest."""
    return [path for section in (inventory.get(kind) or {}, inventory["any"]) for path in section.get("public", ())]


def is_public(path: str, patterns: Collection[str]) -> bool:
    """Whether a path is one of those that are meant for everybody."""
    return any(path.startswith(p[:-1]) if p.endswith("*") else path == p for p in patterns)


def _door(raw: Mapping[str, Any], *, is_closed: bool, is_own: bool) -> Door:
    body = json.dumps(raw["body"]).encode() if "body" in raw else None
    method = raw.get("method", "GET" if body is None else "POST")
    return Door(raw["path"], method, body, is_closed, acts=raw.get("acts", False), is_own=is_own)


def documented_doors(document: Mapping[str, Any], public: Collection[str]) -> list[Door]:
    """Paths of an OpenAPI document that only read: to ask the others may change something.

    A parameter in a path is filled with a name that does not exist. Operations that say themselves that they need no
    key (``security: []``) are public.
    """
    return list(_documented(document, public))[:_MOST_DOCUMENTED]


def _documented(document: Mapping[str, Any], public: Collection[str]) -> Iterator[Door]:
    for path, operations in sorted((document.get("paths") or {}).items()):
        for method in sorted(
            _READING & operations.keys()
        ):  # the others are methods that write, or say something of the path
            operation = operations[method]
            if not (is_public(path, public) or operation.get("security") == []):
                yield Door("/".join("gonogo" if "{" in part else part for part in path.split("/")), method.upper())


def open_flaw(door: Door, status: int, body: str, caller: str, *, strict: bool) -> str:
    """What is wrong with an answer to a caller who may not come in, or nothing.

    With `strict` the door is one that the product is known to have, or must never have: what is not there is closed as
    well. Otherwise a page that answers without a key is only wrong where it answers with success.
    """
    if status in _REFUSED | _NOT_THERE:
        return ""
    if not strict and status >= 400:
        return ""
    told = " ".join(body.split())[:_SHOWN_CHARACTERS]
    return f"{door}: HTTP {status} with {caller}" + (f": {told}" if told else "")


def says_nothing(status: int) -> bool:
    """Whether a status tells nothing of the key: too many requests, or nobody behind the proxy."""
    return status in _SAYS_NOTHING


def moved(answers: Sequence[tuple[Door, int]]) -> bool:
    """Whether nothing answered as a door of the product that is there: the address is that of something else."""
    own = [status for door, status in answers if door.is_own and not door.is_closed]
    return bool(own) and all(status in _NOT_THERE for status in own)
