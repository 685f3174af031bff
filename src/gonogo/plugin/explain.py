"""``--explain CHECK_ID``: what a check verifies, why, what turns it red, and how to run only it."""

from collections.abc import Iterable

import pytest

from gonogo import resources
from gonogo.documents import did_you_mean, load_document
from gonogo.faults.catalogue import all_faults, faults_of
from gonogo.model import CheckInfo
from gonogo.plugin.checks import info_of


def explain(items: Iterable[pytest.Item], check_id: str) -> list[str]:
    """The lines to print.

    Raises:
        pytest.UsageError: no check has that id.
    """
    found = {info.check_id: info for item in items if (info := info_of(item))}
    if check_id not in found:
        raise pytest.UsageError(f"no check is called {check_id!r}{did_you_mean(check_id, list(found))}")
    info = found[check_id]
    return [*_told(info), *_faults(info), "", "run only it:", f"  pytest --target=FILE --check {check_id}"]


def _told(info: CheckInfo) -> list[str]:
    rows = {row["id"]: row["title"] for row in _rows()}
    permission = {"static": "reads files", "live": "sends requests that only read", "disruptive": "breaks something"}
    notes = [permission[info.permission.value]]
    notes += ["part of the short stages"] if info.smoke else []
    notes += ["alone on the target"] if info.exclusive else []
    return [
        f"{info.check_id} ({info.severity})",
        f"  {info.title}.",
        f"  {'; '.join(notes)}",
        "",
        "verifies these rows of the runbook:",
        *(f"  {row}: {rows.get(row, '')}" for row in info.covers),
    ]


def _faults(info: CheckInfo) -> list[str]:
    """What turns it red: so it says what to look for, and mend."""
    caught = [all_faults()[name] for name in faults_of(info.check_id)]
    if not caught:
        return []
    sources = {fault.name: f" ({fault.source})" if fault.source != "own" else "" for fault in caught}
    return ["", "fails where, for instance:", *(f"  {fault.title}{sources[fault.name]}" for fault in caught)]


def _rows() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = load_document(resources.folder("fixtures") / "rows.yaml").value["rows"]
    return rows
