"""Is what must be closed closed, and does nothing leak?"""

import json
from collections.abc import Iterable, Sequence

import pytest

from gonogo.errors import InconclusiveError
from gonogo.fixtures.security import WRONG, admitted
from gonogo.plugin import check, expect_flawless, flaws_of
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
def provoked(endpoint: tuple[Endpoint, Http]) -> Iterable[HttpAnswer]:
    """Answers to requests that make an endpoint complain, one after the other as they are asked for."""
    http = endpoint[1].patient()
    bodies = (json.dumps({**BODY, "model": "gonogo-no-such-model"}), "{not json", json.dumps({"messages": "wrong"}))

    def ask(body: str) -> HttpAnswer:
        return http.send("POST", CHAT, body.encode())

    return map(ask, bodies)  # which goes on after one that is not answered


@check("security.errors.no_secret", severity="critical", covers=["S3"], smoke=True)
def test_errors_no_secret(provoked: Iterable[HttpAnswer], gate: Gate) -> None:
    """Error answers hold none of the deployment's secrets, nor anything of a key's shape."""
    statuses = list[int]()

    def look(answer: HttpAnswer) -> list[str]:
        statuses.append(answer.status)
        return [f"HTTP {answer.status}: {flaw}" for flaw in secrets_told([answer.text], gate.redactor)]

    expect_flawless(flaws_of(map(look, provoked)))
    if any(map(says_nothing, statuses)):
        raise InconclusiveError(f"answered with HTTP {statuses}, which says nothing of what the endpoint's errors hold")


@check("security.cors.foreign_origin", severity="major", covers=["S2"], smoke=True)
def test_cors_foreign_origin(chatbot: Chatbot, chatbot_http: Http, target: Target) -> None:
    """A browser page of a foreign origin may not use the chatbot."""
    headers = {"origin": target.security.foreign_origin, "access-control-request-method": "POST"}
    answer = chatbot_http.send("OPTIONS", chatbot.message_path, headers=headers)
    assert answer.headers.get("access-control-allow-origin") not in ("*", target.security.foreign_origin)
    if says_nothing(answer.status):
        raise InconclusiveError(f"the preflight was answered with HTTP {answer.status}, which says nothing of origins")
