"""The report's section on the load run."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gonogo.loadtest.calibration import Calibration
from gonogo.loadtest.capacity import Held, Trial, conclude
from gonogo.loadtest.charting import charted
from gonogo.loadtest.record import LoadRecord
from gonogo.model import Binding, CheckInfo, CheckResult, Outcome, Permission, Severity, Verdict
from gonogo.redaction import Redactor
from gonogo.reporting import write_all
from gonogo.verdict import judge
from tests.loadtest.test_record import record
from tests.reporting.test_writers import MOMENT

HELD, BROKE = Trial(8.0, Held.YES, "", True, True), Trial(12.0, Held.NO, "errors")


def page_of(run: LoadRecord, folder: Path) -> str:
    info = CheckInfo("load.errors.holds", "t", Severity.CRITICAL, Permission.LIVE, ("L2",), smoke=False)
    result = CheckResult(info, "n::l", Outcome.PASS, "errors", "", None, 1.0, (), ())
    binding = Binding("t", "staging", "0" * 64, "0" * 64, None, {}, None, "0.1.0")
    verdict = Verdict(
        "r1",
        "gate",
        False,
        judge([result], ()),
        binding,
        MOMENT,
        MOMENT,
        MOMENT,
        budget={"requests": 3},
        load=charted(run, ()),
    )
    write_all(verdict, Redactor([]), folder)
    return " ".join((folder / "report.html").read_text(encoding="utf-8").split())


def test_it_tells_what_the_generator_itself_adds(tmp_path: Path) -> None:
    run = record()
    own = replace(run.generator, calibration=Calibration(0.123, 2.345, 1.0, 20.0))
    told = "it adds 0.12 ms (p50) and 2.35 ms (p95) to a first token, measured before the run."
    assert told in page_of(replace(run, generator=own), tmp_path)
    assert asdict(own)["calibration"]["request_cpu_ms"] == 1.0
    assert "Of its own it adds" not in page_of(run, tmp_path)


@pytest.mark.parametrize(
    ("broke", "told"),
    [(replace(BROKE, is_decided=True), "breaks at 12 (errors);"), (BROKE, "breaks at 12 (errors; not confirmed);")],
)
def test_it_tells_whether_the_breaking_point_was_shown(broke: Trial, told: str, tmp_path: Path) -> None:
    page = page_of(replace(record(), capacity=conclude([HELD, broke])), tmp_path)
    assert "holds 8 requests a second (confirmed)," in page
    assert told in page
