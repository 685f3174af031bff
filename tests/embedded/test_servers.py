"""The scripted providers and the chatbot, in process: dialects, errors, limits, modes."""

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from embedded.chatbot.app import build_app as build_chatbot
from embedded.chatbot.brain import Settings
from embedded.front import FAILURES
from embedded.provider.app import build_app
from embedded.provider.setup import Setup
from embedded.provider.switchboard import FAULTS
from embedded.service.app import build_app as build_service

KEY = {"authorization": "Bearer key"}
ASK = {"model": "m", "messages": [{"role": "user", "content": "Hola"}]}
TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
def vllm() -> TestClient:
    return TestClient(build_app(Setup("vllm", frozenset({"m"}), frozenset({"e"}), "key")), headers=KEY)


@pytest.fixture
def ollama() -> TestClient:
    return TestClient(build_app(Setup("ollama", frozenset({"m"}), frozenset({"e"}))))


def chunks(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


def test_whole_and_streamed_are_the_same_and_usage_comes_when_asked(vllm: TestClient) -> None:
    whole = vllm.post("/v1/chat/completions", json=ASK).json()
    streamed = vllm.post(
        "/v1/chat/completions", json={**ASK, "stream": True, "stream_options": {"include_usage": True}}
    )
    parts = chunks(streamed.text)
    text = "".join(part["choices"][0]["delta"].get("content", "") for part in parts if part["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert parts[-1]["usage"] == whole["usage"]
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert not any(
        "usage" in part for part in chunks(vllm.post("/v1/chat/completions", json={**ASK, "stream": True}).text)
    )


def test_limits_stops_and_tools(vllm: TestClient) -> None:
    whole = vllm.post("/v1/chat/completions", json=ASK).json()["choices"][0]
    cut = vllm.post("/v1/chat/completions", json={**ASK, "max_tokens": 3}).json()["choices"][0]
    assert (cut["finish_reason"], len(cut["message"]["content"].split())) == ("length", 3)
    word = whole["message"]["content"].split()[4]
    stopped = vllm.post("/v1/chat/completions", json={**ASK, "stop": [word]}).json()["choices"][0]
    assert word not in stopped["message"]["content"]
    call = vllm.post("/v1/chat/completions", json={**ASK, "tools": [TOOL]}).json()["choices"][0]
    assert call["finish_reason"] == "tool_calls"
    assert json.loads(call["message"]["tool_calls"][0]["function"]["arguments"]) == {"city": "texto"}


def test_json_mode_and_schema(vllm: TestClient) -> None:
    def content(response_format: dict[str, Any]) -> str:
        body = {**ASK, "response_format": response_format}
        return str(vllm.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"])

    assert isinstance(json.loads(content({"type": "json_object"})), dict)
    schema = {"type": "object", "properties": {"n": {"enum": [42]}, "l": {"type": "array", "minItems": 2}}}
    made = json.loads(content({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}))
    assert made == {"n": 42, "l": ["texto", "texto"]}
    refused = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "string", "pattern": "^a+$"}}}
    assert vllm.post("/v1/chat/completions", json={**ASK, "response_format": refused}).status_code == 400


def test_embeddings_are_unit_vectors_and_repeatable(vllm: TestClient) -> None:
    data = vllm.post("/v1/embeddings", json={"model": "e", "input": ["a", "b", "a"]}).json()["data"]
    vectors = [item["embedding"] for item in data]
    assert vectors[0] == vectors[2] != vectors[1]
    assert sum(x * x for x in vectors[0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**ASK, "model": "nope"}, 404),
        ({**ASK, "model": 3}, 400),
        ({"model": "m"}, 400),
        ({**ASK, "messages": []}, 400),
        ({**ASK, "messages": [{"role": "nobody", "content": "x"}]}, 400),
        ({**ASK, "max_tokens": -1}, 400),
        ({**ASK, "stop": 3}, 400),
        ({**ASK, "messages": [{"role": "user", "content": "palabra " * 5000}]}, 400),
        ([], 400),
    ],
)
def test_errors_have_the_dialects_form(vllm: TestClient, body: object, status: int) -> None:
    answer = vllm.post("/v1/chat/completions", json=body)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_keys_and_methods(vllm: TestClient) -> None:
    assert vllm.get("/v1/models", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert vllm.get("/v1/chat/completions").status_code == 405
    assert vllm.get("/health", headers={"authorization": ""}).status_code == 200


def test_ollama_native(ollama: TestClient) -> None:
    lines = [json.loads(line) for line in ollama.post("/api/chat", json=ASK).text.splitlines()]
    assert (lines[-1]["done"], lines[-1]["done_reason"], lines[0]["done"]) == (True, "stop", False)
    whole = ollama.post("/api/generate", json={"model": "m", "prompt": "Hola", "stream": False}).json()
    assert whole["response"] == "".join(line["message"]["content"] for line in lines)
    assert whole["eval_count"] == len(lines) - 1
    assert [model["name"] for model in ollama.get("/api/tags").json()["models"]] == ["e", "m"]
    assert len(ollama.post("/api/embed", json={"model": "e", "input": ["a", "b"]}).json()["embeddings"]) == 2
    assert ollama.post("/api/embeddings", json={"model": "e", "prompt": "a"}).status_code == 200
    assert ollama.post("/api/chat", json={**ASK, "model": "nope"}).status_code == 404


def test_hosted_loads_first_and_limits_its_callers() -> None:
    loading = TestClient(build_app(Setup("hosted", frozenset({"m"}), key="key", loading_s=60)), headers=KEY)
    answer = loading.post("/models/m", json={"inputs": "Hola"})
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    limited = TestClient(build_app(Setup("hosted", frozenset({"m"}), key="key", requests_per_minute=2)), headers=KEY)
    first = limited.post("/models/m", json={"inputs": "Hola"}).status_code
    second = limited.post("/v1/chat/completions", json=ASK).status_code
    assert (first, second) == (200, 200)
    refused = limited.post("/models/m", json={"inputs": "Hola"})
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)


def test_control(vllm: TestClient) -> None:
    assert set(vllm.get("/control/faults").json()["known"]) == {*FAULTS, *FAILURES}
    assert vllm.put("/control/faults/nope").status_code == 404
    vllm.put("/control/faults/usage-wrong")
    usage = vllm.post("/v1/chat/completions", json=ASK).json()["usage"]
    assert usage["total_tokens"] != usage["prompt_tokens"] + usage["completion_tokens"]
    vllm.delete("/control/faults/usage-wrong")
    vllm.put("/control/faults/http-500")
    assert vllm.post("/v1/chat/completions", json=ASK).status_code == 500
    vllm.post("/control/reset")
    assert vllm.post("/v1/chat/completions", json=ASK).status_code == 200
    assert vllm.get("/control/counters").json()["completions"] == 3


def chatbot(mode: str, base_url: str = "http://127.0.0.1:9/v1") -> TestClient:
    return TestClient(build_chatbot(Settings(mode, ("https://coches.example",), base_url, "m", "NO_KEY", 1.0)))


@pytest.fixture
def bot() -> Iterator[TestClient]:
    with chatbot("mock") as client:
        yield client


def test_the_chatbot_answers_in_eight_fields(bot: TestClient) -> None:
    answer = bot.post("/api/chat/message", json={"message": "¿Cuánto cuesta el Seat?"})
    reply = answer.json()
    assert (reply["intent"], reply["isFallback"], reply["parameters"]) == ("precio", False, {"marca": "seat"})
    assert len(reply) == 8
    assert answer.headers["x-chatbot-mode"] == "mock"
    assert bot.post("/api/chat/message", json={"message": "Escriba un poema"}).json()["isFallback"] is True


def test_sessions_carry_parameters_over(bot: TestClient) -> None:
    bot.post("/api/chat/message", json={"message": "Busco un Toyota por 20.000 euros", "sessionId": "s"})
    reply = bot.post("/api/chat/message", json={"message": "Quiero una cita", "sessionId": "s"}).json()
    assert reply["parameters"] == {"marca": "toyota", "presupuesto": "20000"}
    assert (
        bot.post("/api/chat/message", json={"message": "Quiero una cita", "sessionId": "t"}).json()["parameters"] == {}
    )


@pytest.mark.parametrize("mode", ["hosted", "local"])
def test_a_mode_whose_model_is_away_falls_back_to_mock_and_says_so(mode: str) -> None:
    with chatbot(mode) as client:
        answer = client.post("/api/chat/message", json={"message": "Hola"})
    assert (answer.status_code, answer.headers["x-chatbot-mode"], answer.json()["isFallback"]) == (200, "mock", True)


@pytest.mark.parametrize("body", [{}, {"message": 3}, {"message": "x" * 10_001}, {"message": "x", "sessionId": 3}, []])
def test_the_chatbot_refuses_what_is_no_message(bot: TestClient, body: object) -> None:
    assert bot.post("/api/chat/message", json=body).status_code == 400


def test_cors(bot: TestClient) -> None:
    def allowed(origin: str) -> str | None:
        headers = {"origin": origin, "access-control-request-method": "POST"}
        return bot.options("/api/chat/message", headers=headers).headers.get("access-control-allow-origin")

    assert (allowed("https://coches.example"), allowed("https://evil.example")) == ("https://coches.example", None)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"temperature": "hot"}, 400),
        ({"temperature": 3}, 400),
        ({"top_p": -1}, 400),
        ({"n": 0}, 400),
        ({"stream": "yes"}, 400),
        ({"tools": [{}]}, 400),
        ({"tool_choice": 7}, 400),
        ({"response_format": {"type": "poem"}}, 400),
        ({"response_format": {"type": "json_schema"}}, 400),
        ({"max_tokens": 10**30}, 200),
        ({"n": 2, "logprobs": True}, 200),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hola"}]}]}, 200),
    ],
)
def test_requests_are_read_strictly(vllm: TestClient, change: dict[str, Any], status: int) -> None:
    assert vllm.post("/v1/chat/completions", json={**ASK, **change}).status_code == status


def test_choices_logprobs_and_base64(vllm: TestClient) -> None:
    body = vllm.post("/v1/chat/completions", json={**ASK, "n": 2, "logprobs": True, "max_tokens": 2}).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert len(body["choices"][0]["logprobs"]["content"]) == 2
    coded = vllm.post("/v1/embeddings", json={"model": "e", "input": "a", "encoding_format": "base64"}).json()
    raw = base64.b64decode(coded["data"][0]["embedding"])
    plain = vllm.post("/v1/embeddings", json={"model": "e", "input": "a"}).json()["data"][0]["embedding"]
    assert struct.unpack(f"<{len(plain)}f", raw) == pytest.approx(plain, abs=1e-6)


def test_a_deviation_outlives_a_restart_if_it_is_kept(tmp_path: Path) -> None:
    setup = Setup("vllm", frozenset({"m"}), sticky=tmp_path / "on.json")
    TestClient(build_app(setup)).put("/control/faults/usage-wrong")
    again = TestClient(build_app(setup))
    assert set(again.get("/control/faults").json()["on"]) == {"usage-wrong"}
    again.post("/control/reset")
    assert TestClient(build_app(setup)).get("/control/faults").json()["on"] == {}


def test_one_model_has_a_limit_of_its_own() -> None:
    limited = TestClient(build_app(Setup("vllm", frozenset({"m", "l"}), limited={"l": 1})))
    statuses = [limited.post("/v1/chat/completions", json={**ASK, "model": name}).status_code for name in "llmm"]
    assert statuses == [200, 429, 200, 200]


def test_rest_service() -> None:
    service = TestClient(build_service())
    said = service.post("/chat", json={"messages": [{"role": "user", "content": "Hola"}]}).json()
    assert (said["model"], bool(said["response"])) == ("edge-1.5b", True)
    assert service.post("/generate", json={"prompt": 7}).status_code == 422
    assert service.post("/generate", content=b"hola").status_code == 400
    assert len(service.post("/embeddings", json={"text": "a"}).json()["embedding"]) == 64
    assert set(service.get("/openapi.json").json()["paths"]) >= {"/generate", "/chat", "/embeddings"}
    assert "http_requests_total" in service.get("/metrics").text
    service.put("/control/faults/health-lies")
    assert (service.get("/health").status_code, service.post("/generate", json={"prompt": "a"}).status_code) == (
        200,
        503,
    )
