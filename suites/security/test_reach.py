"""What does the gateway tell, and whom does it call, if it is asked to?"""

import time
from collections.abc import Sequence
from typing import Any

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.plugin import Gate, check, expect_flawless
from gonogo.probes.chat import Chat
from gonogo.probes.ears import Ear
from gonogo.rules.doors import says_nothing
from gonogo.rules.secrets import secrets_told

_CHAT = "/v1/chat/completions"
_HEARD_WITHIN_S = 1.0
_REFUSED = 401


def _overrides(url: str, model: str) -> dict[str, dict[str, Any]]:
    """Ways in which gateways have taken an address from a request."""
    params = {"model": f"openai/{model}", "api_base": url, "api_key": "sk-none"}
    return {
        "api_base": {"api_base": url},
        "base_url": {"base_url": url},
        "api_base with a key": {"api_base": url, "api_key": "sk-none"},
        "litellm_params": {"litellm_params": params},
        "user_config": {"user_config": {"model_list": [{"model_name": model, "litellm_params": params}]}},
        "extra_body": {"extra_body": {"api_base": url}},
    }


@check("security.overrides.refused", severity="critical", covers=["S4"])
def test_overrides_refused(override_chat: Chat, ear: Ear) -> None:
    """A request cannot make the gateway call another address (where its keys would arrive)."""
    chat, flaws, statuses = override_chat, list[str](), list[int]()
    plain = chat.ask("Hola", max_tokens=1)
    if plain.status != 200:
        raise InconclusiveError(
            f"the gateway answers HTTP {plain.status} to a plain request: nothing can be told of others"
        )
    for name, fields in _overrides(ear.url, chat.model.name).items():
        before = len(ear.heard)
        asked = {"messages": [{"role": "user", "content": "Hola"}], "max_tokens": 1, **fields}
        statuses.append(chat.http.post(_CHAT, chat.body(asked)).status)
        deadline = time.monotonic() + _HEARD_WITHIN_S
        while len(ear.heard) == before and time.monotonic() < deadline:
            time.sleep(0.05)
        if len(ear.heard) > before:
            with_key = ", with a key" if b"authorization" in ear.heard[-1].lower() else ""
            flaws.append(f"{name}: the gateway called the address that the request named{with_key}")
    if not flaws and all(status == _REFUSED or says_nothing(status) for status in statuses):
        raise InconclusiveError(f"the gateway was too busy to say anything: {statuses}")
    expect_flawless(flaws)


@check("security.pages.no_secret", severity="critical", covers=["S3"])
def test_pages_no_secret(told_pages: Sequence[tuple[str, str]], gate: Gate) -> None:
    """Health, metrics, model, cache and administrators' pages hold no secret."""
    expect_flawless([f"{page}: {flaw}" for page, text in told_pages for flaw in secrets_told([text], gate.redactor)])


@check("security.answers.no_secret", severity="critical", covers=["S3"], smoke=True)
def test_answers_no_secret(gate: Gate) -> None:
    """No answer of the whole run, to whichever check, holds a secret of the target (what has a key's shape warns)."""
    # Each answer is searched as it arrives, by whoever asked for it; `gonogo.plugin.gather` decides when all are known.
    if not gate.target.endpoints() and gate.target.chatbot is None and gate.target.agent is None:
        raise NotDeclared("the target declares nothing that answers")
