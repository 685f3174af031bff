"""Does the gateway send requests where the configuration says, also when a provider fails?"""

import uuid

from fixtures.probes import counter_of
from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.faults.catalogue import Fault
from gonogo.faults.injection import Injector
from gonogo.plugin import check
from gonogo.probes.chat import Chat
from gonogo.probes.context import ProbeContext
from gonogo.probes.gateway import served
from gonogo.probes.http import Client
from gonogo.probes.redis import RedisProbe
from gonogo.targets.model import Target


@check("routing.alias.served_by_mapped", severity="critical", covers=["R1"], smoke=True, exclusive=True)
def test_alias_served_by_mapped(routed_chat: Chat, target: Target, client: Client, context: ProbeContext) -> None:
    """A model is served by the provider that it is mapped to: the gateway's header and the provider's counter agree."""
    provider = target.provider(routed_chat.model.provider)
    assert provider is not None
    before = counter_of(provider, client, context) or 0
    answer = routed_chat.ask(f"¿Quién responde? [{uuid.uuid4()}]", max_tokens=4)
    moved = (counter_of(provider, client, context) or 0) - before
    assert (answer.status, served(answer).attempted_fallbacks or 0, moved >= 1) == (200, 0, True)


@check("routing.fallback.answers", severity="critical", covers=["R2"], permission="disruptive", smoke=True)
def test_fallback_answers(fallback_chat: Chat, injector: Injector) -> None:
    """When the first provider answers 500, the next link of the chain answers instead."""
    step = {"control": fallback_chat.model.provider, "fault": "http-500"}
    fault = Fault("probe", "the first provider answers 500", "own", "", (), (step,))
    with injector.switched_on(fault):
        answer = fallback_chat.ask(f"¿Y si falla el primero? [{uuid.uuid4()}]", max_tokens=4)
    assert (answer.status, bool(answer.text), served(answer).model_group != fallback_chat.model.name) == (
        200,
        True,
        True,
    )


@check("routing.cache.hit", severity="major", covers=["R6"], smoke=True)
def test_cache_hit(routed_chat: Chat) -> None:
    """The same request asked twice is answered from the cache the second time, with the same text."""
    opt_in = routed_chat.endpoint.cache_request
    if opt_in is None:
        raise NotDeclared("the target does not say how a request uses the gateway's cache (cache_request)")
    prompt = f"¿Se guarda esta respuesta? {uuid.uuid4()}"  # never asked before: an old entry proves nothing
    first, second = (routed_chat.ask(prompt, max_tokens=8, **opt_in) for _ in range(2))
    assert (served(first).from_cache, served(second).from_cache) == (False, True), "wanted a miss, then a hit"
    assert second.text == first.text


@check("routing.cache.stored", severity="major", covers=["R6"], smoke=True)
def test_cache_stored(routed_chat: Chat, redis: RedisProbe) -> None:
    """What the gateway answers from its cache is in Redis, where the other replicas find it."""
    opt_in = routed_chat.endpoint.cache_request
    if opt_in is None:
        raise NotDeclared("the target does not say how a request uses the gateway's cache (cache_request)")
    prompt = f"¿Dónde se guarda esta respuesta? {uuid.uuid4()}"
    routed_chat.ask(prompt, max_tokens=8, **opt_in)
    key = served(routed_chat.ask(prompt, max_tokens=8, **opt_in)).cache_key
    if key is None:
        raise InconclusiveError("the gateway answers nothing from its cache: see routing.cache.hit")
    assert redis.holds(key), f"Redis does not hold {key}"


@check("routing.cache.reachable", severity="major", covers=["R8"], smoke=True)
def test_cache_reachable(redis: RedisProbe) -> None:
    """The Redis behind the gateway answers, and is a master that takes writes."""
    assert redis.info().get("role") == "master"


@check("routing.limits.enforced", severity="major", covers=["R7"])
def test_limits_enforced(statuses_past_limit: list[int]) -> None:
    """Past the limit of requests a minute the gateway refuses with 429."""
    assert 429 in statuses_past_limit
