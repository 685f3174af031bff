"""Does the gateway go on when its Redis stops, hangs, takes no writes, is full, slow or empty?"""

import time
from typing import Any

import pytest

from gonogo.errors import EndpointFailedError, NotDeclared, StarvedError
from gonogo.fixtures.caches import Cached, Outage
from gonogo.fixtures.routing import PAUSE_S, fresh_prompt
from gonogo.plugin import check, expect_flawless
from gonogo.probes.http import Http
from gonogo.probes.redis import RedisProbe
from gonogo.rules.pointers import pointed
from gonogo.targets.endpoints import CacheState, Endpoint

RECONNECT_S = 5.0
"""A gateway that gave its cache up may try again as seldom as it does with a provider, and need as long to connect."""


@check("routing.cache.reachable", severity="major", covers=["R8"], smoke=True)
def test_cache_reachable(redis: RedisProbe) -> None:
    """The Redis behind the gateway answers, and is a master that takes writes."""
    assert redis.info().get("role") == "master"


@check("routing.outage.survived", severity="critical", covers=["R8"], permission="disruptive")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_outage_survived(cached: Cached, outage: Outage, stream: bool) -> None:
    """However the cache fails, requests are answered by the provider, in time."""
    flaws, starved = [], None
    with outage.lasts():
        for opt_in in (cached.opt_in, {}):
            try:
                answer = cached.chat.ask(fresh_prompt("¿Y sin caché?"), stream=stream, max_tokens=8, **opt_in)
            except StarvedError as error:
                starved = error
                continue
            except EndpointFailedError as error:
                flaws.append(str(error))
                continue
            if answer.status != 200 or answer.is_empty or not answer.done:
                flaws.append(f"HTTP {answer.status}: {answer.http.text[:200]}")
    expect_flawless(flaws)
    if starved is not None:
        raise starved


@check("routing.outage.returns", severity="major", covers=["R8"], permission="disruptive")
def test_outage_returns(cached: Cached, outage: Outage, redis: RedisProbe) -> None:
    """When the cache works again, the gateway uses it again, without a restart."""
    with outage.lasts():
        cached.chat.try_once(fresh_prompt("¿Y sin caché?"), max_tokens=8, **cached.opt_in)
    patience_s = cached.chat.endpoint.routing.cooldown_s + RECONNECT_S
    began, last, waited_s = time.monotonic(), "", 0.0
    while waited_s <= patience_s:
        waited_s = time.monotonic() - began
        prompt = fresh_prompt("¿Ha vuelto?")
        cached.ask(prompt)
        second = cached.ask(prompt)
        if cached.is_hit(second) and cached.is_in(redis, second):
            redis.note("back in use", {"after_s": round(waited_s, 1)})
            return
        time.sleep(PAUSE_S)
        last = f"not after {waited_s:.1f} s"
    expect_flawless([f"the gateway does not use its cache again: {last}"])


@check("routing.outage.told", severity="minor", covers=["R8"], permission="disruptive")
def test_outage_told(gateway: Endpoint, gateway_http: Http, stopped_cache: Outage) -> None:
    """While the cache is down, the gateway says so."""
    state = gateway.routing.cache_state
    if state is None:
        raise NotDeclared("the target does not say where the gateway tells that its cache works (routing.cache_state)")
    before = _told(gateway_http, state)
    with stopped_cache.lasts():
        during = _told(gateway_http, state)
    assert during != before, f"{state.path} says {before!r} while the cache is down, as it does when it works"


def _told(http: Http, state: CacheState) -> Any:  # noqa: ANN401 (any JSON)
    return pointed(http.get(state.path).json(), state.pointer)
