"""pytest plugin (``-p bench.shuffled``): checks in a random order, given by ``SHUFFLED_BY``, not in the gate's.

Drills stay last and in their places among themselves: what they restart is theirs alone.
"""

import os
import random
from collections.abc import Generator

import pytest

from gonogo.model import Permission
from gonogo.plugin.checks import info_of


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Shuffle what the gate has put in its order."""
    yield
    gentle = [item for item in items if not _is_disruptive(item)]
    rest = [item for item in items if _is_disruptive(item)]
    random.Random(os.environ["SHUFFLED_BY"]).shuffle(gentle)  # noqa: S311 (an order, not a secret)
    items[:] = [*gentle, *rest]


def _is_disruptive(item: pytest.Item) -> bool:
    info = info_of(item)
    return info is not None and info.permission is Permission.DISRUPTIVE
