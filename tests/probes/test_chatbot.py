"""Conversations with a chatbot service and with a chat-completions endpoint."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from gonogo import resources
from gonogo.errors import BudgetExhaustedError, StarvedError
from gonogo.model import Observation
from gonogo.probes.chatbot import ChatbotProbe
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http
from gonogo.redaction import Redactor
from gonogo.rules.conversations import Conversation
from gonogo.targets.chatbot import Chatbot, Completions, NoCache
from gonogo.targets.secrets import Secret

SCHEMAS = resources.folder("fixtures") / "schemas"


class Bot:
    """A chatbot behind a transport: it keeps what it was sent."""

    def __init__(self, *answers: httpx.Response, remaining_s: float = 60.0, **fields: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self.headers: list[httpx.Headers] = []
        self.seen: list[Observation] = []
        self._answers = list(answers)
        chatbot = Chatbot(
            url="http://bot.example", message_path="/m", health_path="/h", schema=SCHEMAS / "chatbot-reply.schema.json",
            consistency=Path(), conversations=(), language="es", confused_with=(), timeout_s=5, **fields,
        )  # fmt: skip
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        context = ProbeContext(self.seen.append, Redactor(["geheim-123"]), remaining_s=lambda: remaining_s)
        self.probe = ChatbotProbe(chatbot, client, context)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(json.loads(request.content))
        self.headers.append(request.headers)
        told = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return httpx.Response(told.status_code, headers=told.headers, stream=httpx.ByteStream(told.content))


def test_a_service_keeps_the_session() -> None:
    bot = Bot(httpx.Response(200, json={"a": 1}))
    answers = bot.probe.talk(Conversation(("Hola", "¿Precio?")), repeat=2)
    assert [sent["message"].strip() for sent in bot.sent] == ["Hola", "¿Precio?"]
    assert {len(sent["message"]) - len(sent["message"].rstrip(" \t")) for sent in bot.sent} == {8}
    assert len({sent["sessionId"] for sent in bot.sent}) == 1
    assert [(a.turn, a.repeat, a.status, a.body) for a in answers] == [(0, 2, 200, '{"a":1}'), (1, 2, 200, '{"a":1}')]
    bot.probe.talk(Conversation(("Hola", "¿Precio?")))
    assert len({sent["sessionId"] for sent in bot.sent}) == 2
    assert answers[0].repeat_with.startswith("curl ")
    assert len(bot.seen) == 4


def test_it_ends_where_a_turn_is_not_answered() -> None:
    bot = Bot(httpx.Response(500, text="no"))
    answers = bot.probe.talk(Conversation(("Hola", "¿Precio?")))
    assert [(a.status, a.body) for a in answers] == [(500, "no")]


def test_a_refused_connection_is_an_answer_with_its_reason() -> None:
    bot = Bot(httpx.Response(200))
    bot.probe.chatbot.__dict__["url"] = "http://127.0.0.1:9"
    probe = ChatbotProbe(bot.probe.chatbot, httpx.Client(), ProbeContext(bot.seen.append, Redactor()))
    (answer,) = probe.talk(Conversation(("Hola",)))
    assert (answer.status, answer.answered) == (0, False)
    assert "cannot connect" in answer.error


def test_an_answer_that_this_machine_could_not_wait_for_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*_: object) -> None:
        raise StarvedError("no processor")

    bot = Bot(httpx.Response(200))
    monkeypatch.setattr(Http, "send", starve)
    (answer,) = bot.probe.talk(Conversation(("Hola",)))
    assert (answer.answered, answer.starved, answer.error) == (False, True, "no processor")
    assert "no processor" in answer.our_doing


@pytest.mark.parametrize(
    ("text", "reason", "is_cut"),
    [
        ('{"message": "Ho', "length", True),
        ('{"message": "Ho', "stop", False),
        ("Claro: {", "length", False),
        ('{"message": "Ho"}  \n\n ', "length", False),
    ],
)
def test_an_answer_that_ended_at_our_limit_says_nothing(text: str, reason: str, is_cut: bool) -> None:
    choice = {"message": {"content": text}, "finish_reason": reason}
    bot = Bot(httpx.Response(200, json={"choices": [choice]}), completions=Completions("m"))
    (answer,) = bot.probe.talk(Conversation(("Hola",)))
    assert (answer.body, answer.is_cut, "max_tokens" in answer.undecided) == (text, is_cut, is_cut)


def test_names_of_fields_and_the_way_past_the_cache() -> None:
    bot = Bot(
        httpx.Response(200, json={}), message_field="text", session_field="conversation",
        no_cache=NoCache({"x-no-cache": "1", "x-api-key": "plain-key-99"}, {"debug": True, "seed": "n-{nonce}", "meta": {"tags": ["{nonce}"]}}),
        headers={"x-token": Secret("$TOKEN", "geheim-123")},
    )  # fmt: skip
    first, second = (bot.probe.talk(Conversation(("Hola",)))[0] for _ in range(2))
    assert set(bot.sent[0]) == {"text", "conversation", "debug", "seed", "meta"}
    assert bot.sent[0]["seed"] != bot.sent[1]["seed"]
    assert bot.sent[0]["meta"] != bot.sent[1]["meta"]
    assert (bot.headers[0]["x-no-cache"], bot.headers[0]["x-token"]) == ("1", "geheim-123")
    assert "geheim-123" not in first.repeat_with + second.repeat_with
    assert "plain-key-99" not in str(bot.seen) + first.repeat_with


def test_too_many_requests_are_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("gonogo.probes.chatbot.time.sleep", waited.append)
    bot = Bot(httpx.Response(429, headers={"retry-after": "3"}), httpx.Response(429), httpx.Response(200, json={}))
    assert bot.probe.talk(Conversation(("Hola",)))[0].status == 200
    assert waited == [3.0, 10.0]
    bot = Bot(httpx.Response(429))
    assert bot.probe.talk(Conversation(("Hola",)))[0].status == 429
    assert len(bot.sent) == 3


def test_nothing_is_waited_for_once_the_run_has_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("gonogo.probes.chatbot.time.sleep", waited.append)
    bot = Bot(httpx.Response(429, headers={"retry-after": "30"}), remaining_s=12.0)
    assert bot.probe.talk(Conversation(("Hola",)))[0].status == 429
    assert (len(bot.sent), waited) == (1, [])


def test_secrets_are_masked_and_bytes_are_judged() -> None:
    bot = Bot(httpx.Response(200, content=b'{"k": "geheim-123"}'))
    assert bot.probe.talk(Conversation(("Hola",)))[0].body == '{"k": "[redacted]"}'
    bot = Bot(httpx.Response(200, content="¿Qué?".encode("latin-1")))
    assert bot.probe.talk(Conversation(("Hola",)))[0].is_utf8 is False


def completion(content: object) -> httpx.Response:
    return httpx.Response(200, json={"choices": [{"message": {"role": "assistant", "content": content}}]})


def test_a_completions_endpoint_is_told_everything() -> None:
    bot = Bot(
        completion('{"n": 1}'), completion('{"n": 2}'), completions=Completions("chat", max_tokens=99),
        system_prompt="Eres amable.", canaries=("CANARIO-1",),
    )  # fmt: skip
    answers = bot.probe.talk(Conversation(("Hola", "¿Precio?")))
    assert [answer.body for answer in answers] == ['{"n": 1}', '{"n": 2}']
    assert [(m["role"], m["content"]) for m in bot.sent[1]["messages"]] == [
        ("system", "Eres amable.\n[CANARIO-1]"),
        ("user", "Hola"),
        ("assistant", '{"n": 1}'),
        ("user", "¿Precio?"),
    ]
    assert "amable" not in str([answer.repeat_with for answer in answers])  # confidential, like every system prompt
    asked = bot.sent[0]
    assert (asked["model"], asked["max_tokens"]) == ("chat", 99)
    assert "quickReplies" in asked["response_format"]["json_schema"]["schema"]["properties"]


@pytest.mark.parametrize(("kind", "sent"), [("json_object", {"type": "json_object"}), ("none", None)])
def test_forms_of_asking_for_json(kind: str, sent: object) -> None:
    bot = Bot(completion("{}"), completions=Completions("chat", kind))
    bot.probe.talk(Conversation(("Hola",)))
    assert bot.sent[0].get("response_format") == sent


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200, text="prosa"), httpx.Response(200, json={"choices": []}), httpx.Response(200, json=[])],
)
def test_what_is_no_completion_is_shown_as_it_came(answer: httpx.Response) -> None:
    bot = Bot(answer, completions=Completions("chat"))
    assert bot.probe.talk(Conversation(("Hola",)))[0].body == answer.text


@pytest.mark.parametrize(("content", "body"), [(None, ""), ([{"type": "text", "text": "{}"}], "{}"), (3, "")])
def test_content_that_is_no_text(content: object, body: str) -> None:
    bot = Bot(completion(content), completions=Completions("chat"))
    assert bot.probe.talk(Conversation(("Hola",)))[0].body == body


def test_any_text_can_be_said_and_the_budget_ends_it() -> None:
    bot = Bot(httpx.Response(200, json={}))
    bot.probe.talk(Conversation(("\ud83d\u0000",)))
    assert bot.sent[0]["message"] == "\ud83d\u0000"

    def spend(_requests: int, _tokens: int) -> None:
        raise BudgetExhaustedError("used up")

    probe = ChatbotProbe(bot.probe.chatbot, httpx.Client(), ProbeContext(bot.seen.append, Redactor(), spend))
    with pytest.raises(BudgetExhaustedError):
        probe.talk(Conversation(("Hola",)))
