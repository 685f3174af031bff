"""Are bad requests refused as clients can rely on, and survived?"""

from collections.abc import Callable, Sequence

import pytest

from gonogo import resources
from gonogo.errors import NotDeclared
from gonogo.fixtures.limits import exhaust
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat
from gonogo.rules.hostile import GROUPS
from gonogo.rules.limits import past_limit_flaws
from gonogo.rules.refusals import form_flaws, leaks

BEYOND = 1.25
"""How many times its context window a prompt has words: every tokenizer makes at least one token of a word."""


@check("contract.errors.unknown_model", severity="major", covers=["C7"], smoke=True)
def test_errors_unknown_model(chat: Chat, prompt: str) -> None:
    """A model that does not exist is refused with 400 or 404 (401, 403: not for this key) and an error body."""
    body = {"model": "gonogo-no-such-model", "messages": [{"role": "user", "content": prompt}], "max_tokens": 2}
    answer = chat.http.patient().post("/v1/chat/completions", body)
    assert answer.status in (400, 401, 403, 404), f"answered HTTP {answer.status}"
    expect_flawless([*form_flaws(answer.text, resources.schema(chat.endpoint.error_form)), *leaks(answer.text)])


@check("contract.errors.refused", severity="major", covers=["C7", "S4"])
@pytest.mark.parametrize("group", GROUPS)
def test_errors_refused(volley: Callable[[str], Sequence[str]], group: str) -> None:
    """Malformed and hostile requests are refused at once, in the API's form, without a leak, and survived."""
    expect_flawless(volley(group))


@check("contract.errors.oversize_prompt", severity="critical", covers=["C7"])
def test_errors_oversize_prompt(chat: Chat, nonce: str) -> None:
    """A prompt longer than the context window is refused, not cut."""
    context = chat.model.context_tokens
    if context is None:
        raise NotDeclared(f"the target names no context window of {chat.model.name} (context_tokens)")
    words = int(BEYOND * context)
    if chat.model.tpm is not None and chat.model.tpm < words:
        raise NotDeclared(f"{chat.model.name} takes {chat.model.tpm} tokens a minute (tpm), fewer than its window")
    messages = [{"role": "user", "content": f"{nonce} " + "coche " * words}]
    answer = chat.http.patient().post("/v1/chat/completions", chat.body({"messages": messages, "max_tokens": 2}))
    chat.http.spend_told(answer)
    told = f"{words} words got HTTP {answer.status}; the window is {context} tokens: {answer.text[:200]}"
    assert answer.status in (400, 413, 422), told
    if answer.status in (400, 422):  # 413 may come from a proxy, in its own form
        expect_flawless(form_flaws(answer.text, resources.schema(chat.endpoint.error_form)))


@check("contract.errors.rate_limited", severity="major", covers=["C7"])
def test_errors_rate_limited(limited: Chat) -> None:
    """Past its limit a provider answers 429 in the API's form, and says when to come back (Retry-After)."""
    limit = limited.model.rpm or 0
    seen = exhaust(limited, limit, lambda seen: seen.passed, exactly=False)  # a run before may have left less
    expect_flawless(past_limit_flaws(seen, limit))
    flaws = ["no Retry-After that can be read"] if seen.retry_after_s is None else []
    expect_flawless([*flaws, *form_flaws(seen.refusal, resources.schema(limited.endpoint.error_form))])
