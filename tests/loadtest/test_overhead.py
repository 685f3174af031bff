"""What a gateway adds, from pairs whose difference is known."""

import numpy as np
import pytest

from gonogo.loadtest.overhead import Pair, decide_overhead
from gonogo.model import Outcome
from gonogo.objectives import Band

BAND = Band(50, 100)


def pairs(added_ms: float, count: int = 40, told_ms: float | None = None) -> list[Pair]:
    numbers, found = np.random.default_rng(4), []
    for i in range(count):
        model_ms = 200 + 10 * i + numbers.normal(0, 20)  # it gets slower meanwhile
        found.append(Pair(model_ms + added_ms + numbers.normal(0, 5), model_ms, told_ms))
    return found


@pytest.mark.parametrize(
    ("added_ms", "outcome"),
    [(5, Outcome.PASS), (75, Outcome.WARN), (150, Outcome.FAIL), (100, Outcome.INCONCLUSIVE), (-3, Outcome.PASS)],
)
def test_the_median_of_the_differences(added_ms: float, outcome: Outcome) -> None:
    assert decide_overhead(pairs(added_ms), BAND).outcome is outcome


def test_what_the_gateway_itself_tells_is_told() -> None:
    assert "by its own account 7.0 ms" in decide_overhead(pairs(5, told_ms=7.0), BAND).text


def test_too_few_pairs_decide_nothing() -> None:
    assert decide_overhead(pairs(500, count=19), BAND).outcome is Outcome.INCONCLUSIVE
