"""Is the gateway's cache right: hits that equal their misses, kept apart, kept for as long as they should be?"""

import time
from statistics import median
from typing import Any

import pytest

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.faults.failures import FAILURES
from gonogo.fixtures.caches import Cached, cached_of
from gonogo.fixtures.routing import Chain, await_turn, fresh_prompt
from gonogo.objectives import decide_share
from gonogo.plugin import check, expect_flawless, settle
from gonogo.probes.redis import RedisProbe
from gonogo.targets.endpoints import Tenant
from gonogo.targets.model import Target

TRIES = 5
WARM_PROMPTS, ROUNDS = 10, 4
LONGEST_TTL_S = 20.0
LATE_S = 1.0
"""Redis expires within a second; a gateway's clock may be rounded to whole seconds."""

_TOOL = {"type": "function", "function": {"name": "precio", "parameters": {"type": "object", "properties": {}}}}
CHANGES: dict[str, Any] = {
    "temperature": 0.9,
    "max_tokens": 23,
    "top_p": 0.5,
    "seed": 7,
    "stop": ["zzz"],
    "n": 2,
    "response_format": {"type": "json_object"},
    "tools": [_TOOL],
    "presence_penalty": 0.5,
    "logprobs": True,
}
"""Each parameter that changes an answer, with a value that the request before it did not have."""


@check("routing.cache.hit", severity="major", covers=["R6"], smoke=True)
def test_cache_hit(cached: Cached) -> None:
    """The same request asked twice is answered from the cache the second time, with the same text and its reasoning."""
    prompt = fresh_prompt("¿Se guarda esta respuesta?")  # never asked before: an old entry proves nothing
    first, second = (cached.ask(prompt) for _ in range(2))
    hits = (cached.is_hit(first), cached.is_hit(second))
    assert hits == (False, True), "wanted a miss, then a hit"
    assert (second.text, second.thought) == (first.text, first.thought)


@check("routing.cache.stored", severity="major", covers=["R6"], smoke=True)
def test_cache_stored(cached: Cached, redis: RedisProbe) -> None:
    """What the gateway answers from its cache is in Redis, where the other replicas find it."""
    prompt = fresh_prompt("¿Dónde se guarda esta respuesta?")
    cached.ask(prompt)
    second = cached.ask(prompt)
    if not cached.is_hit(second):
        raise InconclusiveError("the gateway answers nothing from its cache: see routing.cache.hit")
    assert cached.is_in(redis, second), "Redis does not hold the answer that came from the cache"


@check("routing.cache.streamed", severity="major", covers=["R6"])
def test_cache_streamed(cached: Cached) -> None:
    """A streamed answer from the cache is a whole stream, with the text that the provider streamed."""
    prompt = fresh_prompt("¿Se guarda este flujo?")
    first, second = (cached.ask(prompt, stream=True) for _ in range(2))
    if not cached.is_hit(second):
        raise NotDeclared("the gateway does not cache streams")
    flaws = [] if second.done else ["the stream from the cache did not end"]
    flaws += [] if second.text == first.text else [f"the cache streamed {second.text!r}, the provider {first.text!r}"]
    flaws += ["the stream from the cache has lost its reasoning"] if first.thought and not second.thought else []
    same_end = second.finish_reasons == first.finish_reasons
    expect_flawless(flaws if same_end else [*flaws, f"finish reasons {second.finish_reasons}, {first.finish_reasons}"])


@check("routing.cache.quicker", severity="minor", covers=["R6"], exclusive=True)
def test_cache_quicker(cached: Cached) -> None:
    """An answer from the cache comes sooner than one from the provider."""
    misses, hits = [], []
    for _ in range(TRIES):
        prompt = fresh_prompt("¿Cuánto tarda?")
        misses.append(cached.ask(prompt).http.duration_ms)
        answer = cached.ask(prompt)
        hits += [answer.http.duration_ms] if cached.is_hit(answer) else []
    if not hits:
        raise InconclusiveError("the gateway answers nothing from its cache: see routing.cache.hit")
    assert median(hits) < median(misses), f"a hit took {median(hits):.0f} ms, a miss {median(misses):.0f} ms"


@check("routing.cache.parameters", severity="critical", covers=["R6"])
@pytest.mark.parametrize("parameter", CHANGES)
def test_cache_parameters(cached: Cached, parameter: str) -> None:
    """A request that differs in one parameter is not answered with another one's answer."""
    if parameter == "temperature" and cached.chat.model.fixed_sampling:
        raise NotDeclared(f"{cached.chat.model.name} takes no temperature")
    prompt = fresh_prompt("¿Se mezclan los parámetros?")
    cached.store(prompt)
    changed = cached.chat.ask(prompt, **{"max_tokens": 24, **cached.opt_in, parameter: CHANGES[parameter]})
    if changed.status != 200:
        raise NotDeclared(f"{cached.chat.model.name} does not take {parameter}: HTTP {changed.status}")
    assert not cached.is_hit(changed), f"{parameter} is not part of the cache's key"


@check("routing.cache.messages", severity="critical", covers=["R6"])
def test_cache_messages(cached: Cached) -> None:
    """A similar question, another history, or another system prompt makes another request."""
    prompt = fresh_prompt("¿Y cuánto cuesta?")
    last = {"role": "user", "content": prompt}
    cached.store(prompt)
    histories = {
        "a system prompt": [{"role": "system", "content": "Responde en una palabra."}, last],
        "a word of the question": [{"role": "user", "content": prompt.replace("cuesta", "pesa")}],
        "a history": [{"role": "user", "content": "Hola"}, {"role": "assistant", "content": "Hola"}, last],
    }
    answers = {name: cached.ask(messages) for name, messages in histories.items()}
    shared = [name for name, answer in answers.items() if cached.is_hit(answer)]
    expect_flawless([f"{name} is not part of the cache's key" for name in shared])


@check("routing.cache.tenants", severity="critical", covers=["R6"])
def test_cache_tenants(cached: Cached, tenant: Tenant) -> None:
    """One caller's answer is not given to another caller."""
    prompt = fresh_prompt("¿Quién más ve esto?")
    cached.store(prompt)
    other = cached.as_tenant(tenant).ask(prompt)
    assert not cached.is_hit(other), f"{tenant.name} got the answer of another caller"


@check("routing.cache.expires", severity="major", covers=["R6"])
def test_cache_expires(cached: Cached) -> None:
    """An answer stays in the cache for its time, and no longer."""
    routing = cached.chat.endpoint.routing
    if routing.cache_ttl_s is None:
        raise NotDeclared("the target does not say how long an answer stays cached (routing.cache_ttl_s)")
    if routing.cache_ttl_s > LONGEST_TTL_S:
        raise NotDeclared(f"{routing.cache_ttl_s:g} s are too long to wait for: declare cache_ttl_request")
    brief = Cached(cached.chat, routing.cache_ttl_request or cached.opt_in)
    prompt, began = fresh_prompt("¿Hasta cuándo?"), time.monotonic()
    brief.ask(prompt)
    kept, asked_s = cached.is_hit(brief.ask(prompt)), time.monotonic() - began
    if asked_s >= routing.cache_ttl_s:
        raise InconclusiveError(f"two requests took {asked_s:.1f} s, longer than an answer stays cached")
    time.sleep(routing.cache_ttl_s + LATE_S)
    late = cached.is_hit(brief.ask(prompt))
    assert (kept, late) == (True, False), f"within {routing.cache_ttl_s:g} s: hit {kept}; after it: hit {late}"


@check("routing.cache.hit_rate", severity="major", covers=["R6"])
def test_cache_hit_rate(cached: Cached, redis: RedisProbe, target: Target) -> None:
    """After a warm-up most of the same questions are answered from the cache."""
    prompts = [fresh_prompt("¿Cuántas veces?") for _ in range(WARM_PROMPTS)]
    for prompt in prompts:
        cached.ask(prompt)
    before = redis.hits()
    answers = [cached.ask(prompt) for _ in range(ROUNDS) for prompt in prompts]
    hits, moved = sum(map(cached.is_hit, answers)), redis.hits() - before
    # a gateway may keep what it has just stored in its own memory as well: then Redis is asked less often
    redis.note("keyspace_hits while asking", {"gateway_hits": hits, "redis_hits": moved, "asked": len(answers)})
    settle(decide_share(hits, len(answers), target.bands["cache_hit_rate"]))


@check("routing.cache.errors", severity="major", covers=["R6"], permission="disruptive")
def test_cache_errors(chain: Chain) -> None:
    """An error is not kept: the same request is answered as soon as a provider works again."""
    cached, prompt = cached_of(chain.chat), fresh_prompt("¿Se guarda el error?")
    with chain.broken(FAILURES["500"], len(chain.links)):
        broken = chain.chat.try_once(prompt, max_tokens=24, **cached.opt_in)
    await_turn(chain.chat, chain.arrivals[0])
    after = chain.chat.try_once(prompt, max_tokens=24, **cached.opt_in)
    if broken.status == 200:
        raise InconclusiveError("with every provider broken the answer is HTTP 200: see routing.fallback.exhausted")
    assert (after.status, cached.is_hit(after)) == (200, False)
