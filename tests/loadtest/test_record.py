"""Load decisions and schedules."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gonogo.loadtest.record import Course, GeneratorHealth, LoadRecord, Series, decide_objective, needs, read_record
from gonogo.model import Outcome
from gonogo.objectives import Band
from gonogo.targets.load import LoadObjective

P95 = LoadObjective("latency_ms", Band(1000, 2000), 0.95)
P99 = LoadObjective("latency_ms", Band(1000, 2000), 0.99)
ERRORS = LoadObjective("errors", Band(0.05, 0.10))
HEALTHY = GeneratorHealth(intended=200, sent=200, lateness_p99_ms=3.0, cpu_share=0.1)


def spread(total: int, bad: int) -> Series:
    """So many bad attempts among all, evenly spread."""
    places = np.zeros(total)
    places[np.linspace(0, total - 1, bad).astype(int)] = 1.0
    return places


def record(
    warn: int = 0, fail: int = 0, failed: int = 0, generator: GeneratorHealth = HEALTHY, stopped: str = ""
) -> LoadRecord:
    course = Course(
        np.full(180, 500.0),
        {o.name: (spread(180, warn), spread(180, fail)) for o in (P95, P99)}
        | {ERRORS.name: (spread(180, failed), spread(180, failed))},
    )
    return LoadRecord(
        profile="p",
        seconds=10,
        attempts=180,
        warm_up_attempts=20,
        failures={"HTTP 5xx": failed} if failed else {},
        examples={},
        course=course,
        planned=180,
        percentiles={"latency_ms": {"p95": 500.0, "p99": 700.0}},
        histograms={},
        generator=generator,
        stopped_early=stopped,
    )


@pytest.mark.parametrize(
    ("run", "objective", "outcome"),
    [
        (record(), P95, Outcome.PASS),
        (record(warn=60), P95, Outcome.WARN),
        (record(warn=60, fail=60), P95, Outcome.FAIL),
        (record(warn=9, fail=9), P95, Outcome.INCONCLUSIVE),
        (record(), P99, Outcome.SKIP),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.1, own_failures=1)), P95, Outcome.INCONCLUSIVE),
        (record(), ERRORS, Outcome.PASS),
        (record(failed=60), ERRORS, Outcome.FAIL),
        (record(failed=10), ERRORS, Outcome.INCONCLUSIVE),
        (record(stopped="401"), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 0, 0.0, 0.0)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 150, 1.0, 0.1)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 200, 500.0, 0.1)), P95, Outcome.INCONCLUSIVE),
        (record(generator=GeneratorHealth(200, 200, 1.0, 0.99)), P95, Outcome.INCONCLUSIVE),
    ],
)
def test_objective(run: LoadRecord, objective: LoadObjective, outcome: Outcome) -> None:
    assert decide_objective(run, objective, family=1).outcome is outcome


def test_too_few_attempts_are_called_unsupported() -> None:
    assert "unsupported: 180 attempts" in decide_objective(record(), P99, family=1).text
    assert needs(P99, 1) > 180 > needs(P95, 1)
    assert needs(P95, 5) > needs(P95, 1)


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    written = record(warn=1)
    written.write(tmp_path / "r.json")
    found = read_record(tmp_path / "r.json")
    assert replace(found, course=written.course) == written
    assert found.course.as_json() == written.course.as_json()
    assert found.course.over[P95.name][0].sum() == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"exceedances": {}}'])
def test_a_file_that_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_record(tmp_path / "r.json")
