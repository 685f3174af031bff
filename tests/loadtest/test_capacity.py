"""The way to the breaking point, on deployments whose breaking point is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.loadtest.capacity import Capacity, Held, Next, Search, Trial, conclude, next_trial

SEARCH = Search(2.0, 200.0, 30.0, 60.0)


def found(breaks_at: float, search: Search = SEARCH, confirm_at: float | None = None) -> Capacity:
    """What a search finds where rates from `breaks_at` on do not hold; from `confirm_at` on, not for long."""
    trials: list[Trial] = []
    while (wanted := next_trial(search, trials)) is not None:
        bound = confirm_at if wanted.is_confirmation and confirm_at is not None else breaks_at
        held = Held.YES if wanted.rate_per_s < bound else Held.NO
        assert wanted.seconds == (search.confirm_s if wanted.is_confirmation else search.hold_s)
        told = "" if held is Held.YES else "ttft_ms.p95"
        trials.append(Trial(wanted.rate_per_s, held, told, wanted.is_confirmation, wanted.is_confirmation))
    return conclude(trials)


@given(st.floats(2.01, 199.0))
def test_the_breaking_point_is_between_what_holds_and_what_breaks(breaks_at: float) -> None:
    capacity = found(breaks_at)
    assert capacity.breaks_per_s is not None
    assert capacity.holds_per_s < breaks_at <= capacity.breaks_per_s <= capacity.holds_per_s * 1.1 + 1e-9
    assert (capacity.is_confirmed, capacity.shown_to_break_per_s) == (True, capacity.breaks_per_s)
    assert (capacity.binding, capacity.problem) == ("ttft_ms.p95", "")
    assert len(capacity.trials) <= 14


def test_nothing_breaks_it() -> None:
    capacity = found(1000.0)
    assert (capacity.holds_per_s, capacity.breaks_per_s, capacity.is_confirmed) == (200.0, None, True)
    assert str(capacity) == "holds 200 requests a second (confirmed), nothing broke it"


def test_not_even_the_lowest_rate_holds() -> None:
    capacity = found(1.0)
    assert (capacity.holds_per_s, capacity.breaks_per_s, len(capacity.trials)) == (0.0, 2.0, 2)


def test_what_holds_for_a_while_only_is_not_told() -> None:
    capacity = found(100.0, confirm_at=60.0)
    assert capacity.holds_per_s < 60
    assert capacity.is_confirmed


def test_what_was_bad_for_a_moment_is_tried_again_and_the_search_goes_on() -> None:
    """A rate that broke once, by chance, and holds when it is confirmed, is no breaking point."""
    trials = [Trial(2.0, Held.YES, ""), Trial(4.0, Held.NO, "errors")]
    while (wanted := next_trial(SEARCH, trials)) is not None:
        held = Held.YES if wanted.rate_per_s < 100 else Held.NO
        trials.append(Trial(wanted.rate_per_s, held, "", wanted.is_confirmation, wanted.is_confirmation))
    capacity = conclude(trials)
    assert capacity.breaks_per_s is not None
    assert capacity.holds_per_s < 100 <= capacity.breaks_per_s
    assert (capacity.is_confirmed, capacity.shown_to_break_per_s) == (True, capacity.breaks_per_s)


def test_what_broke_and_could_not_be_confirmed_is_said_to_be_so() -> None:
    trials = [Trial(2.0, Held.NO, "errors"), Trial(2.0, Held.UNDECIDED, "undecided", is_confirmation=True)]
    assert next_trial(SEARCH, trials) is None
    told = "holds 0 requests a second (not confirmed), breaks at 2 (errors; not confirmed)"
    assert str(conclude(trials)) == told


def test_what_stays_undecided_leaves_the_next_higher_rate_to_be_shown() -> None:
    """At the very edge neither can be shown: the interval is wider then, and true."""
    trials = [Trial(2.0, Held.YES, ""), Trial(4.0, Held.NO, "errors"), Trial(2.1, Held.NO, "errors")]
    trials += [Trial(2.0, Held.YES, "", True, True), Trial(2.1, Held.UNDECIDED, "", True)]
    assert next_trial(SEARCH, trials) == Next(4.0, SEARCH.confirm_s, is_confirmation=True)
    trials.append(Trial(4.0, Held.NO, "errors", True, True))
    assert next_trial(SEARCH, trials) is None
    told = "holds 2 requests a second (confirmed), breaks at 2.1 (errors; not confirmed), shown to break at 4"
    assert str(conclude(trials)) == told


def test_a_generator_that_cannot_do_more_ends_the_search() -> None:
    trials = [Trial(2.0, Held.YES, ""), Trial(4.0, Held.UNKNOWN, "the generator used 99% of a core")]
    assert next_trial(SEARCH, trials) is None
    assert "holds 2 requests a second (not confirmed), nothing broke it; at 4 a second: the generator" in str(
        conclude(trials)
    )


def test_the_first_is_the_lowest_and_the_second_twice_that() -> None:
    assert next_trial(SEARCH, []) == Next(2.0, 30.0)
    assert next_trial(SEARCH, [Trial(2.0, Held.YES, "")]) == Next(4.0, 30.0)


@pytest.mark.parametrize("search", [SEARCH, Search(1.0, 1.0, 5.0, 5.0), Search(1.0, 1e5, 1.0, 1.0, 0.01)])
def test_it_ends(search: Search) -> None:
    for breaks_at in (0.5, 1.5, 77.0, 1e6):
        assert len(found(breaks_at, search).trials) <= 25
