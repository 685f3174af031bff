"""pytest plugin (``-p tests.calibration.sampled``): of the checks that a fault does not declare, a fifth.

Of the reports it leaves ``verdict.json``, which is what is read; the others, a tenth of a run, have tests of their own.
Which ones depends on the fault (``--fault``), so that each check is tried beside a fifth of all faults.
``GONOGO_FAULTS=all`` tries each fault on all of them: that is what docs/matrix.md is made of.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.model import Verdict
from gonogo.plugin import Gate, controller
from gonogo.plugin.checks import info_of
from gonogo.plugin.conclusion import write_reports
from gonogo.plugin.stages import OF_ALL_ANSWERS
from gonogo.reporting import WRITERS
from gonogo.reporting.interface import Writer

ONE_OF = 5


def pytest_configure() -> None:
    """This process runs the gate once, and ends."""
    pytest.MonkeyPatch().setattr(controller, "write_reports", _write_verdict)


def _write_verdict(
    gate: Gate, verdict: Verdict, *, has_ended: bool = True, writers: Sequence[Writer] = ()
) -> list[Path]:
    del writers
    return write_reports(gate, verdict, has_ended=has_ended, writers=WRITERS[:1])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other four fifths of what the gate has selected, as ``-k`` would."""
    is_tried = sampler(all_faults()[config.option.fault])
    items[:] = [item for item in items if (info := info_of(item)) is None or is_tried(info.check_id)]


def sampler(fault: Fault) -> Callable[[str], bool]:
    """Whether a check is tried: what the fault declares, and a fifth of the others.

    All are, where a declared check looks at the answers to all of them.
    """
    declared = {fault.primary, *fault.cascades}
    if OF_ALL_ANSWERS in declared:
        return lambda _: True
    return lambda check_id: check_id in declared or _number(f"{fault.name} {check_id}") % ONE_OF == 0


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
