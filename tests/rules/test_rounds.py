"""What a watch has shown, and what follows."""

import random

import pytest

from gonogo.model import Outcome
from gonogo.objectives import Band, decide_level
from gonogo.rules.rounds import Round, decide_confidence, decide_fallbacks, decide_figure

BAND = Band(1.0, 2.0)
FALLBACKS, CONFIDENCE = Band(0.10, 0.15), Band(0.75, 0.65, above=False)


def rounds(*values: float | None) -> list[Round]:
    return [Round(float(i), {"p95": value}) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "expected", "outcome"),
    [
        ([0.5] * 20, 20, Outcome.PASS),
        ([0.5] * 18 + [None] * 2, 20, Outcome.PASS),
        ([0.5] * 17 + [None] * 3, 20, Outcome.INCONCLUSIVE),
        ([0.5] * 17, 20, Outcome.INCONCLUSIVE),
        ([0.5] * 19 + [float("nan")] * 9, 20, Outcome.PASS),
        ([], 20, Outcome.INCONCLUSIVE),
        ([0.5] * 19 + [3.0], 20, Outcome.WARN),
        ([0.5] * 18 + [3.0, 3.0], 20, Outcome.FAIL),
        ([0.5, 3.0, 3.0, 3.0], 96, Outcome.FAIL),
        ([0.5, 3.0, 3.0], 96, Outcome.INCONCLUSIVE),
        ([1.5] * 2 + [0.5] * 18, 20, Outcome.WARN),
        ([1.5] + [0.5] * 19, 20, Outcome.PASS),
        ([float("inf")] * 4, 96, Outcome.FAIL),
        ([0.5] * 7 + [3.0], 8, Outcome.WARN),
        ([3.0, None, 3.0, None, None, 3.0], 96, Outcome.INCONCLUSIVE),
    ],
)
def test_a_figure(values: list[float | None], expected: int, outcome: Outcome) -> None:
    assert decide_figure(rounds(*values), "p95", BAND, expected).outcome is outcome


def test_a_notice_never_fails() -> None:
    assert decide_figure(rounds(*[9.0] * 20), "p95", BAND, 20, is_notice=True).outcome is Outcome.WARN


def held(*fallbacks: int, asked: int = 20) -> list[Round]:
    return [Round(0.0, asked=asked, fallbacks=count) for count in fallbacks]


@pytest.mark.parametrize(
    ("rounds", "expected", "outcome"),
    [
        (held(*[0, 1, 0, 2] * 10), 40, Outcome.PASS),
        (held(*[5, 6, 5, 4] * 10), 40, Outcome.FAIL),
        (held(20), 96, Outcome.INCONCLUSIVE),
        (held(20, 0, 0), 96, Outcome.INCONCLUSIVE),
        (held(20, 20, 20, 20), 96, Outcome.FAIL),
        ([Round(0.0, asked=20, failed=20)] * 4, 96, Outcome.FAIL),
        (held(*[0] * 35), 40, Outcome.INCONCLUSIVE),
        ([*held(*[0] * 35), *[Round(0.0, unable="no route")] * 5], 40, Outcome.INCONCLUSIVE),
        ([Round(0.0)] * 40, 40, Outcome.INCONCLUSIVE),
        (held(*[0] * 20), 20, Outcome.INCONCLUSIVE),  # too few for an interval
    ],
)
def test_fallbacks(rounds: list[Round], expected: int, outcome: Outcome) -> None:
    assert decide_fallbacks(rounds, FALLBACKS, expected).outcome is outcome


@pytest.mark.parametrize(
    ("value", "outcome"), [(0.9, Outcome.PASS), (0.7, Outcome.WARN), (0.4, Outcome.FAIL), (7.0, Outcome.PASS)]
)
def test_confidence(value: float, outcome: Outcome) -> None:
    rounds = [Round(0.0, asked=20, confidence=(value,) * 20)] * 96
    assert decide_confidence(rounds, CONFIDENCE, 96).outcome is outcome


def test_looked_at_after_every_round_a_share_at_its_limit_rarely_ends_the_watch() -> None:
    """Ville's inequality: at most one watch in a hundred, although all prompts of a round fail together; 300 watches."""
    numbers, ended = random.Random(9), 0
    for _ in range(300):
        shares: list[float] = []
        for _ in range(96):
            shares.append(1.0 if numbers.random() < 0.15 else 0.0)
            if decide_level(sum(shares), len(shares), FALLBACKS, 0.01).outcome is Outcome.FAIL:
                ended += 1
                break
    assert ended <= 8  # with a rate of 1 %, more than eight of 300 come once in 300 times


@pytest.mark.parametrize(
    ("band", "bad", "outcome"),
    [
        (Band(0.0, 0.0), 0, Outcome.INCONCLUSIVE),
        (Band(0.0, 0.0), 5, Outcome.FAIL),
        (Band(1.0, 1.0), 100, Outcome.PASS),
    ],
)
def test_bands_at_the_ends(band: Band, bad: int, outcome: Outcome) -> None:
    assert decide_level(bad, 100, band, 0.01).outcome is outcome
