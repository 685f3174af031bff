"""What a run may use, before it and while it runs."""

from dataclasses import replace

import pytest

from gonogo.loadtest.arrivals import LoadStage
from gonogo.loadtest.calibration import Calibration, worst
from gonogo.loadtest.capacity import Search
from gonogo.loadtest.profile import Part, Profile, Users
from gonogo.loadtest.spending import Spent, refusal
from gonogo.targets.model import Budget

TEN = Profile("p", 1, 0.0, 5.0, (Part((("Hola",),), max_tokens=20),), even=True, stages=(LoadStage(5.0, 2.0, 2.0),))


@pytest.mark.parametrize(
    ("spent", "budget", "most_cost", "told"),
    [
        (Spent(100, 1000, 5.0), Budget(), None, ""),
        (Spent(100, 1000, 5.0), Budget(100, 1000), 5.0, ""),
        (Spent(101, 1000, 5.0), Budget(100, 1000), 5.0, "the budget of 100 requests (target file: budget) was spent"),
        (Spent(100, 1001, 5.0), Budget(100, 1000), 5.0, "the budget of 1000 tokens (target file: budget) was spent"),
        (Spent(100, 1000, 5.1), Budget(100, 1000), 5.0, "the budget of 5 was spent"),
    ],
)
def test_a_budget_is_spent_when_more_was_used(spent: Spent, budget: Budget, most_cost: float | None, told: str) -> None:
    assert spent.beyond(budget, most_cost) == told


def test_spending_adds_up() -> None:
    assert Spent(1, 2, 0.5) + Spent(3, 4, 0.25) == Spent(4, 6, 0.75)


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (Budget(), ""),
        (Budget(10, 200, 5.0), ""),
        (Budget(requests=9), "the profile may use 10 requests, the target's budget is 9: nothing was sent"),
        (Budget(tokens=199), "the profile may use 200 tokens, the target's budget is 199: nothing was sent"),
        (Budget(seconds=4), "the profile may use 5 seconds, the target's budget is 4: nothing was sent"),
    ],
)
def test_a_profile_that_may_use_more_is_not_begun(budget: Budget, told: str) -> None:
    assert refusal(TEN, budget) == told


def test_an_extension_counts_as_it_may_be_used() -> None:
    assert refusal(replace(TEN, extend_s=2.0), Budget(seconds=6)).startswith("the profile may use 7 seconds")


def test_a_run_ends_with_its_last_answer_and_a_search_with_that_of_each_trial() -> None:
    assert replace(TEN, extend_s=2.0, timeout_s=30.0).ends_within_s == 5 + 2 + 30
    search = Search(1.0, 8.0, 10.0, 20.0, resolution=0.25)  # 2 + 3 doublings + 2 halvings, and 3 confirmations
    sought = replace(TEN, stages=(), search=search, timeout_s=30.0)
    assert sought.ends_within_s == 7 * 10 + 3 * 20 + 10 * 30


def test_the_highest_rate_is_that_of_the_fullest_second() -> None:
    assert replace(TEN, stages=(LoadStage(5.0, 2.0, 2.0), LoadStage(5.0, 9.0, 9.0))).highest_rate_per_s == 9
    assert replace(TEN, stages=(), users=Users(40, 10.0, 8.0)).highest_rate_per_s == 5


def test_a_calibration_says_how_much_of_a_core_a_rate_takes() -> None:
    ours = Calibration(0.2, 2.0, 1.0, 40.0)
    assert ours.core_share(100.0, 50.0) == pytest.approx(0.3)
    assert worst([ours, None, Calibration(0.1, 3.0, 0.5, 50.0)]) == Calibration(0.2, 3.0, 1.0, 50.0)
    assert worst([None]) is None
