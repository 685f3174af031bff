"""Do requests go where the weights say, and elsewhere when a member of a pool fails?"""

import pytest

from gonogo.errors import InconclusiveError
from gonogo.faults.failures import FAILURES
from gonogo.fixtures.routing import fresh_prompt
from gonogo.fixtures.shares import POOL_FAILURES, Pool
from gonogo.plugin import check, expect_flawless, settle

TRIES = 3
"""On a busy machine a gateway may give its requests up before the broken member, which it asked, got any of them."""


@check("routing.pool.shares", severity="major", covers=["R9"], exclusive=True)
def test_pool_shares(pool: Pool) -> None:
    """The members of a pool get the shares of the requests that their weights say, within a margin."""
    settle(pool.decide_shares())


@check("routing.pool.survives", severity="critical", covers=["R2", "R9"], permission="disruptive")
@pytest.mark.parametrize("failure", POOL_FAILURES)
def test_pool_survives(pool: Pool, failure: str) -> None:
    """When a member of a pool fails, the others answer, and no request is lost."""
    broken = pool.arrivals[pool.first]
    with pool.broken(FAILURES[failure]):
        for _ in range(TRIES):
            prompt = fresh_prompt("¿Y si falla uno?")
            answers = pool.ask_at_once(prompt)
            lost = [f"HTTP {answer.status}: {answer.http.text[:120]}" for answer in answers if answer.status != 200]
            if lost or not FAILURES[failure].arrives or broken.of(prompt):
                break
        else:
            raise InconclusiveError(f"none of {TRIES} times {len(answers)} requests reached {broken.name}")
    expect_flawless([f"{len(lost)} of {len(answers)} requests were lost: {lost[0]}"] if lost else [])


@check("routing.canary.share", severity="critical", covers=["R11"], exclusive=True)
def test_canary_share(canary: Pool) -> None:
    """A new provider gets the slice of the requests that it was given, within a margin."""
    settle(canary.decide_shares())
