"""Answers of Ollama's native API: plain JSON in, flaws out."""

from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.documents import violations
from gonogo.rules.reading import number

NS_A_MS = 1_000_000
SLACK_MS = 50.0
"""A server's own clock readings are not taken at one moment."""


def duration_flaws(last: Mapping[str, Any], measured_ms: float) -> list[str]:
    """What is wrong with an answer's durations (nanoseconds): parts above the total, or more than passed here."""
    total_ms = _ms(last, "total_duration")
    parts_ms = sum(_ms(last, name) for name in ("load_duration", "prompt_eval_duration", "eval_duration"))
    flaws = []
    if parts_ms > total_ms + SLACK_MS:
        flaws.append(f"the parts take {parts_ms:.1f} ms, the total_duration is {total_ms:.1f} ms")
    if total_ms > measured_ms + SLACK_MS:
        flaws.append(f"total_duration is {total_ms:.1f} ms, but the answer took {measured_ms:.1f} ms")
    return flaws if total_ms > 0 else [*flaws, "total_duration is 0"]


def _ms(last: Mapping[str, Any], name: str) -> float:
    return (number(last.get(name)) or 0.0) / NS_A_MS


def stream_flaws(
    content_type: str, lines: Sequence[Mapping[str, Any]], between: dict[str, Any], last: dict[str, Any]
) -> list[str]:
    """What is wrong with a stream's form: media type, each line's schema, `done` in the last line only.

    Args:
        content_type: the answer's.
        lines: its JSON objects.
        between: the schema of a line before the last.
        last: the schema of the last line.
    """
    flaws = [] if content_type.startswith("application/x-ndjson") else [f"the content type is {content_type!r}"]
    if len(lines) < 2:
        flaws.append(f"{len(lines)} lines came: nothing was streamed")
    for i, line in enumerate(lines):
        schema = last if i == len(lines) - 1 else between
        flaws += [f"line {i}: {violation}" for violation in violations(line, schema)]
    return flaws
