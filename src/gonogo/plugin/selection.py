"""Which checks a run is about: each declared once, and with ``--check`` those that are named."""

from collections.abc import Iterable, Sequence

import pytest

from gonogo.documents import did_you_mean
from gonogo.plugin.checks import info_of
from gonogo.plugin.outcomes import instance_of


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
