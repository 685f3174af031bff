"""Does a chain of fallbacks hold, however a provider fails? Attempts are counted where they arrive."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gonogo import resources
from gonogo.errors import InconclusiveError, NotDeclared, Unsupported
from gonogo.faults.failures import FAILURES, Failure
from gonogo.fixtures.routing import Chain, await_turn, fresh_prompt
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat, ChatAnswer
from gonogo.rules.attempts import attempt_flaws
from gonogo.rules.refusals import form_flaws, leaks
from gonogo.rules.structured import improbable_schema, json_flaws, schema_request
from gonogo.rules.tool_calls import streamed_calls, whole_calls

LIMIT = 8
ROOM = 300
CUT_AFTER, ROOM_CUT = 3, 24
BEYOND, ROOMY = 1.25, 3
"""Words of one token or two, for each token of a window: beyond it, and within one that is so much larger."""
MARGIN_S = 0.5
"""What a clock and a scheduler may add to a cooldown."""
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def _answer_flaws(answer: ChatAnswer) -> list[str]:
    """What is wrong with an answer that a user gets although a provider failed."""
    empty = answer.status == 200 and answer.is_empty
    return [*_status_flaws(answer), *(["the answer is empty"] if empty else [])]


def _attempts(chain: Chain, prompt: str, failure: Failure, broken: int) -> list[str]:
    """What is wrong with the attempts of a prompt; those at a link that they cannot have reached do not count."""
    seen = chain.moved(prompt)
    moved = [count if i >= broken or failure.arrives else None for i, count in enumerate(seen)]
    if failure.answers and seen[0] and not any(seen[broken:]):
        broken = 0  # the gateway took the first link's answer, which it may
    return attempt_flaws(chain.names, moved, broken, chain.most_attempts)


@check("routing.fallback.survives", severity="critical", covers=["R2"], permission="disruptive")
@BOTH
def test_fallback_survives(chain: Chain, failure: Failure, stream: bool, request: pytest.FixtureRequest) -> None:
    """However the first provider fails, there is an answer, and no link is asked more often than its retries allow."""
    prompt = fresh_prompt("¿Y si falla?")
    with chain.broken(failure):
        answer = chain.answered_by(1).try_once(prompt, stream=stream, max_tokens=LIMIT)
    name = f"{request.node.callspec.params['failure']}{' streamed' if stream else ''}"
    flaws = [*_answer_flaws(answer), *_attempts(chain, prompt, failure, 1)]
    expect_flawless([f"{name}: {flaw}" for flaw in flaws])


@check("routing.fallback.order", severity="critical", covers=["R2"], permission="disruptive")
@BOTH
def test_fallback_order(chain: Chain, stream: bool) -> None:
    """However many of the first links are broken, the next one answers, and none after it is asked."""
    flaws: list[str] = []
    for broken in range(1, len(chain.links)):
        prompt = fresh_prompt("¿Y si fallan varios?")
        with chain.broken(FAILURES["500"], broken):
            answer = chain.answered_by(broken).try_once(prompt, stream=stream, max_tokens=LIMIT)
        flaws += [*_answer_flaws(answer), *_attempts(chain, prompt, FAILURES["500"], broken)]
    expect_flawless(flaws)


@check("routing.fallback.in_time", severity="critical", covers=["R2", "R4"], permission="disruptive")
@BOTH
def test_fallback_in_time(chain: Chain, bound_s: float, stream: bool) -> None:
    """With all links silent but the last, the answer comes within the time that the configuration means."""
    prompt, broken = fresh_prompt("¿Y si callan casi todos?"), len(chain.links) - 1
    with chain.broken(FAILURES["silent"], broken):
        began = time.monotonic()
        answer = chain.answered_by(broken).try_once(prompt, stream=stream, max_tokens=LIMIT)
        took_s = time.monotonic() - began
    flaws = _answer_flaws(answer)
    expect_flawless(
        flaws if took_s <= bound_s else [*flaws, f"it took {took_s:.1f} s, at most {bound_s:g} are allowed"]
    )


@check("routing.fallback.exhausted", severity="critical", covers=["R4"], permission="disruptive")
@BOTH
def test_fallback_exhausted(chain: Chain, bound_s: float, stream: bool) -> None:
    """With every link broken there is one clear error, in time, and no link is asked again and again."""
    prompt = fresh_prompt("¿Y si fallan todos?")
    with chain.broken(FAILURES["500"], len(chain.links)):
        began = time.monotonic()
        answer = chain.chat.try_once(prompt, stream=stream, max_tokens=LIMIT)
        took_s = time.monotonic() - began
    flaws = _attempts(chain, prompt, FAILURES["500"], len(chain.links))
    if answer.status == 200 and answer.error is None:
        flaws.append(f"HTTP 200 with {answer.text[:80]!r} although every link is broken")
    elif answer.status != 200:
        flaws += form_flaws(answer.http.text, resources.schema(chain.chat.endpoint.error_form))
    flaws += leaks(answer.http.text)
    expect_flawless(
        flaws if took_s <= bound_s else [*flaws, f"it took {took_s:.1f} s, at most {bound_s:g} are allowed"]
    )


TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "buscar_coche",
        "description": "Busca un coche",
        "parameters": {"type": "object", "properties": {"marca": {"type": "string"}}, "required": ["marca"]},
    },
}


@check("routing.fallback.keeps_schema", severity="critical", covers=["R3"], permission="disruptive")
@BOTH
def test_fallback_keeps_schema(chain: Chain, stream: bool) -> None:
    """A JSON Schema is enforced by the fallback too."""
    _needs(chain, "json_schema")
    prompt = fresh_prompt("Describe un coche.")
    schema = improbable_schema("nested", prompt[-13:-1])
    kept = Kept({"response_format": schema_request(schema)}, lambda answer: json_flaws(answer.text, schema))
    expect_flawless(_lost(chain, prompt, stream, kept))


@check("routing.fallback.keeps_json", severity="critical", covers=["R3"], permission="disruptive")
@BOTH
def test_fallback_keeps_json(chain: Chain, stream: bool) -> None:
    """JSON mode holds at the fallback too."""
    _needs(chain, "json_object")
    kept = Kept({"response_format": {"type": "json_object"}}, lambda a: json_flaws(a.text, {"type": "object"}))
    expect_flawless(_lost(chain, fresh_prompt("Describe un coche en JSON."), stream, kept))


@check("routing.fallback.keeps_tools", severity="critical", covers=["R3"], permission="disruptive")
@BOTH
def test_fallback_keeps_tools(chain: Chain, stream: bool) -> None:
    """The fallback gets the tools too, and calls one."""
    _needs(chain, "tools")
    expect_flawless(_lost(chain, fresh_prompt("Busca un coche Seat."), stream, Kept({"tools": [TOOL]}, _tool_flaws)))


@dataclass(frozen=True)
class Kept:
    """What a request asks for besides text, and what is wrong with an answer that did not get it."""

    parameters: Mapping[str, Any]
    flaws_of: Callable[[ChatAnswer], Sequence[str]]


def _tool_flaws(answer: ChatAnswer) -> list[str]:
    called = streamed_calls(answer.chunks) if answer.chunks else whole_calls(answer.body)
    names = [call.name for call in called.calls]
    return [*called.flaws, *([] if names == [TOOL["function"]["name"]] else [f"the tools called: {names}"])]


def _needs(chain: Chain, feature: str) -> None:
    """The first two links promise it, else the chain need not keep it."""
    missing = [link.name for link in chain.models[:2] if feature not in link.promises]
    if missing:
        raise NotDeclared(f"{', '.join(missing)} does not promise {feature}")


def _lost(chain: Chain, prompt: str, stream: bool, kept: Kept) -> list[str]:
    """What the first fallback's answer lacks when it stands in, and has when it is asked itself."""
    with chain.broken(FAILURES["500"]):
        answer = chain.answered_by(1).try_once(prompt, stream=stream, max_tokens=ROOM, **kept.parameters)
    if not chain.moved(prompt)[1]:
        raise InconclusiveError(f"{chain.names[1]} was not asked: see routing.fallback.survives")
    broken = [*_status_flaws(answer), *kept.flaws_of(answer)]
    if broken and answer.status == 200:
        fallback = Chat(chain.chat.endpoint, chain.models[1], chain.chat.http)
        alone = fallback.try_once(f"{prompt} ", stream=stream, max_tokens=ROOM, **kept.parameters)
        if [*_status_flaws(alone), *kept.flaws_of(alone)]:
            raise Unsupported(
                f"{chain.models[1].name} does not do this when it is asked itself: see the suite contract"
            )
    return broken


def _status_flaws(answer: ChatAnswer) -> list[str]:
    flaws = [] if answer.status == 200 else [f"HTTP {answer.status}: {answer.http.text[:200]}"]
    flaws += [] if answer.error is None else [f"an error inside HTTP 200: {str(answer.error)[:200]}"]
    return flaws if answer.done else [*flaws, "the stream did not end"]


@check("routing.fallback.cut_told", severity="critical", covers=["R2"], permission="disruptive")
@pytest.mark.parametrize("after", [0, CUT_AFTER], ids=["before-the-first-token", "after-some-tokens"])
def test_fallback_cut_told(chain: Chain, after: int) -> None:
    """A provider's stream that breaks off is answered in full by another, or ends in an error: never as if complete."""
    whole = chain.chat.try_once(fresh_prompt("¿Cuánto dice?"), stream=True, max_tokens=ROOM_CUT)
    if len(whole.content_ms) <= after + 1:
        raise Unsupported(f"{chain.chat.model.name} streams {len(whole.content_ms)} pieces: too few to cut them")
    prompt = fresh_prompt("¿Y si se corta?")
    with chain.broken(Failure("stream-cut", {"tokens": after})):
        answer = chain.answered_by(1).try_once(prompt, stream=True, max_tokens=ROOM_CUT)
    if not chain.moved(prompt)[0]:
        raise InconclusiveError(f"{chain.names[0]} was not asked: see routing.alias.served_by_mapped")
    complete = answer.status == 200 and answer.done and answer.error is None
    hidden = complete and not any(chain.moved(prompt)[1:])
    expect_flawless([f"the stream ends as if complete, after {answer.text!r}"] if hidden else [])


@check("routing.fallback.context", severity="major", covers=["R2"])
@BOTH
def test_fallback_context(chain: Chain, stream: bool) -> None:
    """A prompt that is too long for the first provider is answered by a fallback with a larger context window."""
    if not chain.routing.context_fallback:
        raise NotDeclared("the target does not say that prompts fall back that are too long (routing.context_fallback)")
    first, *others = chain.windows
    roomy = [i for i, window in enumerate(others, 1) if first and window and window >= ROOMY * first]
    if first is None or not roomy:
        raise NotDeclared(f"no fallback's context_tokens are {ROOMY} times those of {chain.names[0]}'s model")
    prompt = fresh_prompt("coche " * int(BEYOND * first))
    answer = chain.answered_by(roomy[0]).try_once(prompt, stream=stream, max_tokens=LIMIT)
    flaws, moved = _answer_flaws(answer), chain.moved(prompt)
    if not flaws and not any(moved[i] for i in roomy):
        took = ", ".join(name for name, count in zip(chain.names, moved, strict=True) if count) or "an unknown server"
        raise InconclusiveError(f"{took} took {int(BEYOND * first)} words: see contract.errors.oversize_prompt")
    expect_flawless(flaws)


@check("routing.cooldown.spares", severity="major", covers=["R5"], permission="disruptive")
def test_cooldown_spares(chain: Chain) -> None:
    """A provider that failed too often in a row is left alone for a while."""
    expect_flawless(_unspared(chain, 0))


@check("routing.cooldown.spares_fallbacks", severity="major", covers=["R5"], permission="disruptive")
def test_cooldown_spares_fallbacks(chain: Chain) -> None:
    """A fallback that failed too often in a row, as the provider before it did, is left alone as well."""
    expect_flawless(_unspared(chain, 1))


def _unspared(chain: Chain, link: int) -> list[str]:
    """What is wrong where the first links fail again and again, up to this one: it is to be left alone."""
    allowed = chain.routing.allowed_fails
    if allowed is None:
        raise NotDeclared("the target does not say after how many failures a provider is left alone (allowed_fails)")
    if len(chain.links) < link + 2:
        raise NotDeclared(
            f"{chain.chat.model.name} has no fallback that stays whole"
        )  # some ask those that cool down then
    prompts: list[str] = []
    with chain.broken(FAILURES["500"], link + 1):
        began = time.monotonic()
        while len(prompts) < 2 * allowed + 2:
            prompt = fresh_prompt("¿Cuántas veces?")
            chain.chat.try_once(prompt, max_tokens=1)
            if time.monotonic() - began >= chain.routing.cooldown_s:
                break  # it may have arrived after the cooldown, however soon it was sent
            prompts.append(prompt)
    if len(prompts) < allowed + 2:
        raise InconclusiveError(
            f"{len(prompts)} requests took as long as the cooldown of {chain.routing.cooldown_s:g} s"
        )
    name, asked = chain.names[link], sum(chain.moved(prompt)[link] for prompt in prompts)
    chain.around.note("cooldown", name, 0.0, {"asked": asked, "requests": len(prompts)})
    if not asked:
        raise InconclusiveError(f"{name} was not asked at all: see routing.fallback.survives")
    is_spared = asked <= allowed * chain.most_attempts
    return [] if is_spared else [f"{name} failed, and was asked {asked} times in {len(prompts)} requests"]


@check("routing.cooldown.returns", severity="major", covers=["R5"], permission="disruptive")
def test_cooldown_returns(chain: Chain) -> None:
    """A provider that works again is asked again, within its cooldown."""
    fails = 2 * (chain.routing.allowed_fails or 1)
    await_turn(chain.chat, chain.arrivals[0])  # here it is the finding that it does not
    with chain.broken(FAILURES["500"]):
        for _ in range(fails):
            chain.chat.try_once(fresh_prompt("¿Y ahora?"), max_tokens=1)
    in_vain_s = await_turn(chain.chat, chain.arrivals[0])
    chain.around.note("cooldown", chain.names[0], in_vain_s, {"fails": fails})
    limit_s = chain.routing.cooldown_s + MARGIN_S
    assert in_vain_s <= limit_s, (
        f"{chain.names[0]} was not asked after {in_vain_s:.1f} s either, allowed are {limit_s:g}"
    )
