"""The runs before this one on the same target: a line of JSON each, beside the runs' folders."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gonogo.writing import add_line, copy_whole, read_lines

FILE = "history.jsonl"
_SHOWN = 10
_BAD = ("fail", "inconclusive")
_FIGURES = ("latency_ms", "ttft_ms")
_KEPT = ("verdict.json", "load-record.json", "answers.jsonl")
"""What of a run makes a baseline."""


class RunHistory:
    """Which runs there were. Several runs may add to it at once: a line is one write."""

    def __init__(self, runs: Path) -> None:
        """`runs` is the folder with a folder for each run."""
        self._runs, self._file = runs, runs / FILE

    def before(self, verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The latest runs of the same stage on the same target, the newest first."""
        told = (verdict["binding"]["target_name"], verdict["stage"], verdict["demo"])
        found = [run for run in self._lines() if (run["target"], run["stage"], run["demo"]) == told]
        return [run for run in reversed(found) if run["run_id"] != verdict["run_id"]][:_SHOWN]

    def add(self, verdict: Mapping[str, Any]) -> None:
        """Note a run that has ended.

        Raises:
            OSError: it cannot be written.
        """
        add_line(self._file, _line(verdict))

    def forget(self, keep: int) -> list[Path]:
        """Remove the folders of all but the `keep` runs that ended last; which ones."""
        noted = dict.fromkeys(run["run_id"] for run in self._lines())  # in the order in which they ended
        folders = {folder.name: folder for folder in self._runs.iterdir()}
        ended = [folders[run_id] for run_id in noted if run_id in folders]
        gone = ended[:-keep] if keep else ended
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
        return gone

    def save_baseline(self, run: Path, name: str) -> list[Path]:
        """Keep what later runs are compared with; the files, of which each is there whole or not at all."""
        folder = self._runs / "baselines" / name
        folder.mkdir(parents=True, exist_ok=True)
        return [copy_whole(run / part, folder / part) for part in _KEPT if (run / part).is_file()]

    def _lines(self) -> list[dict[str, Any]]:
        told = {"run_id", "target", "stage", "demo", "bad"}
        return [run for run in read_lines(self._file) if told <= set(run)]


def _line(verdict: Mapping[str, Any]) -> dict[str, Any]:
    load = verdict["load"] or {"percentiles": {}}
    figures = {name: load["percentiles"].get(name, {}).get("p95") for name in _FIGURES}
    return {
        "run_id": verdict["run_id"],
        "finished": verdict["finished"],
        "target": verdict["binding"]["target_name"],
        "stage": verdict["stage"],
        "demo": verdict["demo"],
        "fault": verdict["fault"],
        "change_id": verdict["change_id"],
        "decision": verdict["decision"],
        "counts": verdict["counts"],
        "bad": sorted(check["name"] for check in verdict["checks"] if check["outcome"] in _BAD),
        "p95": {name: value for name, value in figures.items() if value is not None},
    }


def compared(verdict: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What is otherwise than in the run before; None where there was none."""
    if not before:
        return None
    now, then = set(_line(verdict)["bad"]), set(before[0]["bad"])
    return {"run_id": before[0]["run_id"], "newly_bad": sorted(now - then), "no_longer_bad": sorted(then - now)}
