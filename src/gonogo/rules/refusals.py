"""Is an error answered as a client can rely on: right status, the dialect's form, quick, and telling nothing inward?"""

import re
from dataclasses import dataclass
from typing import Any

from gonogo.documents import violations
from gonogo.redaction import KEY_SHAPES
from gonogo.rules.hostile import Hostile
from gonogo.rules.reading import json_value

QUICK_MS = 5000.0
"""A refusal generates nothing: what takes longer would let a few bad requests block a server."""
MAX_BODY_CHARACTERS = 20_000
"""More than that echoes the request, or pages of internals."""
_INTERNALS = re.compile(
    r"Traceback \(most recent call last\)"  # Python
    r"|File \"[^\"]+\.py\", line \d+"
    r"|\bat [\w.$<>]+\([\w]+\.(?:java|kt):\d+\)"  # JVM
    r"|\bgoroutine \d+ \[|\bpanic: "  # Go
    r"|\bat .+ \(?/.+\.[cm]?[jt]s:\d+:\d+\)?"  # Node.js
    r"|thread '[^']+' panicked at"  # Rust
    r"|root:x:0:0:"
)


@dataclass(frozen=True)
class Refusal:
    """An answer to a request that should have been refused."""

    status: int
    text: str
    duration_ms: float


def refusal_flaws(hostile: Hostile, answer: Refusal, schema: dict[str, Any]) -> list[str]:
    """What is wrong with the answer, each flaw with the request's name before it.

    Args:
        hostile: the request.
        answer: what came back.
        schema: of the dialect's error body.
    """
    flaws = []
    if answer.status not in hostile.statuses:
        wanted = " or ".join(map(str, sorted(hostile.statuses)))
        flaws.append(f"HTTP {answer.status}, wanted {wanted}")
    if answer.status >= 400 and not hostile.may_stop_before:
        flaws += form_flaws(answer.text, schema)
    if answer.duration_ms > QUICK_MS and answer.status != 200:
        flaws.append(f"refused after {answer.duration_ms / 1000:.1f} s")
    return [f"{hostile.name}: {flaw}" for flaw in [*flaws, *leaks(answer.text)]]


def form_flaws(text: str, schema: dict[str, Any]) -> list[str]:
    """What an error body breaks of the dialect's form."""
    if len(text) > MAX_BODY_CHARACTERS:
        return [f"the error body has {len(text)} characters"]
    try:
        body = json_value(text)
    except ValueError:
        return [f"the error body is not JSON: {text[:60]!r}"]
    return [f"error body {violation}" for violation in violations(body, schema)[:2]]


def leaks(text: str) -> list[str]:
    """What an answer tells that is nobody's business: stack traces and keys."""
    flaws = [f"a stack trace: {found.group()!r}" for found in [_INTERNALS.search(text)] if found]
    return flaws + (["a key in the body"] if KEY_SHAPES.search(text) else [])
