"""The stream parsers, at every border."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.stream import ChatBody, ChatStream, NdjsonParser, ServerEvent, SseParser, StreamProtocolError

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
    assert (stream.content_ms[0], stream.text, stream.finish_reasons, stream.done) == (90.0, "Hola", ["stop"], True)


def test_a_tool_call_is_content() -> None:
    stream = ChatStream()
    stream.take(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}), 7.0)
    assert (stream.content_ms, stream.text) == ([7.0], "")


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


EVENTS_WITH_TYPES = b"event: error\ndata: a\n\ndata: b\n\nevent: x\n\ndata: c\n\n"


def test_sse_event_types_last_for_one_event() -> None:
    events = list(SseParser().feed(EVENTS_WITH_TYPES))
    assert [(event.event, event.data) for event in events] == [("error", "a"), ("", "b"), ("", "c")]


def test_sse_an_event_ended_by_cr_comes_at_once() -> None:
    parser = SseParser()
    assert [event.data for event in parser.feed(b"data: a\r\r")] == ["a"]
    assert [event.data for event in parser.feed(b"\ndata: b\r\n\r\n")] == ["b"]  # the LF belonged to the CR


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data\n\n", [""]),  # a field without a value
        (b"data:a\ndata:b\n\n", ["a\nb"]),
        (b"data:  a\n\n", [" a"]),  # one space is dropped, not two
        (b": comment\n\n", []),
        (b":\n\ndata: a\n\n", ["a"]),
        (b"retry: 5\nid: 3\nnonsense: 4\n\n", []),
        (b"data: a\n", []),  # discarded: no empty line
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", ["a"]),  # only a leading mark is one
        (b"\n\n\ndata: a\n\n\n\n", ["a"]),
    ],
)
def test_sse_rules_of_the_standard(raw: bytes, events: list[str]) -> None:
    assert [event.data for event in SseParser().feed(raw)] == events


LINES = st.sampled_from(
    ["data: ", "data", "data:x", "event: e", ": note", "", "id: 1", "data: é🚗", "\ufeffdata: y", "retry"]
)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


def reference(text: str) -> list[str]:
    """The standard's algorithm over a whole text, as simple as can be."""
    events: list[str] = []
    data: list[str] = []
    for line in re.split("\r\n|\r|\n", text.removeprefix("\ufeff"))[:-1]:
        name, _, value = line.partition(":")
        if line == "":
            events += ["\n".join(data)] if data else []
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))
    return events


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.data())
def test_sse_is_the_standards_algorithm_however_it_is_cut(lines: list[tuple[str, str]], data: st.DataObject) -> None:
    text = "".join(line + end for line, end in lines)
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    parser = SseParser()
    pieces = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert [event.data for piece in pieces for event in parser.feed(piece)] == reference(text)
    parser.finish()


def test_sse_where_nothing_arrives_between_cr_and_lf() -> None:
    parser = SseParser()
    pieces = (b"data: \nevent: e\r", b"", b"\n", b"\n")
    assert [[event.data for event in parser.feed(piece)] for piece in pieces] == [[], [], [], [""]]


def test_sse_that_ends_within_a_character() -> None:
    parser = SseParser()
    assert list(parser.feed("data: é".encode()[:-1])) == []
    with pytest.raises(StreamProtocolError, match="UTF-8"):
        parser.finish()


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3), max_size=5), st.booleans(), st.data())
def test_ndjson_any_values_in_any_pieces(values: list[dict[str, int]], ended: bool, data: st.DataObject) -> None:
    raw = b"\n".join(json.dumps(value, ensure_ascii=False).encode() for value in values) + (b"\n" if ended else b"")
    parser, position = NdjsonParser(), 0
    seen: list[object] = []
    while position < len(raw):
        size = data.draw(st.integers(1, len(raw)))
        seen += parser.feed(raw[position : position + size])
        position += size
    assert [*seen, *parser.finish()] == values


def test_ndjson_a_cut_last_line_is_broken() -> None:
    parser = NdjsonParser()
    assert list(parser.feed(b'{"a": 1}\r\n{"b"')) == [{"a": 1}]
    with pytest.raises(StreamProtocolError):
        list(parser.finish())


def test_what_comes_after_the_done_marker_is_counted() -> None:
    stream = ChatStream()
    for data in ("[DONE]", chunk({}), "[DONE]"):
        stream.take(data, 1.0)
    assert (stream.done, stream.late_events) == (True, 2)


def test_reasoning_is_content() -> None:
    stream = ChatStream()
    stream.take(chunk({"reasoning_content": "hmm"}), 3.0)
    stream.take(chunk({"reasoning": "hmm"}), 4.0)
    assert (stream.content_ms, stream.text) == ([3.0, 4.0], "")


def test_a_usage_that_is_none_is_left_out() -> None:
    stream = ChatStream()
    stream.take('{"usage": "free", "choices": []}', 1.0)
    assert stream.usage is None


DELTAS = st.one_of(
    st.builds(lambda text: {"content": text}, st.text(max_size=4)),
    st.sampled_from([
        {"content": "Hola"}, {"content": 'say "x"'}, {"content": "a\\b"}, {"content": "\n"}, {"content": ""}, {"content": None},
        {"role": "assistant", "content": "x"}, {"reasoning_content": "hm"}, {"content": "x", "reasoning_content": "hm"}, {},
    ]),
)  # fmt: skip
EXTRA: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {}, {}, {}, {"usage": None}, {"usage": {"total_tokens": 3}}, {"error": {"message": "x"}}, {"model": "other"},
])  # fmt: skip
REASONS = st.sampled_from([None, None, None, "stop"])


ENDINGS = st.sampled_from(["\n\n", "\n\n", "\r\n\r\n", "\n: a comment\n\n", "\nid: 7\n\n", "\r\r"])


@given(st.lists(st.tuples(DELTAS, EXTRA, REASONS), max_size=12), st.booleans(), ENDINGS, st.data())
def test_chunks_that_are_alike_mean_the_same_without_being_parsed(
    parts: list[tuple[dict[str, Any], dict[str, Any], str | None]], compact: bool, ending: str, data: st.DataObject
) -> None:
    separators, is_ascii = (",", ":") if compact else (", ", ": "), data.draw(st.booleans())
    events = []
    for delta, extra, reason in parts:
        chunk = {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **extra}
        events.append(f"data: {json.dumps(chunk, separators=separators, ensure_ascii=is_ascii)}{ending}")
    if data.draw(st.booleans()):
        events.insert(data.draw(st.integers(0, len(events))), f"data: [DONE]{ending}")
    pieces = [event.encode() for event in events]
    if data.draw(st.booleans()):  # not an event at a time
        raw, pieces = b"".join(pieces), []
        while raw:
            size = data.draw(st.integers(1, len(raw)))
            pieces.append(raw[:size])
            raw = raw[size:]
    parser, parsed, quick = SseParser(), ChatStream(), ChatBody()
    for i, piece in enumerate(pieces):
        for event in parser.feed(piece):
            parsed.take(event.data, float(i))
        quick.feed(piece, float(i))
    told = ("text", "content_ms", "finish_reasons", "usage", "error", "done", "late_events")
    assert [getattr(quick.said, name) for name in told] == [getattr(parsed, name) for name in told]


def event(text: str) -> bytes:
    return f'data: {{"choices": [{{"delta": {{"content": "{text}"}}}}]}}\n\n'.encode()


def test_a_stream_that_goes_on_after_its_end_is_noticed_without_parsing_too() -> None:
    body = ChatBody()
    for piece in (event("a"), event("b"), b"data: [DONE]\n\n", event("c")):
        body.feed(piece, 1.0)
    assert (body.said.text, body.said.late_events, body.said.done) == ("abc", 1, True)


@pytest.mark.parametrize("broken", [b"\xff", b'x"}}]', b"\x01"])
def test_a_broken_chunk_among_those_that_are_alike_is_noticed(broken: bytes) -> None:
    body = ChatBody()
    body.feed(event("a"), 1.0)
    body.feed(event("b") + event("c"), 1.0)
    with pytest.raises(StreamProtocolError):
        body.feed(event("d").replace(b'd"', broken + b'"'), 1.0)
    assert body.said.text == "abc"


def test_a_comment_between_two_chunks_says_nothing() -> None:
    """Proxies send them to keep a connection open."""
    body = ChatBody()
    for piece in (b": ping\n\n", b'data: {"choices":[{"delta":{"content":"Hola"}}]}\n\n', b": ping\n\n"):
        body.feed(piece, 1.0)
    assert (body.said.text, body.said.content_ms) == ("Hola", [1.0])


def test_sse_knows_when_whatever_comes_next_begins_a_new_event() -> None:
    parser = SseParser()
    seen = [parser.is_between_events]
    for piece in (b"data: a", b"\n", b"\n", b"event: x\n", b"\n", b"data: \xc3", b"\xa9\n\n", b"data: b\n\r"):
        parser.feed(piece)
        seen.append(parser.is_between_events)
    assert seen == [True, False, False, True, False, True, False, True, False]


def test_sse_half_a_character_is_no_end_of_an_event() -> None:
    parser = SseParser()
    parser.feed(b"\xc3")
    assert not parser.is_between_events


def test_sse_only_the_first_character_may_be_a_byte_order_mark() -> None:
    parser = SseParser()
    assert parser.feed("\ufeffdata: a".encode()) == []
    assert parser.feed("\ufeffb\n\n".encode()) == [ServerEvent("a\ufeffb")]


@pytest.mark.parametrize("parser", [SseParser, NdjsonParser])
def test_a_line_may_be_as_long_as_the_limit_and_not_longer(
    parser: type[SseParser | NdjsonParser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gonogo.stream.MOST_OF_A_LINE", 10)
    reading = parser()
    list(reading.feed(b"1" * 10))
    list(reading.feed(b"\n" + b"2" * 10))
    with pytest.raises(StreamProtocolError, match="longer than 10"):
        list(reading.feed(b"2"))


def plain(text: str, **more: object) -> bytes:
    """A chunk with this text, and what else it says."""
    choice = {"index": 0, "delta": {"content": text, **more}, "finish_reason": None}
    return f"data: {json.dumps({'id': 'x', 'choices': [choice]})}\n\n".encode()


class CountedBody(ChatBody):
    """Counts the chunks that were parsed."""

    def __init__(self) -> None:
        super().__init__()
        self.parsed = 0
        take = self.said.take

        def counted(data: str, at_ms: float) -> dict[str, Any]:
            self.parsed += 1
            return take(data, at_ms)

        self.said.take = counted  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("pieces", "parsed"),
    [
        ([plain("a"), plain("b"), plain("c")], 1),
        ([plain("a"), plain("b") + plain("c") + plain("d")], 1),
        ([plain("a") + plain("b"), plain("c"), plain("d")], 3),  # two at once show nothing of one
        ([plain("a"), plain("b")[:-1], b"\n" + plain("c"), plain("d"), plain("e")], 4),
        ([plain("a", reasoning="hm"), plain("b", reasoning="hm")], 2),
        ([plain("a"), plain('"'), plain("c"), plain("d")], 3),
    ],
)
def test_only_what_differs_by_its_text_alone_is_not_parsed(pieces: list[bytes], parsed: int) -> None:
    body, whole = CountedBody(), ChatBody()
    for piece in pieces:
        body.feed(piece, 1.0)
    for byte in b"".join(pieces):
        whole.feed(bytes([byte]), 1.0)
    assert (body.said.text, len(body.said.content_ms)) == (whole.said.text, len(whole.said.content_ms))
    assert (body.parsed, body.said.chunks) == (parsed, [])
