"""Load decisions and schedules."""

from pathlib import Path

import pytest

from gonogo.documents import DocumentError
from gonogo.loadtest.profile import Profile, load_profile
from gonogo.loadtest.record import Exceedances, GeneratorHealth, LoadRecord, decide_objective, needs, read_record
from gonogo.model import Outcome
from gonogo.objectives import Band
from gonogo.resources import folder
from gonogo.targets.model import LoadObjective

P95 = LoadObjective("latency_ms", Band(1000, 2000), 0.95)
P99 = LoadObjective("latency_ms", Band(1000, 2000), 0.99)
ERRORS = LoadObjective("errors", Band(0.05, 0.10))
HEALTHY = GeneratorHealth(intended=200, sent=200, lateness_p99_ms=3.0, cpu_share=0.1)


def record(
    warn: int = 0, fail: int = 0, failed: int = 0, generator: GeneratorHealth = HEALTHY, stopped: str = ""
) -> LoadRecord:
    over = Exceedances(warn, fail)
    return LoadRecord(
        profile="p",
        seconds=10,
        attempts=180,
        warm_up_attempts=20,
        failures={"HTTP 5xx": failed} if failed else {},
        examples={},
        exceedances={P95.name: over, P99.name: over},
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
    record(warn=1).write(tmp_path / "r.json")
    assert read_record(tmp_path / "r.json") == record(warn=1)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"exceedances": {}}'])
def test_a_file_that_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_record(tmp_path / "r.json")


def profile(**changes: object) -> Profile:
    given = {"name": "p", "arrivals": "poisson", "rate_per_s": 50.0, "seconds": 60.0, "warm_up_s": 1.0, "seed": 3}
    given |= {"streamed_share": 1.0, "max_tokens": 8, "timeout_s": 5.0, "prompts": ("x",), **changes}
    return Profile(**given)  # type: ignore[arg-type]


def test_schedule_is_absolute_seeded_and_of_the_rate() -> None:
    schedule = profile().schedule()
    assert schedule == profile().schedule() == sorted(schedule)
    assert schedule != profile(seed=4).schedule()
    assert len(schedule) == pytest.approx(3000, rel=0.1)
    assert len(profile(arrivals="constant").schedule()) == pytest.approx(3000, abs=2)


def test_shipped_profiles_are_valid() -> None:
    for file in (folder("load") / "profiles").glob("*.yaml"):
        assert load_profile(file).schedule()


@pytest.mark.parametrize(
    ("old", "new"), [("rate_per_s", "rate"), ("warm_up_s: 1.5", "warm_up_s: 99"), ("poisson", "x")]
)
def test_a_bad_profile_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = (folder("load") / "profiles" / "smoke.yaml").read_text(encoding="utf-8")
    (tmp_path / "p.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DocumentError):
        load_profile(tmp_path / "p.yaml")
