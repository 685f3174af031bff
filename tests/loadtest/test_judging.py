"""A single attempt against each objective; what it has no figure for does not count for it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gonogo.loadtest.attempt import Attempt
from gonogo.loadtest.decisions import decide_course
from gonogo.loadtest.judging import over
from gonogo.loadtest.record import Course
from gonogo.model import Outcome
from gonogo.objectives import Band
from gonogo.targets.load import LoadObjective

TTFT = LoadObjective("ttft_ms", Band(100, 200), 0.95)
LATENCY = LoadObjective("latency_ms", Band(100, 200), 0.95)
GAP = LoadObjective("gap_ms", Band(20, 50), 0.95)
SPEED = LoadObjective("stream_tokens_per_s", Band(50, 20, above=False), 0.05)
ERRORS = LoadObjective("errors", Band(0.05, 0.1))
GOODPUT = LoadObjective(
    "goodput", Band(0.9, 0.8, above=False), within={"ttft_ms": 150, "latency_ms": 1000, "gap_ms": 60}
)

STREAM = Attempt(0.0, content_ms=[120.0, 130.0, 160.0, 190.0], end_ms=200.0)
WHOLE = Attempt(0.0, streamed=False, end_ms=500.0)
AT_ONCE = Attempt(0.0, content_ms=[120.0], end_ms=121.0)
BUFFERED = Attempt(0.0, content_ms=[120.0, 120.0], end_ms=121.0)
FAILED = Attempt(0.0, end_ms=1.0, failure="reset")
NOTHING = (math.nan, math.nan)


@pytest.mark.parametrize(
    ("objective", "attempt", "expected"),
    [
        (TTFT, STREAM, (1.0, 0.0)),
        (TTFT, WHOLE, NOTHING),
        (LATENCY, WHOLE, (1.0, 1.0)),
        (GAP, STREAM, (2 / 3, 0.0)),
        (GAP, AT_ONCE, NOTHING),
        (GAP, WHOLE, NOTHING),
        (SPEED, STREAM, (1.0, 0.0)),
        (SPEED, AT_ONCE, NOTHING),
        (SPEED, BUFFERED, NOTHING),
        (ERRORS, STREAM, (0.0, 0.0)),
        (GOODPUT, STREAM, (0.0, 0.0)),
        (GOODPUT, WHOLE, (0.0, 0.0)),
        (GOODPUT, Attempt(0.0, content_ms=[151.0], end_ms=200.0), (1.0, 1.0)),
        (replace(TTFT, excludes_failures=True), FAILED, NOTHING),
        (replace(TTFT, excludes_failures=True), STREAM, (1.0, 0.0)),
        *((objective, FAILED, (1.0, 1.0)) for objective in (TTFT, LATENCY, GAP, SPEED, ERRORS, GOODPUT)),
    ],
)
def test_over(objective: LoadObjective, attempt: Attempt, expected: tuple[float, float]) -> None:
    assert over(objective, attempt, attempt.gaps_ms) == pytest.approx(expected, nan_ok=True)


def test_a_delta_may_be_several_tokens() -> None:
    attempt = Attempt(0.0, content_ms=[100.0, 200.0], end_ms=200.0, completion_tokens=8)
    assert attempt.tokens_per_s == pytest.approx(40.0)  # the second delta's four tokens in 0.1 s


def test_what_was_not_measured_is_no_pass() -> None:
    nothing = np.full(500, math.nan)
    course = Course(
        np.arange(500.0), np.full(500, 90.0), nothing, np.zeros(500), np.zeros(500), {GAP.name: (nothing, nothing)}
    )
    decided = decide_course(course, GAP, 500, 0.05)
    assert (decided.outcome, "unsupported: 0 attempts" in decided.text) == (Outcome.SKIP, True)
    some = nothing.copy()
    some[::2] = 0.0
    course = Course(
        np.arange(500.0), np.full(500, 90.0), nothing, np.zeros(500), np.zeros(500), {GAP.name: (some, some)}
    )
    assert "250 attempts" in decide_course(course, GAP, 500, 0.05).text


def test_what_few_attempts_have_a_figure_for_is_decided_as_if_there_were_no_others() -> None:
    """One of twenty is streamed: they decide as in a run that has no others."""

    def clean(attempts: int, each: int) -> Course:
        some = np.full(attempts, math.nan)
        some[::each] = 0.0
        nothing = np.full(attempts, math.nan)
        return Course(
            np.arange(0.0, attempts), np.full(attempts, 90.0), nothing, nothing, nothing, {GAP.name: (some, some)}
        )

    alone = decide_course(clean(1_000, 1), GAP, 1_000, 0.05)
    assert alone.outcome is Outcome.PASS
    assert decide_course(clean(20_000, 20), GAP, 20_000, 0.05) == alone
