"""Attempts, limits and shares: counts in, flaws and decisions out."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import EndpointFailedError, StarvedError
from gonogo.fixtures.limits import told_apart
from gonogo.model import Outcome
from gonogo.probes.chat import ChatAnswer
from gonogo.probes.http import HttpAnswer
from gonogo.rules.attempts import attempt_flaws, most_at_once
from gonogo.rules.limits import Exhausted, burst_flaws, is_past, may_hold_border, request_flaws, token_flaws
from gonogo.rules.shares import decide_within, shares_of


@pytest.mark.parametrize(
    ("moved", "broken", "found"),
    [
        ([1, 1, 0], 1, []),
        ([1, 0, 0], 0, []),
        ([1, 1, 1], 2, []),
        ([1, 1, 1], 3, []),
        ([None, 1, 0], 1, []),
        ([2, 1, 0], 1, ["a, link 1 of the chain, was asked 2 times, at most 1 are allowed"]),
        ([1, 0, 1], 1, ["b, link 2 of the chain, was not asked", "c, link 3 of the chain, was asked although"]),
        ([0, 1, 0], 1, ["a, link 1 of the chain, was not asked"]),
        ([1, 1, 1], 1, ["c, link 3 of the chain, was asked although an earlier one works"]),
    ],
)
def test_attempts_arrive_link_by_link(moved: list[int | None], broken: int, found: list[str]) -> None:
    flaws = attempt_flaws(["a", "b", "c"], moved, broken, 1)
    assert len(flaws) == len(found)
    assert all(flaw.startswith(begin) for flaw, begin in zip(flaws, found, strict=True))


@pytest.mark.parametrize(
    ("spans", "most"),
    [([], 0), ([(0, 1)], 1), ([(0, 1), (1, 2)], 1), ([(0, 2), (1, 3), (1.5, 1.6)], 3), ([(0, 9), (1, 2), (3, 4)], 2)],
)
def test_requests_at_a_time(spans: list[tuple[float, float]], most: int) -> None:
    assert most_at_once(spans) == most


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 3)), max_size=30))
def test_requests_at_a_time_are_what_a_look_at_every_beginning_sees(raw: list[tuple[float, float]]) -> None:
    spans = [(begin, begin + length) for begin, length in raw]
    seen = [sum(begin <= at < end for begin, end in spans) for at, _ in spans]
    assert most_at_once(spans) == max(seen, default=0)


@pytest.mark.parametrize(
    ("passed", "refused", "flaws"),
    [
        (3, 429, []),
        (2, 429, ["2 requests passed in a window, the limit is 3"]),
        (4, 429, ["4 requests passed in a window, the limit is 3"]),
        (3, 503, ["past the limit: HTTP 503, wanted 429"]),
        (7, None, ["no request was refused: 7 requests passed in 2.0 s, the limit is 3"]),
    ],
)
def test_a_limit_of_requests_is_exact(passed: int, refused: int | None, flaws: list[str]) -> None:
    assert request_flaws(Exhausted(passed, 0, 0, refused, ended_s=2.0), 3) == flaws


@pytest.mark.parametrize(("tokens", "kept"), [(100, True), (111, True), (89, True), (88, False), (112, False)])
def test_a_limit_of_tokens_may_be_off_by_one_answer(tokens: int, kept: bool) -> None:
    assert (token_flaws(Exhausted(9, tokens, 11, 429), 100) == []) == kept


@pytest.mark.parametrize(
    ("passed", "ended_s", "past"), [(6, 0.9, False), (7, 0.9, True), (7, 1.1, False), (9, 1.9, False), (10, 1.9, True)]
)
def test_more_than_any_window_lets_through_is_past_the_limit(passed: int, ended_s: float, past: bool) -> None:
    assert is_past(Exhausted(passed, 0, 0, None, ended_s=ended_s), 3, passed, window_s=1) == past


@pytest.mark.parametrize(
    ("passed", "refused", "may"), [(3, 429, False), (4, 429, True), (6, 429, True), (7, 429, False), (4, None, False)]
)
def test_a_window_may_have_changed_once(passed: int, refused: int | None, may: bool) -> None:
    assert may_hold_border(Exhausted(passed, 0, 0, refused), 3, passed) == may


@pytest.mark.parametrize(
    ("statuses", "arrived", "slowest_s", "found"),
    [
        ([200, 200, 429, 503], 2, 1.0, []),
        ([200, "the answer broke"], 1, 1.0, ["1 of 2 requests got no answer: the answer broke"]),
        ([200, 500], 1, 1.0, ["HTTP 500, wanted 200, 429 or 503"]),
        ([200, 200], 3, 1.0, []),
        ([200, 200], 1, 1.0, ["2 were answered, but only 1 arrived at the provider"]),
        ([429, 429], 0, 1.0, ["none was answered"]),
        ([200], 1, 9.0, ["one took 9.0 s, at most 5"]),
    ],
)
def test_of_a_burst_nothing_is_lost(
    statuses: list[int | str], arrived: int, slowest_s: float, found: list[str]
) -> None:
    assert burst_flaws(statuses, arrived, slowest_s, 5) == found


def test_of_a_burst_who_had_no_processor_here_is_no_finding() -> None:
    answer = ChatAnswer(HttpAnswer(200, {}, b"", 1.0), "Hola", ("stop",), done=True, usage=None)
    lost, starved = EndpointFailedError("no whole answer"), StarvedError("no processor")
    assert told_apart([answer, lost, *[answer] * 8, starved]) == ([answer] * 9, ["no whole answer"])
    with pytest.raises(StarvedError):
        told_apart([answer, lost, starved])


def test_weights_mean_shares() -> None:
    assert shares_of({"a": 3, "b": 1}) == {"a": 0.75, "b": 0.25}


def decided(share: float, seed: int, wanted: float, margin: float) -> Outcome:
    """What is decided of a share by requests in batches of forty, as the fixture sends them."""
    numbers, count = random.Random(seed), 0
    for total in range(1, 2401):
        count += numbers.random() < share
        if total % 40 == 0:
            outcome = decide_within(count, total, wanted, margin).outcome
            if outcome is not Outcome.INCONCLUSIVE:
                return outcome
    return Outcome.INCONCLUSIVE


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.75, 1.0])
def test_the_right_share_is_shown(share: float) -> None:
    outcomes = [decided(share, seed, share, 0.1) for seed in range(20)]
    assert outcomes.count(Outcome.FAIL) == 0
    assert outcomes.count(Outcome.PASS) >= 19


@pytest.mark.parametrize(
    ("share", "wanted"), [(0.5, 0.75), (0.25, 0.05), (0.0, 0.25), (1.0, 0.75), (0.0, 0.05), (0.15, 0.05)]
)
def test_a_wrong_share_is_found(share: float, wanted: float) -> None:
    assert {decided(share, seed, wanted, 0.1) for seed in range(20)} == {Outcome.FAIL}


def test_a_share_at_the_margin_is_not_passed_off_as_right() -> None:
    outcomes = [decided(0.85, seed, 0.75, 0.1) for seed in range(40)]
    assert outcomes.count(Outcome.PASS) <= 2


def test_no_request_decides_nothing() -> None:
    assert decide_within(0, 0, 0.5, 0.1).outcome is Outcome.INCONCLUSIVE
