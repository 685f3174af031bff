"""Is a limit kept exactly: what passed in a window in, flaws out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def asked_wait_s(retry_after: str) -> float | None:
    """The seconds that Retry-After means: a number of them, or a date (RFC 9110, section 10.2.3); None: neither."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True)
class Exhausted:
    """Requests that were sent one after the other until one was refused, or enough had passed."""

    passed: int
    tokens: int
    """Of the answers that passed."""
    largest: int
    """Tokens of the largest of them."""
    refused: int | None
    """The status of the refusal; None if none came."""
    retry_after_s: float | None = None
    """What the refusal asked for."""
    began_s: float = 0.0
    ended_s: float = 0.0
    """Unix time of the first request and of the last answer."""
    refusal: str = field(default="", repr=False)
    """The text of the refusal."""


def request_flaws(seen: Exhausted, limit: int) -> list[str]:
    """Where not exactly `limit` requests passed, and the next was not refused with 429."""
    fewer = [_passed(seen, limit)] if seen.refused is not None and seen.passed < limit else []
    return [*fewer, *past_limit_flaws(seen, limit)]


def past_limit_flaws(seen: Exhausted, limit: int) -> list[str]:
    """Where more than `limit` requests passed, or the next was not refused with 429."""
    if seen.refused is None:
        return [_unlimited(seen, f"{seen.passed} requests", limit)]
    return [*([] if seen.passed <= limit else [_passed(seen, limit)]), *_refusal_flaws(seen.refused)]


def _passed(seen: Exhausted, limit: int) -> str:
    return f"{seen.passed} requests passed in a window, the limit is {limit}"


def token_flaws(seen: Exhausted, limit: int) -> list[str]:
    """Where the tokens that passed are not the limit's, give or take the largest answer.

    A gateway counts an answer's tokens when it has ended, or reserves them before it begins; so one answer more or less
    may pass.
    """
    if seen.refused is None:
        return [_unlimited(seen, f"{seen.tokens} tokens", limit)]
    low, high = limit - seen.largest, limit + seen.largest
    kept = low <= seen.tokens <= high
    text = f"{seen.tokens} tokens passed in a window, the limit is {limit} (answers of {seen.largest})"
    return [*([] if kept else [text]), *_refusal_flaws(seen.refused)]


def _unlimited(seen: Exhausted, passed: str, limit: int) -> str:
    return f"no request was refused: {passed} passed in {seen.ended_s - seen.began_s:.1f} s, the limit is {limit}"


def _refusal_flaws(refused: int) -> list[str]:
    return [] if refused == 429 else [f"past the limit: HTTP {refused}, wanted 429"]


def may_hold_border(seen: Exhausted, limit: int, spent: int) -> bool:
    """Whether the window may have changed meanwhile: more than one window's worth passed, no more than two.

    Args:
        seen: what passed.
        limit: of one window.
        spent: what passed, in the limit's unit.
    """
    return seen.refused is not None and limit < spent <= 2 * limit


def is_past(seen: Exhausted, limit: int, spent: int, window_s: float) -> bool:
    """Whether more passed than the limit lets through in all windows that the requests can have touched.

    Args:
        seen: what passed, and when.
        limit: of one window.
        spent: what passed, in the limit's unit.
        window_s: of the limit.
    """
    touched = int((seen.ended_s - seen.began_s) / window_s) + 2
    return spent > limit * touched


def burst_flaws(statuses: Sequence[int | str], arrived: int, slowest_s: float, patience_s: float) -> list[str]:
    """What is wrong with the answers to a burst: each is answered or refused, in time, and none is lost.

    Args:
        statuses: HTTP statuses; a text where no answer came, saying why.
        arrived: how many of them reached the provider, or were answered by the cache; retries may make it more.
        slowest_s: of the answers.
        patience_s: how long an answer may take.
    """
    lost = [status for status in statuses if isinstance(status, str)]
    odd = sorted({status for status in statuses if isinstance(status, int) and status not in (200, 429, 503)})
    answered = statuses.count(200)
    flaws = [f"{len(lost)} of {len(statuses)} requests got no answer: {lost[0]}"] if lost else []
    flaws += [f"HTTP {', '.join(map(str, odd))}, wanted 200, 429 or 503"] if odd else []
    flaws += [f"{answered} were answered, but only {arrived} arrived at the provider"] if arrived < answered else []
    flaws += [] if answered else ["none was answered"]
    return flaws if slowest_s <= patience_s else [*flaws, f"one took {slowest_s:.1f} s, at most {patience_s:g}"]
