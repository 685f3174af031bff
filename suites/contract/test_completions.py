"""Is a completion what clients of the OpenAI dialect rely on?"""

import time

import pytest

from gonogo import resources
from gonogo.documents import violations
from gonogo.errors import NotDeclared, Unsupported
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat, ChatAnswer
from gonogo.rules.completions import identity_flaws, same_model, usage_flaws
from gonogo.targets.model import Target

LIMIT = 12


@pytest.fixture
def completion(chat: Chat, prompt: str) -> ChatAnswer:
    """A whole completion, shorter than the model would like."""
    return chat.ask(prompt, max_tokens=LIMIT)


@check("contract.completion.shape", severity="critical", covers=["C3"], smoke=True)
def test_completion_shape(completion: ChatAnswer) -> None:
    """A completion has the fields, types and values of the API."""
    expect_flawless(violations(completion.body, resources.schema("chat-completion")))


@check("contract.completion.usage_adds_up", severity="major", covers=["C3"], smoke=True)
def test_completion_usage_adds_up(chat: Chat, completion: ChatAnswer) -> None:
    """The usage's total is the sum of prompt and completion tokens, and the limit was kept."""
    expect_flawless(usage_flaws(completion.usage, chat.limit(LIMIT)))


@check("contract.completion.says_something", severity="critical", covers=["C3"])
def test_completion_says_something(completion: ChatAnswer) -> None:
    """A completion is not empty."""
    assert (completion.status, completion.is_empty) == (200, False), f"the text is {completion.text!r}"


@check("contract.completion.identity", severity="minor", covers=["C3"])
def test_completion_identity(chat: Chat, prompt: str) -> None:
    """Every completion has an id of its own, and was created now."""
    bodies = [chat.complete(f"{prompt} {i}", max_tokens=1).body for i in range(2)]
    expect_flawless(identity_flaws(bodies, time.time()))


@check("contract.completion.model", severity="major", covers=["C3"])
def test_completion_model(chat: Chat, prompt: str, target: Target) -> None:
    """A completion names the model that was asked for, or a version of it."""
    upstream = target.upstream_of(chat.model)
    told = chat.complete(prompt, max_tokens=1).body.get("model")
    names = [chat.model.name, *([upstream[1].name] if upstream else [])]
    if chat.endpoint is target.gateway and upstream is None and not same_model(told, names):
        raise NotDeclared(f"the target does not say which model stands behind {chat.model.name} (provider, upstream)")
    assert same_model(told, names), f"asked for {chat.model.name}, answered by {told!r}"


@check("contract.completion.limit", severity="major", covers=["C3", "C8"])
def test_completion_limit(chat: Chat, prompt: str) -> None:
    """An answer that reaches its limit of tokens ends there, and says so by its finish_reason."""
    wanted = chat.limit(3)
    answer = chat.complete(prompt, max_tokens=3)
    generated = (answer.usage or {}).get("completion_tokens")
    if isinstance(generated, int) and generated < wanted:
        raise Unsupported(f"{chat.model.name} ended before the limit, after {generated} tokens")
    assert (generated, answer.finish_reasons) == (wanted, ("length",))
