"""The steps that a target file's own drills take, like those of a fault."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gonogo.documents import Path_
from gonogo.targets.target_file import TargetFile

MEANS = frozenset({
    "command", "commit", "container", "control", "file", "freeze", "object", "redis_config", "redis_flush",
    "redis_full", "redis_pause", "restart", "scale", "stop", "toxic",
})  # fmt: skip
"""The keys of which a step has one: by which means it is done (`gonogo.faults.injection`)."""


def check_steps(file: TargetFile) -> None:
    """Tell the file of steps that are done by no means, or are about a part that is not declared."""
    raw = file.value
    parts = [name for name in ("gateway", "chatbot", "agent") if name in raw]
    parts += [item["name"] for section in ("providers", "services") for item in raw.get(section, ())]
    for path, step in _steps(raw):
        if len(MEANS & step.keys()) != 1:
            file.problem(path, f"must name one means, and only one: {', '.join(sorted(MEANS))}")
        elif "control" in step:
            file.expect_known("part of the target", step["control"], parts, (*path, "control"))


def _steps(raw: Mapping[str, Any]) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    alarms = raw.get("monitoring", {}).get("alertmanager", {}).get("drills", ())
    playbooks = raw.get("drills", {}).get("playbooks", ())
    yield from _each(alarms, "provoke", ("monitoring", "alertmanager", "drills"))
    yield from _each(playbooks, "symptom", ("drills", "playbooks"))


def _each(drills: Sequence[Mapping[str, Any]], key: str, path: Path_) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    for i, drill in enumerate(drills):
        yield from (((*path, i, key, j), step) for j, step in enumerate(drill.get(key, ())))
