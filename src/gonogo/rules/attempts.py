"""Where a request's attempts arrived: counts and times in, flaws out."""

from collections.abc import Sequence


def attempt_flaws(names: Sequence[str], moved: Sequence[int | None], broken: int, most: int) -> list[str]:
    """What is wrong with the attempts of one request whose first links are broken.

    Args:
        names: the chain's providers, in its order.
        moved: how many attempts arrived at each; None where that cannot be counted.
        broken: how many of the first links are broken; all of them: the chain is exhausted.
        most: attempts that one link may get (one, and its retries).
    """
    flaws = []
    for i, (name, count) in enumerate(zip(names, moved, strict=True)):
        if count is None:
            continue
        if i <= broken and count < 1:
            flaws.append(f"{name}, link {i + 1} of the chain, was not asked")
        elif i <= broken and count > most:
            flaws.append(f"{name}, link {i + 1} of the chain, was asked {count} times, at most {most} are allowed")
        elif i > broken and count > 0:
            flaws.append(f"{name}, link {i + 1} of the chain, was asked although an earlier one works")
    return flaws


def most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    """The largest number of requests that were under way at a time; each is (begin, end) in seconds."""
    # at the same instant an end comes before a beginning: one that ends does not overlap the next
    steps = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most
