"""Triggers: what is noticed, and what is not."""

from dataclasses import replace

import pytest

from gonogo.rules.triggers import Sample, Steady, Symptoms, is_well, outage_s, steady_of, triggered, triggered_by_old
from gonogo.targets.drills import Watching

WATCHING = Watching()
STEADY = Steady(100.0, {"Hola": "saludo"})


def samples(count: int = 40, failed: int = 0, latency_ms: float = 100.0, intent: str = "saludo") -> list[Sample]:
    return [Sample(i * 0.1, latency_ms, "HTTP 500" if i < failed else "", "", intent, "Hola") for i in range(count)]


@pytest.mark.parametrize(
    ("seen", "symptoms", "name"),
    [
        (samples(), Symptoms(), ""),
        (samples(failed=2), Symptoms(), ""),  # five of a hundred, and no more
        (samples(failed=3), Symptoms(), "errors"),
        (samples(10, failed=10), Symptoms(), ""),  # too few to say
        (samples(latency_ms=199), Symptoms(), ""),
        (samples(latency_ms=201), Symptoms(), "latency"),
        (samples(intent="precio"), Symptoms(), "quality"),
        (samples(), Symptoms(restarts=1), "restarts"),
        ([], Symptoms(unhealthy="HTTP 503"), "health"),
        ([], Symptoms(restarts=1, stalled="no progress"), "progress"),
    ],
)
def test_what_is_noticed(seen: list[Sample], symptoms: Symptoms, name: str) -> None:
    assert triggered(seen, STEADY, symptoms, WATCHING)[0] == name


def test_a_small_slowdown_of_a_fast_service_is_noise() -> None:
    assert triggered(samples(latency_ms=90), Steady(5.0), Symptoms(), WATCHING) == ("", "")
    assert triggered(samples(latency_ms=110), Steady(5.0), Symptoms(), WATCHING)[0] == "latency"


def test_only_the_latest_requests_count() -> None:
    assert triggered([*samples(failed=40), *samples()], STEADY, Symptoms(), WATCHING)[0] == ""


def test_steady_is_without_any_failure() -> None:
    assert steady_of(samples(19)) is None
    assert steady_of(samples(failed=1)) is None
    assert steady_of(samples()) == STEADY


def test_well_is_as_before() -> None:
    assert is_well(samples(), STEADY, WATCHING)
    assert is_well([*samples(failed=40), *samples(20)], STEADY, WATCHING)
    assert not is_well([*samples(), *samples(1, failed=1)], STEADY, WATCHING)
    assert not is_well(samples(latency_ms=500), STEADY, WATCHING)
    assert not is_well(samples(10), STEADY, WATCHING)


def test_answers_of_another_mode_are_not_as_before() -> None:
    local = steady_of([replace(sample, version="local") for sample in samples()])
    assert local is not None
    assert not is_well([replace(sample, version="mock") for sample in samples()], local, WATCHING)
    assert is_well([replace(sample, version="local") for sample in samples()], local, WATCHING)


@pytest.mark.parametrize(
    ("old_ms", "new_ms", "count", "told"),
    [(100, 900, 20, ""), (900, 900, 20, "of 20 is 900 ms"), (900, 900, 5, "of 5 is"), (900, 900, 4, "")],
)
def test_what_the_old_version_shows_as_well(old_ms: float, new_ms: float, count: int, told: str) -> None:
    """Too few answers of it say nothing."""
    old = [replace(sample, version="1") for sample in samples(count, latency_ms=old_ms)]
    new = [replace(sample, version="2") for sample in samples(40 - count, latency_ms=new_ms)]
    known = replace(STEADY, versions=frozenset({"1"}))
    why = triggered_by_old("latency", [*new, *old], known, WATCHING)
    assert told in why
    assert bool(why) == bool(told)
    assert (
        triggered_by_old("approvals", [*new, *old], known, WATCHING) == ""
    )  # what it was aborted for is another thing


@pytest.mark.parametrize(
    ("seen", "outage"),
    [
        ([(0.0, ""), (1.0, "")], 0.0),
        ([(0.0, ""), (1.0, "x"), (2.0, "x"), (3.0, ""), (4.0, "")], 2.0),
        ([(0.0, ""), (1.0, "x"), (2.0, ""), (3.0, "x"), (4.0, "")], 3.0),
        ([(0.0, ""), (1.0, "x"), (2.5, "x")], 1.5),
    ],
)
def test_outage_is_from_the_first_fail_to_the_first_good_after_the_last(
    seen: list[tuple[float, str]], outage: float
) -> None:
    assert outage_s([Sample(at, 1.0, error) for at, error in seen]) == outage


def test_one_bypassed_approval_is_enough() -> None:
    bypassed = replace(samples(1)[0], bypass="`drop` was done without an approval")
    assert triggered([bypassed], STEADY, Symptoms(), WATCHING) == ("approvals", "`drop` was done without an approval")
    assert not is_well([*samples(), bypassed], STEADY, WATCHING)
    assert is_well([bypassed, *samples(60)], STEADY, WATCHING)
    assert steady_of([*samples(), bypassed]) is None
