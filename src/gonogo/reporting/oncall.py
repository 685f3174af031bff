"""oncall.md (row P2), for whoever is on call: is it up, how fast, how often wrong, how good, is there a way back?"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.reporting.markdown import cell, table
from gonogo.texts import first

STAGE = "oncall"
_AREAS = (
    ("way back", ("cluster.rollback.",)),
    ("latency", ()),
    ("errors", ("contract.completion.", "contract.stream.", "contract.errors.", "routing.fallback.", "routing.cache.")),
    ("quality", ("output.",)),
    ("approval queue", ("agent.queue.", "agent.policy.", "agent.access.")),
    ("audit", ("agent.audit.",)),
    ("watching", ("monitoring.",)),
    ("status", ("",)),
)
"""Which checks speak of what; the first that fits. Figures of Prometheus go by their names, see `_area_of`."""
_WAYS_BACK = ("rollbacks/", "config_rollback/", "restores/")
"""Drills that show that there is one; that what is killed comes back says nothing of it."""
ORDER = ("status", "latency", "errors", "quality", "approval queue", "audit", "way back", "watching")
_WORST_FIRST = ("fail", "inconclusive", "warn", "pass", "skip")
"""Unlike `gonogo.model.WORST_FIRST`: an area is well where one look shows it, whatever was left out."""
_NO_BAND = "no band"
_MOST_WRONG = 3
_ASKING = ("/chat/completions", "/api/chat", "/api/generate", "/message")

_Check = Mapping[str, Any]


@dataclass(frozen=True)
class Area:
    """One line of the page."""

    name: str
    state: str
    """The worst outcome of its checks; ``skip`` where none could look, ``no band`` where there are figures only."""
    figures: str
    wrong: tuple[str, ...]


class OncallWriter:
    """Writes oncall.md, where the stage is the summary for whoever is on call."""

    file_name = "oncall.md"

    def render(self, verdict: dict[str, Any]) -> str | None:
        """The page; None for any other stage."""
        if verdict["stage"] != STAGE:
            return None
        binding, asked = verdict["binding"], verdict["budget"].get("requests", 0)
        when = verdict["finished"][:16].replace("T", " ")
        areas = areas_of(verdict["checks"])
        lines = [
            f"# {cell(binding['target_name'])} ({binding['environment']}): {verdict['decision']}",
            "",
            f"{when} UTC, run `{verdict['run_id']}`, {len(verdict['checks'])} checks, {asked} requests.",
            "",
            *table(
                ("", "state", "figures", "what is wrong"),
                [(area.name, _told(area.state), area.figures, "; ".join(area.wrong)) for area in areas],
            ),
            *(f"* escalate {cell(name)} to: {cell(whom)}" for name, whom in verdict["escalation"].items()),
        ]
        return "\n".join(lines).rstrip() + "\n"


def areas_of(checks: Sequence[_Check]) -> list[Area]:
    """The lines of the page, in their order."""
    by_area: dict[str, list[_Check]] = {name: [] for name in ORDER}
    for check in checks:
        by_area[_area_of(check)].append(check)
    figures = {
        "latency": _latency(checks),
        "errors": _errors(checks),
        "quality": _quality(checks),
        "approval queue": _numbers(checks, "queue"),
        "audit": _numbers(checks, "audit"),
    }
    return [_area(name, found, figures.get(name, "")) for name, found in by_area.items()]


def lines_of(checks: Sequence[_Check]) -> list[str]:
    """The same for a terminal."""
    lines = []
    for area in areas_of(checks):
        wrong = f"  {'; '.join(area.wrong)}" if area.wrong else ""
        lines.append(f"{area.name:<16}{_told(area.state):<14}{area.figures}{wrong}"[:220].rstrip())
    return lines


def _told(state: str) -> str:
    return "not verified" if state == "skip" else state


def _area_of(check: _Check) -> str:
    if check["id"] == "monitoring.objectives.hold":
        name = check["instance"].lower()
        return next((area for area in ("latency", "errors") if area.removesuffix("s") in name), "watching")
    if check["id"] == "drills.history.due":
        return "way back" if check["instance"].startswith(_WAYS_BACK) else "status"
    return next(area for area, prefixes in _AREAS if check["id"].startswith(prefixes))


def _area(name: str, checks: Sequence[_Check], figures: str) -> Area:
    state = min((check["outcome"] for check in checks), key=_WORST_FIRST.index, default="skip")
    if state == "skip" and figures:
        state = _NO_BAND
    telling = {"skip"} if state in {"skip", _NO_BAND} else {"fail", "inconclusive", "warn"}
    bad = sorted((c for c in checks if c["outcome"] in telling), key=lambda c: _WORST_FIRST.index(c["outcome"]))
    wrong = [f"{c['name']}: {c['reason'].splitlines()[0] if c['reason'] else c['title']}"[:160] for c in bad]
    return Area(name, state, figures, tuple(first(wrong, _MOST_WRONG)))


def _exchanges(checks: Iterable[_Check]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Every HTTP exchange of the run, and at whom."""
    for check in checks:
        for seen in check["evidence"]:
            if seen["probe"] == "http":
                yield check["instance"].partition("/")[0] or check["suite"], seen


def _latency(checks: Sequence[_Check]) -> str:
    """The median of the run's own completions, at each endpoint."""
    taken: dict[str, list[float]] = {}
    for where, seen in _exchanges(checks):
        if (
            seen["subject"].startswith("POST ")
            and seen["subject"].endswith(_ASKING)
            and seen["answer"]["status"] == 200
        ):
            taken.setdefault(where, []).append(seen["duration_ms"])
    return ", ".join(f"{where} {statistics.median(found):.0f} ms" for where, found in taken.items())


def _errors(checks: Sequence[_Check]) -> str:
    statuses = [seen["answer"]["status"] for _, seen in _exchanges(checks)]
    broken, failed = statuses.count(0), sum(status >= 500 for status in statuses)
    return f"{len(statuses)} requests: {failed} answered with 5xx, {broken} not at all" if statuses else ""


def _quality(checks: Sequence[_Check]) -> str:
    for check in checks:
        for seen in check["evidence"]:
            if seen["probe"] == "chatbot" and "fallbacks" in seen["answer"]:
                told = seen["answer"]
                return f"{seen['subject']}: {told['fallbacks']} fell back, mean confidence {told['mean_confidence']}"
    return ""


def _numbers(checks: Sequence[_Check], subject: str) -> str:
    """What the agent's probes have noted of their subject."""
    for check in checks:
        for seen in check["evidence"]:
            if (seen["probe"], seen["subject"]) == ("agent", subject):
                return ", ".join(f"{name} {value}" for name, value in seen["answer"].items())
    return ""
