"""Sans-I/O parsers for streamed answers, and what each timing means.

Bytes go in as they arrive, events come out. No clock and no socket here, so that probes (httpx) and the load
generator (gevent) share one definition. SSE follows the WHATWG event-stream rules
(https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation): CR, LF and CRLF end a
line, a leading BOM is dropped, comments are ignored, several data lines are joined by LF, and an event without its
closing empty line is discarded.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

DONE = "[DONE]"
MOST_OF_A_LINE = 16_000_000
"""A line without an end is given up after so many characters."""
_LINE_END = re.compile("\r\n|\r|\n")


class StreamProtocolError(ValueError):
    """The stream breaks its format: invalid UTF-8 or a line that is not JSON."""


class ServerEvent(NamedTuple):
    """One server-sent event."""

    data: str
    event: str = ""
    """Its type; empty is the standard's default, ``message``."""


class SseParser:
    """Server-sent events: `feed` bytes, get each finished event as soon as its last byte is there."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._begun: list[str] = []
        """The pieces of a line that has not ended yet."""
        self._begun_characters = 0
        self._data: list[str] = []
        self._event = ""
        self._at_start = True
        self._after_cr = False
        """The last line ended with CR: an LF that follows belongs to it."""

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Every event that this chunk finishes.

        Raises:
            StreamProtocolError: the bytes are not valid UTF-8, or a line does not end.
        """
        text = self._decode(chunk)
        if self._at_start and text:
            text, self._at_start = text.removeprefix("\ufeff"), False
        events = []
        for line in self._take_lines(text):
            if line:
                self._read_line(line)
                continue
            if self._data:
                data = self._data[0] if len(self._data) == 1 else "\n".join(self._data)
                events.append(ServerEvent(data, self._event))
                self._data = []
            self._event = ""
        return events

    @property
    def is_between_events(self) -> bool:
        """Whether whatever comes next begins a new event: nothing of the last one is still open."""
        unfinished = self._begun or self._data or self._event or self._after_cr
        return not unfinished and not self._decoder.getstate()[0]

    def finish(self) -> None:
        """The stream is over; an event without its closing empty line is discarded, as the standard says.

        Raises:
            StreamProtocolError: it ended within a character.
        """
        self._decode(b"", final=True)

    def _decode(self, chunk: bytes, *, final: bool = False) -> str:
        try:
            return self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            raise StreamProtocolError(f"invalid UTF-8 in the stream: {error.reason}") from error

    def _take_lines(self, text: str) -> list[str]:
        """Every line that is finished now; the rest stays."""
        if not text:
            return []
        if self._after_cr:
            text, self._after_cr = text.removeprefix("\n"), False
        if "\n" not in text and "\r" not in text:
            self._keep(text)
            return []
        whole = "".join((*self._begun, text)) if self._begun else text
        # most servers never send CR: a split is several times as fast as a search for each of the three line ends
        lines = whole.split("\n") if "\r" not in whole else _LINE_END.split(whole)
        self._begun, self._begun_characters = [], 0
        self._keep(lines.pop())
        self._after_cr = whole.endswith("\r")
        return lines

    def _keep(self, text: str) -> None:
        """Of a line that has begun; its pieces are joined once it ends, or a long one would be copied with each."""
        if text:
            self._begun.append(text)
            self._begun_characters += len(text)
        if self._begun_characters > MOST_OF_A_LINE:
            raise StreamProtocolError(f"a line of the stream is longer than {MOST_OF_A_LINE} characters")

    def _read_line(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name == "event":
            self._event = value.removeprefix(" ")


class NdjsonParser:
    """Newline-delimited JSON: `feed` bytes, get each finished line's value; `finish` for one without its newline."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> Iterator[Any]:
        """The value of every line that this chunk finishes.

        Raises:
            StreamProtocolError: a line is not JSON in UTF-8, or does not end.
        """
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        if len(self._buffer) > MOST_OF_A_LINE:
            raise StreamProtocolError(f"a line of the stream is longer than {MOST_OF_A_LINE} bytes")
        yield from map(self._value, filter(bytes.strip, lines))

    def finish(self) -> Iterator[Any]:
        """The value of the last line, where no newline ended it.

        Raises:
            StreamProtocolError: it is not JSON in UTF-8.
        """
        rest, self._buffer = self._buffer, b""
        yield from map(self._value, filter(bytes.strip, [rest]))

    def _value(self, line: bytes) -> Any:  # noqa: ANN401 (any JSON)
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StreamProtocolError("a line of the stream is not JSON") from error


@dataclass
class ChatStream:
    """What a streamed chat completion (OpenAI's chunks) has said so far.

    Times are whatever clock the caller uses, in milliseconds. `content_ms` are the arrivals of the chunks that carry
    text, reasoning or a tool call: a role delta or an empty delta is not a token.
    """

    text: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    error: Any = None
    done: bool = False
    late_events: int = 0
    """Events after the done marker: there should be none."""
    content_ms: list[float] = field(default_factory=list)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    keep_chunks: bool = True

    def take(self, data: str, at_ms: float) -> dict[str, Any]:
        """Read the data of one event that arrived at `at_ms`.

        Returns:
            The chunk; empty for the done marker.

        Raises:
            StreamProtocolError: the data is neither the done marker nor a JSON object.
        """
        self.late_events += self.done
        if data.strip() == DONE:
            self.done = True
            return {}
        try:
            chunk = orjson.loads(data)
        except ValueError as error:
            raise StreamProtocolError("an event's data is not JSON") from error
        if not isinstance(chunk, dict):
            raise StreamProtocolError("an event's data is not a JSON object")
        if self.keep_chunks:
            self.chunks.append(chunk)
        self.error = chunk.get("error") or self.error
        self.usage = usage if isinstance(usage := chunk.get("usage"), dict) else self.usage
        try:
            for choice in chunk.get("choices") or ():
                self._take_choice(choice, at_ms)
        except (AttributeError, TypeError) as error:
            raise StreamProtocolError("a chunk's choices are not of the API's form") from error
        return chunk

    def _take_choice(self, choice: dict[str, Any], at_ms: float) -> None:
        delta = choice.get("delta") or {}
        if choice.get("finish_reason"):
            self.finish_reasons.append(choice["finish_reason"])
        content = delta.get("content") or ""
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        arguments = "".join(
            (call.get("function") or {}).get("arguments") or "" for call in delta.get("tool_calls") or ()
        )
        if content or arguments or reasoning:
            self.content_ms.append(at_ms)
            self.text += content


class ChatBody:
    """The body of a streamed chat completion, as its bytes arrive: `said` is what it has said so far.

    Chunks that are like the one before, but for their text, are neither cut into lines nor parsed again: this reads a
    stream several times as fast, and means the same (`tests/test_stream.py` compares).
    """

    def __init__(self) -> None:
        self.said = ChatStream(keep_chunks=False)
        self._events = SseParser()
        self._alike: tuple[bytes, bytes] | None = None
        """What stands before and after the text of a plain content chunk; only known between two events."""

    def feed(self, body: bytes, at_ms: float) -> None:
        """Read what arrived at `at_ms`.

        Raises:
            StreamProtocolError: it is not UTF-8, or an event's data is neither the done marker nor a JSON object.
        """
        if self._alike is not None and not self.said.done:
            body = self._after_alike(body, at_ms, *self._alike)
            if not body:
                return
        was_between = self._events.is_between_events
        events = self._events.feed(body)
        chunks = [self.said.take(event.data, at_ms) for event in events]
        if not self._events.is_between_events:
            self._alike = None
        elif was_between and len(chunks) == 1:
            self._alike = _around_text(body, chunks[0])

    def _after_alike(self, body: bytes, at_ms: float, before: bytes, after: bytes) -> bytes:
        """What is left of a body behind the chunks that differ from the last plain one by their text only."""
        start = len(before)
        while body.startswith(before):
            end = body.find(after, start)
            if end < 0 or not _PLAIN.fullmatch(body, start, end):
                break
            try:
                self.said.text += body[start:end].decode()
            except UnicodeDecodeError:
                break
            self.said.content_ms.append(at_ms)
            body = body[end + len(after) :]
        return body


_PLAIN = re.compile(rb'[^"\\\x00-\x1f]+')
"""JSON strings (RFC 8259, section 7) that mean what they say."""


def _around_text(body: bytes, chunk: dict[str, Any]) -> tuple[bytes, bytes] | None:
    """What stands before and after the text of a plain content chunk; None if it says anything else as well."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or chunk.get("error") or chunk.get("usage"):
        return None
    delta = choices[0].get("delta") or {}
    text = delta.get("content")
    if choices[0].get("finish_reason") or not isinstance(text, str):
        return None
    if any(value for name, value in delta.items() if name != "content"):
        return None
    for name in (b'"content":"', b'"content": "'):
        written = name + text.encode(errors="surrogatepass") + b'"'
        before, found, after = body.partition(written)
        if found and written not in after and _PLAIN.fullmatch(written, len(name), len(written) - 1):
            return before + name, b'"' + after
    return None
