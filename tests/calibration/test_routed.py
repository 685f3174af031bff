"""Each fault of the small router makes its primary check fail; declared cascades may follow; nothing else changes."""

import re
from collections.abc import Iterator

import pytest

from gonogo.faults.catalogue import Fault, all_faults
from gonogo.resources import ROOT
from tests.calibration.pipeline import FEW, Pipeline, Plan, assert_noticed, selected
from tests.calibration.routed import TARGET, RoutedServers

FAULTS = selected(
    fault for fault in all_faults().values() if fault.target == "routed" and fault.primary.startswith("routing.")
)
FILES = {
    check: file.name
    for file in (ROOT / "suites" / "routing").glob("test_*.py")
    for check in re.findall(r'@check\("([a-z0-9_.]+)"', file.read_text(encoding="utf-8"))
}
"""Check id to the file that it is in."""


def scope_of(fault: Fault) -> str:
    """The file of the fault's check, and the quick checks of the others; what takes long only for its own faults."""
    file, check = FILES[fault.primary], f"test_{'_'.join(fault.primary.split('.')[1:])}"
    match file:
        case "test_fallbacks.py":
            return f"smoke or ({file} and {FEW})"
        case "test_path.py":
            return f"smoke or ({file} and not web_page) or {check}"
        case "test_shares.py":
            return f"smoke or {check}"
    return f"smoke or {file}"


PLAN = Plan("suites/routing", TARGET, RoutedServers, scope_of, lanes=4)


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The runs of the faults that were selected, going on in the background."""
    with Pipeline.of_session(request, tmp_path_factory.mktemp("routed"), PLAN, FAULTS) as pipeline:
        yield pipeline


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_noticed(fault: Fault, pipeline: Pipeline) -> None:
    assert_noticed(fault, pipeline)
