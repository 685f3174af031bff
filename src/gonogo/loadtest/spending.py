"""What a load run has used up, and what it may use."""

from dataclasses import dataclass

from gonogo.loadtest.profile import Profile
from gonogo.targets.model import Budget


@dataclass(frozen=True)
class Spent:
    """What a run has used up, its warm-up and all trials of a search included."""

    requests: int = 0
    tokens: int = 0
    """Of the answers."""
    cost: float = 0.0
    """In the currency of the prices; 0 where there are none."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.requests + other.requests, self.tokens + other.tokens, self.cost + other.cost)

    def beyond(self, budget: Budget, most_cost: float | None) -> str:
        """Which budget is used up; empty if none is."""
        if most_cost is not None and self.cost > most_cost:
            return f"the budget of {most_cost:g} was spent"
        for name, limit in (("requests", budget.requests), ("tokens", budget.tokens)):
            if limit is not None and getattr(self, name) > limit:
                return f"the budget of {limit} {name} (target file: budget) was spent"
        return ""


def refusal(profile: Profile, budget: Budget) -> str:
    """Why a profile is not begun: it may use more than the whole budget; empty if it may not."""
    seconds = profile.seconds + profile.extend_s
    wanted = {"requests": profile.requests, "tokens": profile.most_tokens, "seconds": seconds}
    for name, most in wanted.items():
        limit = getattr(budget, name)
        if limit is not None and most > limit:
            return f"the profile may use {most:g} {name}, the target's budget is {limit:g}: nothing was sent"
    return ""
