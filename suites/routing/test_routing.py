"""Does the gateway send requests where the configuration says, also when a provider fails?"""

from gonogo.errors import NotDeclared
from gonogo.faults.injection import Injector
from gonogo.fixtures.probes import request_counter
from gonogo.fixtures.routing import Surroundings, await_turn, fresh_prompt
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat
from gonogo.probes.gateway import served


@check("routing.alias.served_by_mapped", severity="critical", covers=["R1"], smoke=True, exclusive=True)
def test_alias_served_by_mapped(routed: tuple[Chat, Chat], around: Surroundings) -> None:
    """A model is served by the provider that it is mapped to: headers, body and the provider's counter agree."""
    through, direct = routed
    provider, question = direct.endpoint, "¿Quién responde?"
    if provider.control_url is not None:
        (arrivals,) = around.arrivals([provider])
        for _ in range(2):  # a provider that was slow just once is left for another: a wrong mapping shows again
            await_turn(through, arrivals)  # one that failed just now may be left alone for a while, but no longer
            answer = through.ask(prompt := fresh_prompt(question), max_tokens=4)
            moved = len(arrivals.of(prompt))
            if not moved or served(through.endpoint, answer).model in (None, through.model.name):
                break
    elif provider.requests_metric is not None:
        counter = request_counter(provider, around.client, around.context)
        before = counter.read()
        answer = through.ask(fresh_prompt(question), max_tokens=4)
        moved = int(counter.moved_since(before, 1))
    else:
        raise NotDeclared(f"{provider.name} does not count what arrives (control_url, or requests_metric)")
    seen, names = served(through.endpoint, answer), {through.model.name, direct.model.name}
    flaws = [] if answer.status == 200 else [f"HTTP {answer.status}: {answer.http.text[:200]}"]
    flaws += [] if moved else [f"{provider.name} was not asked, as it counts"]
    flaws += [] if not seen.fallbacks else [f"the gateway tells of {seen.fallbacks} fallbacks"]
    flaws += [] if seen.model in (None, through.model.name) else [f"the gateway's header names {seen.model}"]
    named = str(answer.body.get("model", through.model.name))
    is_known = named in names or named.rpartition("/")[2] in {name.rpartition("/")[2] for name in names}
    expect_flawless(flaws if is_known else [*flaws, f"the body names {named}"])


@check("routing.fallback.answers", severity="critical", covers=["R2"], permission="disruptive", smoke=True)
def test_fallback_answers(fallback_chat: Chat, injector: Injector) -> None:
    """When the first provider answers 500, the next link of the chain answers instead."""
    with injector.broken({"control": fallback_chat.model.provider, "fault": "http-500"}):
        answer = fallback_chat.ask(fresh_prompt("¿Y si falla el primero?"), max_tokens=4)
    by = served(fallback_chat.endpoint, answer).model
    assert (answer.status, answer.is_empty, by != fallback_chat.model.name) == (200, False, True)
