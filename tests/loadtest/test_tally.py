"""What workers measured, put together: nothing is lost, and it does not matter who measured what."""

from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from gonogo.loadtest.arrays import Series
from gonogo.loadtest.arrivals import LoadStage
from gonogo.loadtest.batch import COLUMNS, Batch, Pulse
from gonogo.loadtest.decisions import decide_objective
from gonogo.loadtest.histogram import Histogram, counted, merged
from gonogo.loadtest.profile import Part, Profile, Users
from gonogo.loadtest.record import LoadRecord
from gonogo.loadtest.tally import Tally, cost_of, steady_from_s
from gonogo.model import Outcome
from gonogo.objectives import Band
from gonogo.targets.load import Load, LoadObjective, Prices

P95 = LoadObjective("latency_ms", Band(1000, 2000), 0.95)
ERRORS = LoadObjective("errors", Band(0.05, 0.10), aborts=True)
SPEED = LoadObjective("stream_tokens_per_s", Band(20, 10, above=False), 0.05)
LOAD = Load(Path("p.yaml"), "m", (P95, ERRORS, SPEED), Prices(1.0, 4.0))
RATE = 50


def profile(seconds: float = 60.0) -> Profile:
    stages = (LoadStage(seconds, RATE, RATE),)
    return Profile("p", 1, 0.0, 5.0, (Part((("Hola",),)),), even=True, stages=stages)


def batches(latencies: Series, workers: int = 1, bad_from: int = 10**9) -> list[Batch]:
    """Attempts at a constant rate, dealt to the workers one by one; from some number on they fail."""
    found = []
    intended, ended = np.arange(len(latencies)) / RATE, np.arange(len(latencies)) / RATE + latencies / 1000
    failed = (np.arange(len(latencies)) >= bad_from).astype(float)
    for worker in range(workers):
        mine = np.arange(len(latencies)) % workers == worker
        for second in range(int(ended.max()) + 1):
            here = mine & (np.floor(ended) == second)
            still_open = intended[mine & (ended >= second + 1)]
            columns = dict.fromkeys(COLUMNS, np.zeros(here.sum())) | {
                "intended_s": intended[here], "ended_s": ended[here], "latency_ms": latencies[here],
                "ttft_ms": latencies[here] / 4, "tokens": np.full(here.sum(), 50.0),
                "prompt_tokens": np.full(here.sum(), 10.0), "tokens_per_s": 50_000 / latencies[here], "failed": failed[here],
            }  # fmt: skip
            over = {
                P95.name: tuple(
                    ((latencies[here] > bound) | (failed[here] > 0)).astype(float) for bound in (1000, 2000)
                ),
                ERRORS.name: (failed[here], failed[here]),
                SPEED.name: (failed[here], failed[here]),
            }
            overlap = np.minimum(ended[mine], second + 1) - np.maximum(intended[mine], second)
            open_attempt_s, open_from_s = float(np.maximum(0, overlap).sum()), float(still_open.min(initial=1e9))
            pulse = Pulse(0.2, 1.0, open_attempt_s, int((overlap > 0).sum()), int(here.sum()), open_from_s)
            kinds = {"HTTP 5xx": int(failed[here].sum())} if failed[here].any() else {}
            gaps = (counted(latencies[here] / 50), counted(np.zeros(0)))
            lags, examples = counted(np.full(50, 1.0)), {kind: ["503: busy"] * 3 for kind in kinds}
            found.append(Batch(worker, second, columns, over, gaps, lags, kinds, examples, pulse))
    return found


def told(parts: list[Batch], workers: int = 1) -> LoadRecord:
    tally = Tally(profile(), LOAD, workers)
    for part in parts:
        tally.take(part)
    return tally.record(seconds=60.0)


LATENCIES = np.exp(np.random.default_rng(3).normal(6.0, 0.3, 3000))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_measure_together_what_one_alone_would_have(workers: int) -> None:
    alone, together = told(batches(LATENCIES)), batches(LATENCIES, workers)
    shuffled = [together[i] for i in np.random.default_rng(1).permutation(len(together))]
    found = told([Batch.from_plain(msgpack.loads(msgpack.dumps(part.as_plain()))) for part in shuffled], workers)
    assert found.course.as_json() == alone.course.as_json()
    for name in ("latency_ms", "ttft_ms", "gap_ms", "lateness_ms"):
        assert (found.percentiles[name], found.histograms[name]) == (alone.percentiles[name], alone.histograms[name])
    assert (found.attempts, found.tokens, found.series) == (3000, alone.tokens, alone.series)
    assert decide_objective(found, P95, 3) == decide_objective(alone, P95, 3)
    assert found.generator.mean_open == pytest.approx(found.generator.mean_open_by_latency, rel=0.05)


def test_a_late_first_request_is_no_cold_start() -> None:
    first, *others = batches(LATENCIES)
    late = replace(first, columns={**first.columns, "late_ms": np.full(len(first.columns["late_ms"]), 40.0)})
    assert told([late, *others]).cold_start_ms == pytest.approx(LATENCIES[0] / 4 - 40, abs=0.01)


def test_a_record_tells_cold_start_tokens_and_rows() -> None:
    record = told(batches(LATENCIES))
    assert record.cold_start_ms == pytest.approx(LATENCIES[0] / 4, abs=0.01)
    assert (record.tokens, record.tokens_told) == (3000 * 50, True)
    assert record.percentiles["stream_tokens_per_s"]["p5"] == pytest.approx(
        np.quantile(50_000 / LATENCIES, 0.05), rel=0.01
    )
    row = record.series[30]
    assert row["cost"] == pytest.approx((10 * 1.0 + 50 * 4.0) * row["good"] / 1e6)
    assert [row["second"] for row in record.series] == list(range(len(record.series)))
    assert sum(row["good"] for row in record.series) == 3000


def test_unknown_tokens_are_not_called_known() -> None:
    (first, *rest) = batches(LATENCIES)
    blind = replace(first, columns={**first.columns, "prompt_tokens": np.full(len(first.columns["failed"]), np.nan)})
    assert not told([blind, *rest]).tokens_told
    assert cost_of(blind.columns, Prices(1.0, 4.0)) == pytest.approx(len(blind.columns["failed"]) * 200 / 1e6)


def test_objectives_are_decided_on_the_way_and_stay_so() -> None:
    tally, seconds = Tally(profile(), LOAD), 0
    for part in batches(LATENCIES):
        tally.take(part)
        tally.look()
        seconds += 1
        if len(tally.decided) == len(LOAD.objectives):
            break
    assert 5 < seconds < 45
    record = tally.record(seconds=seconds, ended="every objective was decided")
    for objective in LOAD.objectives:
        decided = decide_objective(record, objective, 3)
        assert decided.outcome is Outcome.PASS
        assert f"decided after {tally.decided[objective.name]} of 3000 requests" in decided.text


def test_an_objective_that_ends_the_run_says_so_at_once() -> None:
    tally = Tally(profile(), LOAD)
    for part in batches(LATENCIES, bad_from=0):
        tally.take(part)
        tally.look()
        if tally.breached:
            break
    assert (tally.breached, part.second < 10) == ("errors", True)
    assert tally.record(seconds=5.0).examples == {"HTTP 5xx": ["503: busy"] * 3}


def test_attempts_behind_one_that_is_still_open_are_not_looked_at() -> None:
    """The first attempt never ends: all that ended before it did are the quick ones, and say nothing."""
    tally = Tally(profile(), LOAD)
    for part in batches(LATENCIES):
        tally.take(replace(part, pulse=replace(part.pulse, open_from_s=0.0)))
        tally.look()
    assert tally.decided == {}


def test_where_the_length_of_a_run_is_unknown_nothing_is_decided_on_the_way() -> None:
    """Blocks are as long as the whole run affords: with users in a closed model nobody knows that before."""
    tally = Tally(replace(profile(), stages=(), users=Users(2, 60.0, 1.0)), LOAD)
    for part in batches(LATENCIES):
        tally.take(part)
        tally.look()
    assert tally.decided == {}


def test_an_objective_that_was_good_for_long_can_still_end_the_run() -> None:
    sustained = replace(ERRORS, for_s=10.0)
    tally = Tally(profile(), replace(LOAD, objectives=(P95, sustained, SPEED)))
    for part in batches(LATENCIES, bad_from=1500):
        tally.take(part)
        tally.look()
        if tally.breached:
            break
    assert (tally.breached, 30 < part.second < 50) == ("errors", True)
    record = tally.record(seconds=50.0, ended="errors has failed")
    assert decide_objective(record, sustained, 3).outcome is Outcome.FAIL


@given(st.lists(st.floats(0, 4e6), max_size=60), st.integers(1, 4))
def test_histograms_lose_nothing_when_they_are_merged(values_ms: list[float], parts: int) -> None:
    pieces = [counted(np.asarray(values_ms[i::parts])) for i in range(parts)]
    histogram, one = Histogram(), HdrHistogram(1, 3_600_000_000, 3)
    for piece in pieces:
        histogram.add(piece)
    for value in values_ms:
        one.record_value(min(3_600_000_000, max(1, round(value * 1000))))
    assert histogram.as_hdr().encode() == one.encode()
    assert merged(pieces).total == len(values_ms)
    if values_ms:
        ordered = sorted(min(3.6e6, max(0.001, value)) for value in values_ms)
        for share in (0.5, 0.95, 1.0):
            exact = ordered[max(0, int(np.ceil(share * len(ordered))) - 1)]
            assert merged(pieces).quantile_ms(share) == pytest.approx(exact, rel=2e-3, abs=1e-3)


def test_a_start_up_is_seen() -> None:
    numbers = np.random.default_rng(2)
    course = [2000.0 - 100 * s for s in range(15)] + [500.0] * 45
    rows = [{"second": float(s), "latency_ms.p50": value + numbers.normal(0, 20)} for s, value in enumerate(course)]
    assert 13 <= steady_from_s(rows) <= 17
    assert steady_from_s(rows[30:]) - 30 <= 15
    assert steady_from_s(rows[:10]) == 0.0
