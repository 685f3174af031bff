"""Where a request's attempts arrived, link by link of its chain of fallbacks: counts in, flaws out."""

from collections.abc import Sequence


def attempt_flaws(names: Sequence[str], moved: Sequence[float], broken: int, most: int) -> list[str]:
    """What is wrong with the attempts of one request whose first links are broken.

    Args:
        names: the chain's providers, in its order.
        moved: how many attempts arrived at each.
        broken: how many of the first links are broken; all of them: the chain is exhausted.
        most: attempts that one link may get (one, and its retries).
    """
    flaws = []
    for i, (name, count) in enumerate(zip(names, moved, strict=True)):
        if i <= broken and count < 1:
            flaws.append(f"{name}, link {i + 1} of the chain, was not asked")
        elif i <= broken and count > most:
            flaws.append(f"{name}, link {i + 1} of the chain, was asked {count:g} times, at most {most} are allowed")
        elif i > broken and count > 0:
            flaws.append(f"{name}, link {i + 1} of the chain, was asked although an earlier one works")
    return flaws
