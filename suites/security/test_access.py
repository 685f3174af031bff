"""Is what must be closed closed, and does nothing leak?"""

from collections.abc import Sequence

import pytest

from gonogo.errors import InconclusiveError
from gonogo.fixtures.security import WRONG, admitted
from gonogo.plugin import check, expect_flawless
from gonogo.plugin.gate import Gate
from gonogo.probes.http import Http, HttpAnswer
from gonogo.rules.doors import Door, says_nothing
from gonogo.rules.secrets import secrets_told
from gonogo.targets.chatbot import Chatbot
from gonogo.targets.endpoints import Endpoint
from gonogo.targets.model import Target

CHAT = "/v1/chat/completions"
BODY = {"model": "any", "messages": [{"role": "user", "content": "Hola"}], "max_tokens": 1}


@check("security.auth.no_key", severity="critical", covers=["S1"], smoke=True)
def test_auth_no_key(guarded_endpoint: tuple[Endpoint, Http], entrances: Sequence[Door]) -> None:
    """Without a key, completions and the model list are refused with 401 or 403."""
    _, http = guarded_endpoint
    found = admitted(http.without_key(), entrances)
    assert not found, f"answered with {found}"


@check("security.auth.wrong_key", severity="critical", covers=["S1"], smoke=True)
def test_auth_wrong_key(guarded_endpoint: tuple[Endpoint, Http], entrances: Sequence[Door]) -> None:
    """With a wrong key, completions and the model list are refused with 401 or 403."""
    _, http = guarded_endpoint
    found = admitted(http.with_key(WRONG), entrances)
    assert not found, f"answered with {found}"


@pytest.fixture
def provoked(endpoint: tuple[Endpoint, Http]) -> list[HttpAnswer]:
    """Answers to requests that make an endpoint complain."""
    http = endpoint[1].patient()
    return [
        http.post(CHAT, {**BODY, "model": "gonogo-no-such-model"}),
        http.send("POST", CHAT, b"{not json"),
        http.post(CHAT, {"messages": "wrong"}),
    ]


@check("security.errors.no_secret", severity="critical", covers=["S3"], smoke=True)
def test_errors_no_secret(provoked: list[HttpAnswer], gate: Gate) -> None:
    """Error answers hold none of the deployment's secrets, nor anything of a key's shape."""
    flaws = [(answer.status, flaw) for answer in provoked for flaw in secrets_told([answer.text], gate.redactor)]
    expect_flawless([f"HTTP {status}: {flaw}" for status, flaw in flaws])
    if dumb := [answer.status for answer in provoked if says_nothing(answer.status)]:
        raise InconclusiveError(f"answered with HTTP {dumb}, which says nothing of what the endpoint's errors hold")


@check("security.cors.foreign_origin", severity="major", covers=["S2"], smoke=True)
def test_cors_foreign_origin(chatbot: Chatbot, chatbot_http: Http, target: Target) -> None:
    """A browser page of a foreign origin may not use the chatbot."""
    headers = {"origin": target.security.foreign_origin, "access-control-request-method": "POST"}
    answer = chatbot_http.send("OPTIONS", chatbot.message_path, headers=headers)
    assert answer.headers.get("access-control-allow-origin") not in ("*", target.security.foreign_origin)
    if says_nothing(answer.status):
        raise InconclusiveError(f"the preflight was answered with HTTP {answer.status}, which says nothing of origins")
