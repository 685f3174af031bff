"""The stream parsers, at every border."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.stream import ChatStream, NdjsonParser, SseParser, StreamProtocolError

STREAM = "\ufeffdata: uno\r\n: nota\r\ndata:dos\r\n\r\nevent: x\nid: 7\ndata: café 🚗\n\ndata: tres\r\rdata: sin final"
EVENTS = ["uno\ndos", "café 🚗", "tres"]


@pytest.mark.parametrize("border", range(len(STREAM.encode()) + 1))
def test_sse_split_at_every_byte(border: int) -> None:
    raw, parser = STREAM.encode(), SseParser()
    assert [event.data for part in (raw[:border], raw[border:]) for event in parser.feed(part)] == EVENTS


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), max_size=5), st.data())
def test_sse_any_text_in_any_pieces(texts: list[str], data: st.DataObject) -> None:
    raw = "".join(f"data: {text}\n\n" for text in texts).encode()
    parser, position = SseParser(), 0
    seen: list[str] = []
    while position < len(raw):
        size = data.draw(st.integers(1, len(raw)))
        seen += [event.data for event in parser.feed(raw[position : position + size])]
        position += size
    assert seen == texts


def test_sse_invalid_utf8() -> None:
    with pytest.raises(StreamProtocolError, match="UTF-8"):
        list(SseParser().feed(b"data: \xff\n\n"))


@pytest.mark.parametrize("border", range(20))
def test_ndjson_split_at_every_byte(border: int) -> None:
    raw, parser = '{"a": "é"}\n{"b": 2}\n'.encode(), NdjsonParser()
    assert [*parser.feed(raw[:border]), *parser.feed(raw[border:])] == [{"a": "é"}, {"b": 2}]


def test_ndjson_refuses_what_is_not_json() -> None:
    with pytest.raises(StreamProtocolError):
        list(NdjsonParser().feed(b"nope\n"))


def chunk(delta: dict[str, object], finish_reason: str | None = None) -> str:
    return json.dumps({"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def test_a_role_delta_is_not_a_token() -> None:
    stream = ChatStream()
    stream.take(chunk({"role": "assistant", "content": ""}), 5.0)
    stream.take(chunk({"content": "Hola"}), 90.0)
    stream.take(chunk({}, "stop"), 95.0)
    stream.take("[DONE]", 96.0)
    assert (stream.first_content_ms, stream.text, stream.finish_reasons, stream.done) == (90.0, "Hola", ["stop"], True)


def test_a_tool_call_is_content() -> None:
    stream = ChatStream()
    stream.take(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}), 7.0)
    assert (stream.first_content_ms, stream.tool_arguments) == (7.0, '{"a":1}')


def test_an_error_in_the_stream_is_kept() -> None:
    stream = ChatStream()
    stream.take('{"error": {"message": "boom"}}', 1.0)
    assert stream.error == {"message": "boom"}


def test_a_later_null_does_not_erase_an_error() -> None:
    stream = ChatStream()
    stream.take('{"error": "boom"}', 1.0)
    stream.take('{"error": null, "choices": []}', 2.0)
    assert stream.error == "boom"


@pytest.mark.parametrize(
    "data", ["not json", "[1]", '{"choices": [null]}', '{"choices": [{"delta": {"content": ["x"]}}]}', '{"choices": 3}']
)
def test_data_that_is_no_object(data: str) -> None:
    with pytest.raises(StreamProtocolError):
        ChatStream().take(data, 0.0)
