"""Which checks a run is about: each declared once, and with ``--check`` those that are named."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from gonogo import resources
from gonogo.documents import did_you_mean
from gonogo.model import SUITES
from gonogo.plugin.checks import info_of
from gonogo.plugin.outcomes import instance_of
from gonogo.targets.endpoint_sections import own_deviations
from gonogo.targets.model import Target
from gonogo.writing import write_whole

_USAGE_ERROR, _COLLECTED = "usage-error.txt", "collected.json"


def expect_distinct(items: Iterable[pytest.Item]) -> None:
    """Nothing else tells two checks apart in the verdict.

    Raises:
        pytest.UsageError: two functions declare the same id, or pytest calls them the same.
    """
    owners: dict[str, str] = {}
    for item in items:
        info = info_of(item)
        if info is None:
            continue
        owner = f"{item.path}::{getattr(item, 'originalname', item.name)}"
        for name in (info.check_id, item.nodeid):
            if owners.setdefault(name, owner) != owner:
                raise pytest.UsageError(f"{name} is declared by {owners[name]} and by {owner}")


def expect_own_fixtures(items: Sequence[pytest.Item]) -> None:
    """A shipped check runs with the gate's own fixtures.

    A ``conftest.py`` at pytest's root is in force for everything that is collected, wherever it lies.

    Raises:
        pytest.UsageError: one of a shipped check's fixtures comes from a ``conftest.py``.
    """
    suites = resources.folder("suites")
    shipped = {file for file in {item.path for item in items} if file.resolve().is_relative_to(suites)}
    for item in items:
        if item.path not in shipped or not isinstance(item, pytest.Function):
            continue
        for name, found in item._fixtureinfo.name2fixturedefs.items():  # noqa: SLF001 (no other way to ask)
            file = found[-1].func.__code__.co_filename if hasattr(found[-1].func, "__code__") else ""
            if file.endswith(f"{os.sep}conftest.py"):
                raise pytest.UsageError(
                    f"the fixture {name!r} of {file} would be in force for the shipped checks too: keep it in a "
                    "conftest.py below your own checks, or leave that file out with --confcutdir"
                )


def expect_named_checks(items: Iterable[pytest.Item], target: Target) -> None:
    """A waiver names a check that there is, or one of the target's instances of it; a deviation names a check.

    A run of some suites only, called by their places, does not know the others: there nothing is asked.

    Raises:
        pytest.UsageError: one names none, so that it would excuse nothing for as long as it stands.
    """
    checks = [item for item in items if info_of(item)]
    if not set(SUITES) <= {info.suite for item in checks if (info := info_of(item))}:
        return
    known = {name for item in checks for name in names_of(item)}
    named = [("waiver", waiver.check_id) for waiver in target.waivers]
    named += [("deviation", item.check_id) for endpoint in target.endpoints() for item in own_deviations(endpoint)]
    for what, name in named:
        if name not in known:
            hint = did_you_mean(name, known)
            raise pytest.UsageError(f"the target's {what} for {name!r} names no check of this target{hint}")


def note_usage_error(run_folder: Path, message: str) -> None:
    """What is wrong with the call, as a worker found it."""
    write_whole(run_folder / _USAGE_ERROR, message)


def usage_error(run_folder: Path) -> str:
    """What a worker found wrong with the call; empty if nothing."""
    file = run_folder / _USAGE_ERROR
    return file.read_text(encoding="utf-8") if file.exists() else ""


def note_collected(run_folder: Path, items: Iterable[pytest.Item]) -> None:
    """Where the checks lie that were collected. Every worker writes the same."""
    folders = sorted({str(item.path.resolve().parent) for item in items if info_of(item)})
    write_whole(run_folder / _COLLECTED, json.dumps(folders))


def left_out(run_folder: Path, folders: Iterable[Path]) -> list[str]:
    """Those of a target's folders of own checks that no check was collected from."""
    file = run_folder / _COLLECTED
    found = [Path(text) for text in json.loads(file.read_text(encoding="utf-8"))] if file.exists() else []
    return [str(folder) for folder in folders if not any(path.is_relative_to(folder) for path in found)]


def named(items: Sequence[pytest.Item], names: Sequence[str]) -> list[pytest.Item]:
    """The items with these names: a check's id, or its id and an instance as the reports write it.

    Raises:
        pytest.UsageError: there is no such check among them.
    """
    found = {item: names_of(item) for item in items}
    known = [name for both in found.values() for name in both]
    for name in names:
        if name not in known:
            raise pytest.UsageError(
                f"--check: no check of this stage and target is called {name!r}{did_you_mean(name, known)}"
            )
    return [item for item in items if found[item] & set(names)]


def names_of(item: pytest.Item) -> set[str]:
    """What a check can be called by; nothing for an ordinary test."""
    info = info_of(item)
    return {info.check_id, f"{info.check_id}[{instance_of(item)}]"} if info is not None else set()
