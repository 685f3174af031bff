"""Rules over answers from the wire: each flaw is found, a good answer has none, and no answer breaks them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo import resources
from gonogo.documents import violations
from gonogo.rules.completions import (
    choices_of,
    finish_reasons_of,
    identity_flaws,
    is_listed,
    logprob_flaws,
    same_model,
    text_of,
    usage_flaws,
)
from gonogo.rules.embeddings import vector_flaws
from gonogo.rules.hostile import GROUPS, Hostile, hostile_requests
from gonogo.rules.ollama import duration_flaws, stream_flaws
from gonogo.rules.openapi import answer_flaws, undocumented
from gonogo.rules.pointers import pointed
from gonogo.rules.readiness import Glimpse, readiness_flaws
from gonogo.rules.refusals import Refusal, form_flaws, leaks, refusal_flaws
from gonogo.rules.streams import first_chunk, framing_flaws, is_buffered, role_flaws, usage_chunk_flaws
from gonogo.rules.structured import SCHEMA_KINDS, improbable_schema, json_flaws, schema_request
from gonogo.rules.tool_calls import call_flaws, forecast_tool, native_call_flaws, streamed_calls, whole_calls

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["choices", "delta", "message", "tool_calls", "function", "arguments", "index", "id", "usage", "error",
             "finish_reason", "content", "role", "logprobs", "name", "message", "models", "paths", "total_duration"]
        ), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
OBJECT = st.dictionaries(st.sampled_from(["choices", "usage", "id", "created", "model", "error"]), JSON, max_size=6)
NOW = 1_800_000_000.0


@given(OBJECT, JSON, st.lists(OBJECT, max_size=4))
def test_no_answer_breaks_a_rule(body: dict[str, Any], anything: Any, chunks: list[dict[str, Any]]) -> None:
    tool = forecast_tool("x")
    schema = resources.schema("chat-completion-chunk")
    choices = choices_of(body)
    results: list[object] = [
        identity_flaws([body, *chunks], NOW), usage_flaws(anything, 3), usage_flaws(body.get("usage"), 3),
        finish_reasons_of(body), [text_of(choice) for choice in choices], [logprob_flaws(choice) for choice in choices],
        call_flaws(whole_calls(body), tool), call_flaws(streamed_calls(chunks), tool), native_call_flaws(body, tool),
        framing_flaws("text/plain", chunks, schema), role_flaws(chunks), usage_chunk_flaws(chunks, chunks),
        form_flaws(json.dumps(anything), resources.schema("openai-error")), leaks(json.dumps(anything)),
        duration_flaws(body, 1.0), stream_flaws("", chunks, resources.schema("ollama-chat-line"), resources.schema("ollama-chat")),
        undocumented(body, ["/a"]), answer_flaws(body, "/a", anything), vector_flaws(anything, anything, anything),
        pointed(anything, "/choices/0/~1a"), json_flaws(json.dumps(anything), improbable_schema("nested", "m")),
        same_model(anything, ["m"]), is_listed("m", [anything]), first_chunk(chunks),
    ]  # fmt: skip
    assert len(results) == 24


def test_what_is_nested_too_deeply_is_not_json() -> None:
    deep = "[" * 100_000
    tool_body = whole([called(arguments=deep)])
    assert "not JSON" in json_flaws(deep, {})[0]
    assert "not JSON" in form_flaws(deep[:15_000], FORM)[0]
    assert "arguments are not JSON" in "; ".join(call_flaws(whole_calls(tool_body), TOOL))


GOOD = {"id": "a", "created": NOW, "model": "m", "choices": []}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, ""),
        ({"id": "b"}, ""),
        ({"id": None}, "the id is None"),
        ({"id": ""}, "the id is ''"),
        ({"created": NOW - 7200}, "not now"),
        ({"created": "today"}, "not now"),
    ],
)
def test_identity(change: dict[str, Any], found: str) -> None:
    flaws = identity_flaws([{**GOOD, "id": "other"}, {**GOOD, **change}], NOW)
    assert found in "".join(flaws)
    assert bool(flaws) == bool(found)


def test_the_same_id_twice() -> None:
    assert identity_flaws([GOOD, GOOD], NOW) == ["several completions have the id 'a'"]


@pytest.mark.parametrize(
    ("told", "name", "same"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o-2024-08-06", "gpt-4o", True),
        ("llama3:latest", "llama3", True),
        ("tiny/llama@main", "tiny/llama", True),
        ("gpt-4", "openai/gpt-4", True),
        ("openai/gpt-4", "gpt-4", True),
        ("gpt-4turbo", "gpt-4", False),
        ("mistral", "llama3", False),
        ("", "llama3", False),
        (None, "llama3", False),
        (7, "7", False),
    ],
)
def test_the_same_model(told: object, name: str, same: bool) -> None:
    assert same_model(told, [name]) is same


def test_listed_models() -> None:
    assert is_listed("llama3", ["llama3:latest"])
    assert is_listed("llama3:8b", ["llama3:8b"])
    assert not is_listed("llama3", ["llama3:8b"])


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, ""),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 8}, "not 3 + 4"),
        ({"prompt_tokens": 0, "completion_tokens": 4, "total_tokens": 4}, "prompt_tokens is 0"),
        ({"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}, "the limit is 5"),
        ({"prompt_tokens": "3", "completion_tokens": 4, "total_tokens": 7}, "whole numbers"),
        ({"prompt_tokens": True, "completion_tokens": 4, "total_tokens": 5}, "whole numbers"),
        ({"prompt_tokens": 3.0, "completion_tokens": 4, "total_tokens": 7}, "whole numbers"),
        (None, "usage is None"),
    ],
)
def test_usage(usage: object, found: str) -> None:
    flaws = usage_flaws(usage, 5)
    assert (bool(flaws), found in "".join(flaws)) == (bool(found), True)


def test_logprobs() -> None:
    good = {"finish_reason": "stop", "logprobs": {"content": [{"token": "a", "logprob": -0.5}]}}
    assert logprob_flaws(good) == []
    assert logprob_flaws({**good, "finish_reason": None}) == ["the finish_reason is lost"]
    assert logprob_flaws({**good, "logprobs": None}) == ["logprobs.content is None"]
    assert logprob_flaws({**good, "logprobs": {"content": [{"logprob": 0.5}]}}) == ["a logprob is 0.5"]


def chunk(delta: dict[str, Any], **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **fields}


def test_framing() -> None:
    schema = resources.schema("chat-completion-chunk")
    good = [chunk({"role": "assistant"}), chunk({"content": "a"})]
    assert framing_flaws("text/event-stream; charset=utf-8", good, schema) == []
    assert framing_flaws("text/event-stream", [], schema) == ["no chunk came"]
    assert "the content type" in framing_flaws("application/json", good, schema)[0]
    assert "id changes" in framing_flaws("text/event-stream", [*good, chunk({}, id="b")], schema)[0]
    assert "chunk 2: " in framing_flaws("text/event-stream", [*good, chunk({"content": 7})], schema)[0]


def test_roles_and_usage_in_streams() -> None:
    assert role_flaws([chunk({"role": "assistant", "content": ""}), chunk({"content": "a"})]) == []
    assert role_flaws([chunk({"content": "a"})])
    assert role_flaws([chunk({"content": "a"}), chunk({"role": "assistant"})])
    assert role_flaws([chunk({"role": "user"})])
    plain, told = [chunk({"content": "a"})], chunk({}, choices=[], usage={"total_tokens": 3})
    assert usage_chunk_flaws([*plain, told], plain) == []
    assert usage_chunk_flaws(plain, plain) == ["asked for, the usage came in 0 chunks"]
    assert usage_chunk_flaws([told, *plain], plain) == ["choices came after the usage"]
    assert usage_chunk_flaws([*plain, told], [*plain, told]) == ["not asked for, the usage came in 1 chunks"]


@pytest.mark.parametrize(
    ("content_ms", "buffered"),
    [
        ([20 + 4 * i for i in range(30)], False),
        ([20 + 8 * (i // 2) for i in range(30)], False),  # two tokens at a time
        ([20 + 20 * (i // 5) for i in range(64)], False),  # speculative decoding: five at a time
        ([300.0] * 30, True),
        ([300 + 0.01 * i for i in range(30)], True),
        ([60.0] * 15 + [120.0] * 15, True),  # two blocks
        ([20.0] + [119 + i / 10 for i in range(29)], True),  # one token, then the rest at once
        ([120.0], True),
        ([], True),
    ],
)
def test_buffers(content_ms: list[float], buffered: bool) -> None:
    assert is_buffered(content_ms, 120.0) is buffered


def whole(calls: Any, finish_reason: str = "tool_calls") -> dict[str, Any]:
    return {"choices": [{"finish_reason": finish_reason, "message": {"tool_calls": calls}}]}


TOOL = forecast_tool("Oslo")
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "get_forecast", "arguments": '{"city": "Oslo", "days": 7}'},
}


def called(**function: Any) -> dict[str, Any]:
    return {**CALL, "function": {"name": "get_forecast", "arguments": '{"city": "Oslo", "days": 7}', **function}}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (whole([CALL]), ""),
        (whole([]), "no tool call"),
        (whole(None), "no tool call"),
        (whole(CALL), "tool_calls is dict, not a list"),
        (whole([CALL], "stop"), "finish_reason is stop"),
        (whole([{**CALL, "id": ""}]), "has no id"),
        (whole([{**CALL, "type": "tool"}]), "the type of a tool call"),
        (whole([CALL, CALL]), "the same id"),
        (whole([called(arguments={"city": "Oslo", "days": 7})]), "arguments are dict"),
        (whole([called(arguments='{"city": "Os')]), "arguments are not JSON"),
        (whole([called(arguments='{"city": "Rome", "days": 7}')]), "city"),
        (whole([called(name="get_history")]), "'get_history'"),
    ],
)
def test_tool_calls(body: dict[str, Any], found: str) -> None:
    flaws = call_flaws(whole_calls(body), TOOL)
    assert (bool(flaws), found in "; ".join(flaws)) == (bool(found), True)


def test_streamed_tool_calls_are_put_together() -> None:
    text = '{"city": "Oslo", "days": 7}'
    pieces = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "get_forecast", "arguments": ""}}]
    pieces += [{"index": 0, "function": {"arguments": part}} for part in (text[:9], text[9:])]
    chunks = [chunk({"tool_calls": [piece]}) for piece in pieces]
    end = chunk({})
    end["choices"][0]["finish_reason"] = "tool_calls"
    read = streamed_calls([*chunks, end])
    assert (call_flaws(read, TOOL), read.calls[0].arguments) == ([], {"city": "Oslo", "days": 7})
    del pieces[1]["index"]
    assert "no index" in "".join(streamed_calls([*chunks, end]).flaws)


def test_native_tool_calls() -> None:
    good = {"name": "get_forecast", "arguments": {"city": "Oslo", "days": 7}}
    assert native_call_flaws(good, TOOL) == []
    assert native_call_flaws({**good, "arguments": json.dumps(good["arguments"])}, TOOL)
    assert native_call_flaws({**good, "name": "x"}, TOOL) == ["the tool called is 'x'"]


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_schemas_are_not_met_by_chance(kind: str) -> None:
    schema = improbable_schema(kind, "m1")
    for text in ("{}", "[]", '"hola"', '{"mark": "hola"}', "```json\n{}\n```", "hola", ""):
        assert json_flaws(text, schema), text
    assert schema_request(schema)["json_schema"]["schema"] is schema


def test_no_other_kind_of_schema() -> None:
    with pytest.raises(ValueError, match="no kind"):
        improbable_schema("poem", "m")


EVERY = [hostile for group in GROUPS for hostile in hostile_requests(group, "m", "Hola")]


def test_hostile_requests_are_many_and_have_names_of_their_own() -> None:
    names = [hostile.name for hostile in EVERY]
    assert len(set(names)) == len(names) >= 60
    assert {name.partition(".")[0] for name in names} == set(GROUPS)
    with pytest.raises(ValueError, match="no group"):
        hostile_requests("poems", "m", "Hola")


def test_what_must_be_refused_is_not_a_request_of_the_api() -> None:
    """The catalogue against a schema written from the API's documents: no good request is called hostile."""
    schema = resources.schema("chat-request")
    good = {"model": "m", "messages": [{"role": "user", "content": "Hola"}], "max_tokens": 2}
    assert violations(good, schema) == []
    for hostile in EVERY:
        if hostile.name.split(".")[0] in ("missing", "types") or (
            200 not in hostile.statuses and "range" in hostile.name
        ):
            assert hostile.body is not None
            assert violations(json.loads(hostile.body), schema), hostile.name


@pytest.mark.parametrize("hostile", [h for h in EVERY if h.name.startswith("syntax.")], ids=lambda h: h.name)
def test_bodies_that_cannot_be_read(hostile: Hostile) -> None:
    assert hostile.body is not None
    try:
        value = json.loads(hostile.body.decode("utf-8"), parse_constant=lambda _: 1 / 0)
    except (ValueError, RecursionError, ZeroDivisionError):
        return
    assert not isinstance(value, dict) or hostile.name == "syntax.deep-object"


REFUSED = Hostile("types.x", b"{}")
FORM = resources.schema("openai-error")
BODY = '{"error": {"message": "no", "type": "invalid_request_error", "param": null, "code": null}}'


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Refusal(400, BODY, 5), ""),
        (Refusal(422, BODY, 5), ""),
        (Refusal(200, "{}", 5), "HTTP 200, wanted 400"),
        (Refusal(500, BODY, 5), "HTTP 500"),
        (Refusal(400, "no", 5), "not JSON"),
        (Refusal(400, '{"detail": "no"}', 5), "lacks 'error'"),
        (Refusal(400, BODY, 6000), "refused after 6.0 s"),
        (Refusal(400, BODY.replace("no", 'File \\"/a/b.py\\", line 3'), 5), ""),
        (Refusal(400, BODY.replace("no", "Traceback (most recent call last)"), 5), "a stack trace"),
        (Refusal(400, BODY.replace("no", "goroutine 12 [running]"), 5), "a stack trace"),
        (Refusal(400, BODY.replace("no", "at org.x.Y.z(Y.java:12)"), 5), "a stack trace"),
        (Refusal(400, BODY.replace("no", "sk-abcdefgh12345678"), 5), "a key in the body"),
        (Refusal(400, BODY.replace("no", "n" * 30_000), 5), "characters"),
    ],
)
def test_refusals(answer: Refusal, found: str) -> None:
    flaws = refusal_flaws(REFUSED, answer, FORM)
    assert (bool(flaws), found in "; ".join(flaws)) == (bool(found), True)
    assert all(flaw.startswith("types.x: ") for flaw in flaws)


def test_readiness() -> None:
    def seen(*looks: tuple[float, bool, bool]) -> list[Glimpse]:
        return [Glimpse(*look) for look in looks]

    assert readiness_flaws(seen((0, False, False), (1, False, True), (2, True, True))) == []
    assert "ready 1.0 s" in readiness_flaws(seen((0, False, False), (1, True, False), (2, True, True)))[0]
    assert "no completion worked" in readiness_flaws(seen((0, False, False), (60, False, False)))[0]
    assert "before it said" in readiness_flaws(seen((0, False, True), (30, False, True)))[0]


def test_durations() -> None:
    ms = 1_000_000
    good = {"total_duration": 40 * ms, "load_duration": 1, "prompt_eval_duration": 9 * ms, "eval_duration": 30 * ms}
    assert duration_flaws(good, 60.0) == []
    assert "the parts take" in duration_flaws({**good, "eval_duration": 300 * ms}, 60.0)[0]
    assert "the answer took" in duration_flaws({**good, "total_duration": 900 * ms}, 60.0)[0]
    assert duration_flaws({}, 60.0) == ["total_duration is 0"]


DOCUMENT = {
    "paths": {"/a": {"post": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}}}},
    "components": {"schemas": {"A": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}},
}  # fmt: skip


def test_openapi() -> None:
    assert undocumented(DOCUMENT, ["/a"]) == []
    assert undocumented(DOCUMENT, ["/b"]) == ["/b is not documented"]
    assert answer_flaws(DOCUMENT, "/a", {"n": 3}) == []
    assert answer_flaws(DOCUMENT, "/a", {"n": "3"}) == ["/a: n: must be integer, is '3'"]
    assert answer_flaws(DOCUMENT, "/b", "anything") == []


def test_vectors() -> None:
    one, other = [1.0, 0.0], [0.0, 1.0]
    assert vector_flaws(one, one, other) == []
    assert vector_flaws(one, other, other)
    assert vector_flaws(one, one, one) == ["two different texts have the same vector"]
    for bad in ("abc", [], [0.0, 0.0], [1, "2"], None, [True]):
        assert vector_flaws(bad, one, other), bad


@pytest.mark.parametrize(
    ("pointer", "found"), [("", {"a": [{"b/c": 1}]}), ("/a/0/b~1c", 1), ("/a/1", None), ("/x", None), ("/a/b", None)]
)
def test_pointers(pointer: str, found: object) -> None:
    assert pointed({"a": [{"b/c": 1}]}, pointer) == found


@pytest.mark.parametrize(
    "schema", [{"$ref": "#/components/schemas/Gone"}, {"type": "nope"}, {"required": True}, {"pattern": "("}]
)
def test_a_document_that_cannot_be_used_is_the_finding(schema: dict[str, Any]) -> None:
    content = {"application/json": {"schema": schema}}
    document = {"openapi": "3.1.0", "paths": {"/a": {"post": {"responses": {"200": {"content": content}}}}}}
    flaws = answer_flaws(document, "/a", {"n": "x"} if "pattern" not in schema else "x")
    assert len(flaws) == 1
    assert "cannot be used" in flaws[0]


@pytest.mark.parametrize(("version", "flaws"), [("3.0.3", 0), ("3.1.0", 1)])
def test_nullable_is_a_word_of_openapi_3_0(version: str, flaws: int) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string", "nullable": True}}}
    content = {"application/json": {"schema": schema}}
    document = {"openapi": version, "paths": {"/a": {"post": {"responses": {"200": {"content": content}}}}}}
    assert len(answer_flaws(document, "/a", {"x": None})) == flaws


def test_a_preamble_says_nothing_of_the_completion() -> None:
    azure = {"id": "", "model": "", "object": "", "created": 0, "choices": [], "prompt_filter_results": []}
    good = [chunk({"role": "assistant"}), chunk({"content": "a"})]
    assert framing_flaws("text/event-stream", [azure, *good], resources.schema("chat-completion-chunk")) == []
    assert (first_chunk([azure, *good]), first_chunk([])) == (good[0], {})


def test_a_proxy_may_answer_before_the_server() -> None:
    odd = Hostile("routes.x", None, frozenset({403}), "GET", "/x", may_stop_before=True)
    assert refusal_flaws(odd, Refusal(403, "<html>", 5), FORM) == []
    assert refusal_flaws(odd, Refusal(500, "<html>", 5), FORM) == ["routes.x: HTTP 500, wanted 403"]
