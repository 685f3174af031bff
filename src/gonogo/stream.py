"""Sans-I/O parsers for streamed answers, and what each timing means.

Bytes go in as they arrive, events come out. No clock and no socket here, so that probes (httpx) and the load
generator (gevent) share one definition. SSE follows the WHATWG event-stream rules
(https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation): CR, LF and CRLF end a
line, a leading BOM is dropped, comments are ignored, several data lines are joined by LF, and an event without its
closing empty line is discarded.
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DONE = "[DONE]"


class StreamProtocolError(ValueError):
    """The stream breaks its format: invalid UTF-8 or a line that is not JSON."""


class SseParser:
    """Server-sent events: `feed` bytes, get the `data` of each finished event."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._buffer = ""
        self._data: list[str] = []
        self._at_start = True

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of every event that this chunk finishes.

        Raises:
            StreamProtocolError: the bytes are not valid UTF-8.
        """
        text = self._decode(chunk)
        if self._at_start and text:
            text, self._at_start = text.removeprefix("\ufeff"), False
        self._buffer += text
        while (line := self._take_line()) is not None:
            if line:
                self._read_line(line)
            elif self._data:
                data, self._data = "\n".join(self._data), []
                yield data

    def _decode(self, chunk: bytes) -> str:
        try:
            return self._decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise StreamProtocolError(f"invalid UTF-8 in the stream: {error.reason}") from error

    def _take_line(self) -> str | None:
        ends = [position for mark in "\r\n" if (position := self._buffer.find(mark)) >= 0]
        if not ends:
            return None
        end = min(ends)
        if self._buffer[end] == "\r" and end + 1 == len(self._buffer):
            return None  # the LF of a CRLF may be in the next chunk
        after = end + (2 if self._buffer.startswith("\r\n", end) else 1)
        line, self._buffer = self._buffer[:end], self._buffer[after:]
        return line

    def _read_line(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))


class NdjsonParser:
    """Newline-delimited JSON: `feed` bytes, get each finished line's value."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> Iterator[Any]:
        """The value of every line that this chunk finishes.

        Raises:
            StreamProtocolError: a line is not JSON in UTF-8.
        """
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise StreamProtocolError("a line of the stream is not JSON") from error


@dataclass
class ChatStream:
    """What a streamed chat completion (OpenAI's chunks) has said so far.

    Times are whatever clock the caller uses, in milliseconds. `first_content_ms` is the arrival of the first chunk that
    carries text or a tool call: a role delta or an empty delta is not a token.
    """

    text: str = ""
    tool_arguments: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    error: Any = None
    done: bool = False
    model: str | None = None
    content_ms: list[float] = field(default_factory=list)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    keep_chunks: bool = True

    @property
    def first_content_ms(self) -> float | None:
        """Arrival of the first content-bearing chunk; None if none came."""
        return self.content_ms[0] if self.content_ms else None

    def take(self, data: str, at_ms: float) -> None:
        """Read the data of one event that arrived at `at_ms`.

        Raises:
            StreamProtocolError: the data is neither the done marker nor a JSON object.
        """
        if data.strip() == DONE:
            self.done = True
            return
        try:
            chunk = json.loads(data)
        except ValueError as error:
            raise StreamProtocolError("an event's data is not JSON") from error
        if not isinstance(chunk, dict):
            raise StreamProtocolError("an event's data is not a JSON object")
        if self.keep_chunks:
            self.chunks.append(chunk)
        self.error = chunk.get("error") or self.error
        self.model = chunk.get("model", self.model)
        self.usage = chunk.get("usage") or self.usage
        try:
            for choice in chunk.get("choices") or ():
                self._take_choice(choice, at_ms)
        except (AttributeError, TypeError) as error:
            raise StreamProtocolError("a chunk's choices are not of the API's form") from error

    def _take_choice(self, choice: dict[str, Any], at_ms: float) -> None:
        delta = choice.get("delta") or {}
        if delta.get("role"):
            self.roles.append(delta["role"])
        if choice.get("finish_reason"):
            self.finish_reasons.append(choice["finish_reason"])
        content = delta.get("content") or ""
        arguments = "".join(
            (call.get("function") or {}).get("arguments") or "" for call in delta.get("tool_calls") or ()
        )
        if content or arguments:
            self.content_ms.append(at_ms)
            self.text += content
            self.tool_arguments += arguments
