"""Does the gateway send requests where the configuration says, also when a provider fails?"""

import uuid

from fixtures.probes import counter_of
from gonogo.faults.injection import Injector
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat
from gonogo.probes.context import ProbeContext
from gonogo.probes.gateway import served
from gonogo.probes.http import Client
from gonogo.targets.model import Target


@check("routing.alias.served_by_mapped", severity="critical", covers=["R1"], smoke=True, exclusive=True)
def test_alias_served_by_mapped(routed_chat: Chat, target: Target, client: Client, context: ProbeContext) -> None:
    """A model is served by the provider that it is mapped to: headers, body and the provider's counter agree."""
    model, provider = routed_chat.model, target.provider(routed_chat.model.provider)
    assert provider is not None
    before = counter_of(provider, client, context) or 0
    answer = routed_chat.ask(f"¿Quién responde? [{uuid.uuid4()}]", max_tokens=4)
    moved = (counter_of(provider, client, context) or 0) - before
    seen = served(routed_chat.endpoint, answer)
    upstream = target.upstream_of(model)
    names = {model.name, upstream[1].name if upstream else model.name}
    flaws = [] if answer.status == 200 else [f"HTTP {answer.status}: {answer.http.text[:200]}"]
    flaws += [] if moved >= 1 else [f"{provider.name}'s own counter did not move"]
    flaws += [] if not seen.fallbacks else [f"the gateway tells of {seen.fallbacks} fallbacks"]
    flaws += [] if seen.model in (None, model.name) else [f"the gateway's header names {seen.model}"]
    named = str(answer.body.get("model", model.name))
    flaws += [] if named.rpartition("/")[2] in names else [f"the body names {named}"]
    expect_flawless(flaws)


@check("routing.fallback.answers", severity="critical", covers=["R2"], permission="disruptive", smoke=True)
def test_fallback_answers(fallback_chat: Chat, injector: Injector) -> None:
    """When the first provider answers 500, the next link of the chain answers instead."""
    prompt = f"¿Y si falla el primero? [{uuid.uuid4()}]"
    with injector.broken({"control": fallback_chat.model.provider, "fault": "http-500"}):
        answer = fallback_chat.ask(prompt, max_tokens=4)
    by = served(fallback_chat.endpoint, answer).model
    assert (answer.status, bool(answer.text), by != fallback_chat.model.name) == (200, True, True)
