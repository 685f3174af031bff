"""Does every endpoint keep what clients of the OpenAI dialect rely on?"""

import uuid

import pytest

from gonogo import resources
from gonogo.documents import violations
from gonogo.errors import NotDeclared
from gonogo.plugin import check
from gonogo.probes.chat import Chat, ChatAnswer
from gonogo.probes.http import Http
from gonogo.targets.model import Endpoint

LIMIT = 12


@pytest.fixture
def prompt() -> str:
    """A prompt that was never asked before, so that no cache answers for the model."""
    return f"Hola, ¿qué coches tienen? [{uuid.uuid4()}]"


@pytest.fixture
def completion(chat: Chat, prompt: str) -> ChatAnswer:
    """A whole completion, shorter than the model would like."""
    return chat.ask(prompt, max_tokens=LIMIT)


@pytest.fixture
def streamed(chat: Chat, prompt: str) -> ChatAnswer:
    """The same completion, streamed."""
    return chat.ask(prompt, stream=True, max_tokens=LIMIT, stream_options={"include_usage": True})


@check("contract.health.truthful", severity="critical", covers=["C1"], smoke=True)
def test_health_truthful(chat: Chat, prompt: str) -> None:
    """The health probe is green exactly when a real completion works."""
    health, completion = chat.http.get(chat.endpoint.health_path).status, chat.ask(prompt, max_tokens=4).status
    assert (health, completion) == (200, 200), f"the health probe says HTTP {health}, a completion HTTP {completion}"


@check("contract.models.listed", severity="major", covers=["C2"], smoke=True)
def test_models_listed(endpoint: tuple[Endpoint, Http]) -> None:
    """The model list holds every model that the target declares."""
    declared, http = endpoint
    if not declared.models:
        raise NotDeclared(f"the target declares no model of {declared.name}")
    wanted = {model.name for model in declared.models}
    assert wanted - set(Chat(declared, declared.models[0], http).list_models()) == set()


@check("contract.completion.shape", severity="critical", covers=["C3"], smoke=True)
def test_completion_shape(completion: ChatAnswer) -> None:
    """A completion has the fields, types and values of the API."""
    assert violations(completion.body, resources.schema("chat-completion")) == []


@check("contract.completion.usage_adds_up", severity="major", covers=["C3"], smoke=True)
def test_completion_usage_adds_up(completion: ChatAnswer) -> None:
    """The usage's total is the sum of prompt and completion tokens, and the limit was kept."""
    usage = completion.usage or {}
    prompt, generated, total = (usage.get(f"{name}_tokens", -1) for name in ("prompt", "completion", "total"))
    assert (total, 0 <= generated <= LIMIT) == (prompt + generated, True), f"usage {dict(usage)}, limit {LIMIT}"


@check("contract.stream.terminates", severity="critical", covers=["C4"], smoke=True)
def test_stream_terminates(streamed: ChatAnswer) -> None:
    """A streamed answer ends with the done marker."""
    assert streamed.done


@check("contract.stream.finish_reason", severity="major", covers=["C4"], smoke=True)
def test_stream_finish_reason(streamed: ChatAnswer) -> None:
    """A streamed answer says exactly once why it ended."""
    assert len(streamed.finish_reasons) == 1


@check("contract.stream.equals_unstreamed", severity="critical", covers=["C4"], smoke=True)
def test_stream_equals_unstreamed(chat: Chat, streamed: ChatAnswer, prompt: str) -> None:
    """The streamed text is the unstreamed text, where the model is deterministic."""
    if not chat.model.deterministic:
        raise NotDeclared(f"{chat.model.name} is not declared deterministic")
    assert streamed.text == chat.ask(prompt, max_tokens=LIMIT).text


@check("contract.errors.unknown_model", severity="major", covers=["C7"], smoke=True)
def test_errors_unknown_model(chat: Chat, prompt: str) -> None:
    """A model that does not exist is refused with 400 or 404 and an error body."""
    body = {"model": "gonogo-no-such-model", "messages": [{"role": "user", "content": prompt}]}
    answer = chat.http.post("/v1/chat/completions", body)
    assert answer.status in (400, 404), f"answered HTTP {answer.status}"
    assert "error" in answer.json(), f"HTTP {answer.status} without an error body"
