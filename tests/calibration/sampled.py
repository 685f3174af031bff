"""pytest plugin (``-p tests.calibration.sampled``): of the checks that a fault does not declare, a fifth.

Which ones depends on the fault (``--fault``), so that each check is tried beside a fifth of all faults.
``GONOGO_FAULTS=all`` tries each fault on all of them: that is what docs/matrix.md is made of.
"""

import hashlib
from collections.abc import Callable

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.plugin.checks import info_of

ONE_OF = 5


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other four fifths of what the gate has selected, as ``-k`` would."""
    is_tried = sampler(all_faults()[config.option.fault])
    items[:] = [item for item in items if (info := info_of(item)) is None or is_tried(info.check_id)]


def sampler(fault: Fault) -> Callable[[str], bool]:
    """Whether a check is tried: what the fault declares, and a fifth of the others."""
    declared = {fault.primary, *fault.cascades}
    return lambda check_id: check_id in declared or _number(f"{fault.name} {check_id}") % ONE_OF == 0


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
