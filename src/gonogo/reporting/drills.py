"""drills.html: what each drill did, as a picture of its timeline, with its recovery time and its losses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.reporting.pages import page

WIDTH, HEIGHT, MARGIN = 900.0, 180.0, 56.0
_LEAST_MS = 50.0


class DrillsWriter:
    """Writes drills.html, where the run performed drills."""

    file_name = "drills.html"

    def render(self, verdict: dict[str, Any]) -> str | None:
        """The page; None where no drill was performed."""
        drills = drills_of(verdict)
        if drills is None:
            return None
        return page("drills.html.jinja", v=verdict, drills=drills)


def drills_of(verdict: Mapping[str, Any]) -> "Drills | None":
    """The drills that a run performed; None where there was none."""
    seen = {found["subject"]: found for _, found in _performed(verdict)}
    if not seen:
        return None
    checks: dict[str, list[dict[str, Any]]] = {}
    for check, found in _performed(verdict):
        checks.setdefault(found["subject"], []).append(check)
    return Drills(seen, checks, {name: picture_of(found) for name, found in seen.items()})


def _performed(verdict: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every check that asked a drill, and what the drill found; dry runs found nothing."""
    for check in verdict["checks"]:
        for seen in check["evidence"]:
            if seen["probe"] == "drill" and "timeline" in seen["answer"]:
                yield check, seen


@dataclass(frozen=True)
class Picture:
    """Where everything stands in the picture, in its own units."""

    dots: list[tuple[float, float, bool]]
    """Every request: across, down, answered well."""
    marks: list[tuple[float, str, str]]
    """Every step and trigger: across, kind, what."""
    seconds: float
    """How long the whole is."""
    most_ms: float
    """The latency at the upper edge."""
    ticks: list[tuple[float, float]]
    """Across, and the seconds there."""


@dataclass(frozen=True)
class Drills:
    """What a page tells of drills, each by its name."""

    seen: Mapping[str, Mapping[str, Any]]
    checks: Mapping[str, Sequence[Mapping[str, Any]]]
    pictures: Mapping[str, Picture]
    width: float = WIDTH
    height: float = HEIGHT
    margin: float = MARGIN


def picture_of(seen: Mapping[str, Any]) -> Picture:
    """The picture of a drill: latencies over time, failed requests at the upper edge, steps and triggers as lines."""
    samples: list[list[Any]] = seen["request"].get("samples") or []
    events = [event for event in seen["answer"]["timeline"] if event["kind"] in ("step", "trigger")]
    times = [sample[0] + sample[1] / 1000 for sample in samples] + [event["at_s"] for event in events]
    seconds = max([1.0, *times])
    most_ms = max([_LEAST_MS, *(sample[1] for sample in samples if sample[2])])

    def across(at_s: float) -> float:
        return float(round(MARGIN + (WIDTH - 2 * MARGIN) * at_s / seconds, 1))

    def down(latency_ms: float) -> float:
        return float(round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * latency_ms / most_ms, 1))

    step_s = next(step for step in (1, 2, 5, 10, 20, 60, 120, 300, 600, 3600, 86_400) if seconds / step <= 12)
    return Picture(
        dots=[(across(at), down(ms) if good else MARGIN - 10, good) for at, ms, good in samples],
        marks=[(across(event["at_s"]), event["kind"], event["what"]) for event in events],
        seconds=seconds,
        most_ms=most_ms,
        ticks=[(across(i * step_s), float(i * step_s)) for i in range(int(seconds / step_s) + 1)],
    )
