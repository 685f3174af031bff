"""Questions to an agent: what its answers mean, and those that mean nothing."""

import json
from collections.abc import Callable

import pytest

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.agent import AgentProbe
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import open_client
from gonogo.redaction import Redactor
from gonogo.rules.agents import Place
from gonogo.targets.agent import Action, Agent
from gonogo.targets.secrets import Secret
from tests.probes.test_http import answer, server

GET = Action("settings", ("get", "a"))
QUIET = ProbeContext(lambda _: None, Redactor([]))


def told(body: object, status: str, question: str) -> object:
    """What `question` of the probe gives, where the agent answers this to everything."""
    with (
        server(answer(json.dumps(body) if not isinstance(body, str) else body, status=status)) as url,
        open_client() as client,
    ):
        probe = AgentProbe(Agent(url, Secret("$KEY", "k"), audited_within_s=0.1), client, QUIET)
        questions: dict[str, Callable[[], object]] = {
            "act": lambda: probe.act(GET).outcome,
            "approval": lambda: probe.ask_approval(GET).expires_in_s,
            "approved": lambda: probe.approved(GET),
            "pending": probe.pending,
            "health": probe.health,
            "head": probe.head,
            "since": lambda: probe.since(0),
        }
        return questions[question]()


@pytest.mark.parametrize(
    ("body", "status", "question", "wanted"),
    [
        ({"outcome": "done"}, "200 OK", "act", "done"),
        ({"outcome": "blocked"}, "403 Forbidden", "act", "blocked"),
        ({"error": "no such tool"}, "422 Unprocessable", "act", ""),
        ({"approval": "a"}, "201 Created", "approval", float("inf")),
        ({"approvals": [{"approval": "a"}, 7]}, "200 OK", "pending", ["a"]),
        ({"records": [], "head": {"seq": 0, "hash": "0"}}, "200 OK", "head", Place(0, "0")),
        # a log that never ends by its own word is not asked for ever
        ({"records": [{"seq": 0}], "head": {"seq": 9, "hash": "0"}}, "200 OK", "since", ([{"seq": 0}], Place(9, "0"))),
    ],
)
def test_what_an_answer_means(body: object, status: str, question: str, wanted: object) -> None:
    assert told(body, status, question) == wanted


@pytest.mark.parametrize(
    ("body", "status", "question", "words"),
    [
        ({}, "200 OK", "act", "HTTP 200 without an outcome"),
        ("<html>", "200 OK", "act", "without an outcome"),
        ({"outcome": "perhaps"}, "200 OK", "act", "without an outcome"),
        ({}, "500 Oops", "act", "HTTP 500 without an outcome"),
        ({}, "401 No", "act", "HTTP 401 without an outcome"),
        ({}, "404 No", "approval", "no approval can be asked for: HTTP 404"),
        ({"approvals": {}}, "200 OK", "pending", "there is no list `approvals`"),
        ({"approvals": []}, "500 Oops", "pending", "there is no list `approvals`: HTTP 500"),
        ({}, "503 Down", "health", "/health: HTTP 503"),
        ({"records": []}, "200 OK", "head", "does not say where it ends"),
    ],
)
def test_what_means_nothing_is_a_finding(body: object, status: str, question: str, words: str) -> None:
    with pytest.raises(EndpointFailedError, match=words):
        told(body, status, question)


def test_without_an_approver_nothing_is_approved() -> None:
    with pytest.raises(InconclusiveError, match="nobody who may approve"):
        told({}, "200 OK", "approved")
