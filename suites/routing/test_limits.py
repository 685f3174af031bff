"""Are limits kept exactly, for whom they are meant, and told so that a polite client can wait?"""

import time

from gonogo.errors import InconclusiveError
from gonogo.fixtures.limits import MOST_WAITED_S, Burst, exhaust, use_up
from gonogo.fixtures.routing import fresh_prompt
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat
from gonogo.probes.http import Http
from gonogo.rules.attempts import most_at_once
from gonogo.rules.limits import burst_flaws, request_flaws, token_flaws
from gonogo.targets.endpoints import Endpoint, Tenant

EARLY_S = 0.5
"""Retry-After counts whole seconds (RFC 9110, section 10.2.3); a client may be that much early."""


@check("routing.limits.enforced", severity="major", covers=["R7"], exclusive=True)
def test_limits_enforced(limited_chat: Chat) -> None:
    """Exactly the limit of requests passes in a window, and the next one gets 429."""
    limit = limited_chat.model.rpm or 0
    expect_flawless(request_flaws(exhaust(limited_chat, limit, lambda seen: seen.passed), limit))


@check("routing.limits.retry_after", severity="minor", covers=["R7"], exclusive=True)
def test_limits_retry_after(limited_chat: Chat) -> None:
    """A refused client is told how long to wait, and is let in when it has waited."""
    limit = limited_chat.model.rpm or 0
    seen = use_up(limited_chat, limit)
    assert seen.retry_after_s is not None, f"HTTP {seen.refused} without Retry-After"
    if seen.retry_after_s > MOST_WAITED_S:
        raise InconclusiveError(f"Retry-After asks for {seen.retry_after_s:g} s, too long to wait here")
    time.sleep(seen.retry_after_s + EARLY_S)
    polite = limited_chat.try_once(fresh_prompt("¿Y ahora?"), max_tokens=1)
    assert polite.status == 200, f"HTTP {polite.status} after waiting {seen.retry_after_s:g} s, as Retry-After asked"


@check("routing.limits.others", severity="major", covers=["R7"], exclusive=True)
def test_limits_others(limited_chat: Chat, routed_chat: Chat) -> None:
    """A model whose limit is reached does not keep others from being asked."""
    limit = limited_chat.model.rpm or 0
    use_up(limited_chat, limit)
    other = routed_chat.try_once(fresh_prompt("¿Y los demás?"), max_tokens=1)
    assert other.status == 200, f"{routed_chat.model.name} answers HTTP {other.status}"


@check("routing.limits.tokens", severity="major", covers=["R7"], exclusive=True)
def test_limits_tokens(token_limited_chat: Chat) -> None:
    """The limit of tokens a minute is kept, give or take one answer."""
    limit = token_limited_chat.model.tpm or 0
    expect_flawless(token_flaws(exhaust(token_limited_chat, limit, lambda seen: seen.tokens), limit))


@check("routing.limits.key", severity="major", covers=["R7"], exclusive=True)
def test_limits_key(gateway: Endpoint, gateway_http: Http, limited_tenant: Tenant, routed_chat: Chat) -> None:
    """Exactly a key's limit of requests passes in a window, and the next one gets 429."""
    chat = Chat(gateway, routed_chat.model, gateway_http.with_key(limited_tenant.key))
    limit = limited_tenant.rpm or 0
    expect_flawless(request_flaws(exhaust(chat, limit, lambda seen: seen.passed), limit))


@check("routing.limits.keys_apart", severity="major", covers=["R7"], exclusive=True)
def test_limits_keys_apart(gateway: Endpoint, gateway_http: Http, limited_tenant: Tenant, routed_chat: Chat) -> None:
    """A caller whose limit is reached does not keep others from asking."""
    chat = Chat(gateway, routed_chat.model, gateway_http.with_key(limited_tenant.key))
    limit = limited_tenant.rpm or 0
    use_up(chat, limit)
    other = routed_chat.try_once(fresh_prompt("¿Y los demás?"), max_tokens=1)
    assert other.status == 200, f"another key gets HTTP {other.status}"


@check("routing.limits.parallel", severity="major", covers=["R7"], exclusive=True)
def test_limits_parallel(burst: Burst) -> None:
    """No more requests are passed on at a time than the limit says."""
    most = most_at_once(burst.spans)
    assert most <= burst.limit, f"{most} requests at a time reached the provider, the limit is {burst.limit}"


@check("routing.burst.answered", severity="critical", covers=["R13"], exclusive=True)
def test_burst_answered(burst: Burst) -> None:
    """Of a burst beyond the limit every request is answered or refused, in time, and none is lost."""
    expect_flawless(burst_flaws(burst.statuses, len(burst.spans) + burst.cached, burst.slowest_s, burst.patience_s))
