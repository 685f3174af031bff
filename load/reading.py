"""Reads one answer as it arrives, with the moment of each chunk.

Where the kernel tells when a piece arrived (Linux, `SO_TIMESTAMPNS`), that moment counts: a chunk that waited for this
process is not late, and nobody has to hurry. So all such connections are looked at together, every millisecond, which
costs less than waking up for each piece. Two chunks of one stream within that time may be read as one piece, whose
moment is the later one. Elsewhere (TLS, other systems) the event loop calls the reader for each piece, and the moment
is that at which it turned to it.
"""

import re
import select
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import gevent
import gevent.event
import gevent.monkey
import gevent.socket
import orjson
from geventhttpclient.response import HTTPResponse

from gonogo.loadtest.attempt import Attempt, clock_offset_ms, now_ms
from gonogo.stream import ChatBody, ChatStream

_BLOCK = 65536
_BUFFER = memoryview(bytearray(_BLOCK))
"""Shared by all readers: each takes out at once what it has read, and the loop calls one after the other."""
_BUFFERS = [_BUFFER]
_TOLD_BYTES = 64
_READABLE = 1
_STAMP = struct.Struct("@qq")
"""A `timespec`: seconds and nanoseconds of the real-time clock (socket(7), `SO_TIMESTAMPNS`)."""
_SO_TIMESTAMPNS = getattr(gevent.socket, "SO_TIMESTAMPNS", 35)
_TICK_S = 0.001
_MOST_LATER = 256
_MOST_PIECES = 16
"""Taken from one connection before others get their turn: TLS may always have another one."""
MOST_HEAD_BYTES, MOST_BODY_BYTES = 100_000, 64_000_000
"""Of one answer. The longest streams of the field (100,000 tokens) stay below half of it."""
_TOLD_CHARACTERS = 2000


class Connection(NamedTuple):
    """A connection to the gateway."""

    socket: gevent.socket.socket
    is_stamped: bool
    """The kernel tells when a piece arrived."""


def stamped(socket: gevent.socket.socket) -> bool:
    """Have the kernel tell when a piece arrives; false where it does not. Of what TLS decrypts nobody knows."""
    try:
        socket.setsockopt(gevent.socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return not isinstance(socket, ssl.SSLSocket)


class _Parser(HTTPResponse):  # type: ignore[misc]
    """HTTP's framing (llhttp); body bytes are kept until they are taken."""

    def take_body(self) -> bytes:
        body = bytes(self._body_buffer)
        self._body_buffer.clear()
        return body


class EndedError(Exception):
    """The server closed the connection in the middle of an answer."""


class TooLongError(Exception):
    """An answer has more bytes than one may have."""


class Ticker:
    """Looks at many connections at once, every millisecond, and calls the readers of those that have something."""

    def __init__(self) -> None:
        # gevent hides these, because they could block; asked with no time to wait, they do not
        self._poll = _original_poll()
        self._timer = gevent.get_hub().loop.timer(_TICK_S, repeat=_TICK_S)
        self._readers: dict[int, Reader] = {}

    def add(self, descriptor: int, reader: "Reader") -> None:
        """Call a reader from now on."""
        if not self._readers:
            self._timer.start(self._look)
        self._readers[descriptor] = reader
        self._poll.register(descriptor, select.POLLIN)

    def remove(self, descriptor: int) -> None:
        """No longer; before the connection is closed."""
        self._poll.unregister(descriptor)
        del self._readers[descriptor]
        if not self._readers:
            self._timer.stop()

    def _look(self) -> None:
        looked_ms, readers = now_ms(), self._readers
        for descriptor, _ in self._poll.poll(0):
            readers[descriptor].take_stamped(looked_ms)


def _original_poll() -> Any:  # noqa: ANN401 (epoll and poll have no common type)
    try:
        return gevent.monkey.get_original("select", "epoll")()
    except AttributeError:
        return gevent.monkey.get_original("select", "poll")()


class Reader:
    """Reads one answer to its end into an attempt."""

    def __init__(self, connection: Connection, attempt: Attempt, ticker: Ticker, *, streamed: bool) -> None:
        self._socket, self._is_stamped = connection
        self._attempt, self._ticker, self._streamed = attempt, ticker, streamed
        self._parser = _Parser("POST")
        self._body, self._whole = ChatBody(), bytearray()
        self._to_monotonic_ms = -clock_offset_ms()
        self._over = gevent.event.Event()
        self._error: Exception | None = None
        self._is_between = False
        """The last piece was one whole chunk of a streamed answer: the next one begins another."""
        self._later: list[tuple[bytes, float]] = []
        """Chunks that have arrived, with their moments, and were not read yet."""
        self._ended, self._arrived = False, 0

    def read(self, deadline: float) -> bool:
        """Read; true if the connection can be used again.

        Raises:
            TimeoutError: the answer has not ended in time.
            Exception: whatever went wrong while it was read.
        """
        self._socket.settimeout(0.0)
        try:
            with self._watched():
                in_time = self._over.wait(max(0.0, deadline - time.monotonic()))
            self._catch_up()
        finally:
            self._attempt.content_ms = self._body.said.content_ms
        if self._error is not None:
            raise self._error
        if not in_time:
            raise TimeoutError
        parser, attempt, said = self._parser, self._attempt, self._body.said
        attempt.status = parser.status_code
        if self._streamed:
            attempt.text, usage = said.text, said.usage
            _judge_stream(attempt, said, bytes(self._whole))
        else:
            answer = _object_of(bytes(self._whole))
            attempt.text, usage = str(_message_of(answer).get("content") or ""), answer.get("usage")
            _judge_whole(attempt, answer, bytes(self._whole))
        attempt.prompt_tokens, attempt.completion_tokens = _tokens_of(usage)
        return not self._ended and bool(parser.should_keep_alive()) and not attempt.failure

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Whatever arrives meanwhile is taken."""
        descriptor = self._socket.fileno()
        if self._is_stamped:
            self._ticker.add(descriptor, self)
            try:
                yield
            finally:
                self._ticker.remove(descriptor)
            return
        watcher = gevent.get_hub().loop.io(descriptor, _READABLE)
        watcher.start(self._take_now)
        try:
            yield
        finally:
            watcher.stop()
            watcher.close()

    def take_stamped(self, looked_ms: float) -> None:
        """Take a piece with the kernel's time; what this raised would be lost in the loop, so that `read` raises it."""
        if self._over.is_set():  # where many answers end at once, `read` has not had its turn yet
            return
        try:
            length, told, _, _ = self._socket.recvmsg_into(_BUFFERS, _TOLD_BYTES)
            at_ms = looked_ms
            if told:
                seconds, nanoseconds = _STAMP.unpack_from(told[0][2])
                at_ms = seconds * 1000 + nanoseconds / 1e6 + self._to_monotonic_ms
                if at_ms > looked_ms:  # it came just now, or somebody has set the real-time clock
                    at_ms = min(at_ms, now_ms())
            data, at_ms = bytes(_BUFFER[:length]), max(at_ms, self._attempt.sent_ms)
            # An answer does not end like this. To read its chunks one after the other costs a fraction of reading each
            # when it comes, with those of a thousand other streams in between (a processor's caches hold a few).
            if self._is_between and data.endswith(b"\n\n\r\n") and len(self._later) < _MOST_LATER:
                self._later.append((data, at_ms))
            else:
                self._catch_up()
                self._take(data, at_ms)
        except BlockingIOError:
            return
        except Exception as error:  # noqa: BLE001 (it is raised again by `read`)
            self._fail(error)

    def _take_now(self) -> None:
        """Take what is there, as of this moment; what is left then, next time."""
        try:
            for _ in range(_MOST_PIECES):
                if self._over.is_set():
                    return
                self._take(self._socket.recv(_BLOCK), now_ms())
            gevent.get_hub().loop.run_callback(self._take_now)  # TLS holds what the system no longer tells of
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except Exception as error:  # noqa: BLE001 (it is raised again by `read`)
            self._fail(error)

    def _catch_up(self) -> None:
        later, self._later = self._later, []
        for data, at_ms in later:
            self._take(data, at_ms)

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._over.set()

    def _take(self, data: bytes, at_ms: float) -> None:
        self._arrived += len(data)
        if self._arrived > MOST_HEAD_BYTES and (self._arrived > MOST_BODY_BYTES or not self._parser.headers_complete):
            raise TooLongError(f"{self._arrived} bytes came, and no end")
        if self._is_between and (body := chunk_of(data)):  # all that HTTP's parser would say of it
            self._body.feed(body, at_ms)
            return
        parser = self._parser
        if not data:
            if not (parser.headers_complete and _ends_with_connection(parser)):
                raise EndedError("the connection closed in the middle of the answer")
            self._ended = True
            self._finish(at_ms)
            return
        parser.feed(data)
        body = parser.take_body()
        if body and self._streamed and parser.status_code == 200:
            self._body.feed(body, at_ms)
            self._is_between = chunk_of(data) == body
        elif body:
            self._whole += body
        if parser.message_complete:
            self._finish(at_ms)

    def _finish(self, at_ms: float) -> None:
        self._attempt.end_ms = at_ms
        self._over.set()


_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")


def chunk_of(piece: bytes) -> bytes | None:
    """The content of a piece that is one chunk, no more and no less (RFC 9112, section 7.1); None if it is not.

    The last chunk, which is empty, is left to HTTP's parser: so are extensions.
    """
    head = _CHUNK.match(piece)
    if head is None or len(piece) != head.end() + int(head[1], 16) + 2 or not piece.endswith(b"\r\n"):
        return None
    return piece[head.end() : -2] or None


def _ends_with_connection(parser: _Parser) -> bool:
    """An answer with neither a length nor chunks ends where its connection does (RFC 9112, section 6.3)."""
    return "content-length" not in parser and "transfer-encoding" not in parser


def _object_of(whole: bytes) -> dict[str, Any]:
    """A whole answer; nothing where it is no JSON object."""
    try:
        answer = orjson.loads(whole)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _message_of(answer: dict[str, Any]) -> dict[str, Any]:
    try:
        message = answer["choices"][0]["message"]
    except (LookupError, TypeError):
        return {}
    return message if isinstance(message, dict) else {}


def _tokens_of(usage: Any) -> tuple[int | None, int | None]:  # noqa: ANN401 (any JSON)
    """Of the prompt and of the answer, where both are told."""
    told = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(usage, dict) else []
    asked, answered = told or (None, None)
    return (asked, answered) if isinstance(asked, int) and isinstance(answered, int) else (None, None)


def _judge_stream(attempt: Attempt, seen: ChatStream, whole: bytes) -> None:
    """Name what is wrong with a streamed answer: an error status, an error inside a 200, no end, no content."""
    if attempt.status != 200:
        _name_status(attempt, whole)
    elif seen.error is not None:
        attempt.fail("error in stream", str(seen.error))
    elif not seen.done:
        attempt.fail("truncated", "the stream ended without its done marker")
    elif not seen.content_ms:
        attempt.fail("empty 200", "no content-bearing delta")


def _judge_whole(attempt: Attempt, answer: dict[str, Any], whole: bytes) -> None:
    """Name what is wrong with one that is not streamed: an error status, an error inside a 200, no content."""
    message = _message_of(answer)
    if attempt.status != 200:
        _name_status(attempt, whole)
    elif answer.get("error"):
        attempt.fail("error in answer", str(answer["error"])[:_TOLD_CHARACTERS])
    elif not any(message.get(name) for name in ("content", "reasoning_content", "reasoning", "tool_calls")):
        attempt.fail("empty 200", _told(whole))


def _name_status(attempt: Attempt, whole: bytes) -> None:
    kind = "429" if attempt.status == 429 else f"{attempt.status // 100}xx"
    attempt.fail(f"HTTP {kind}", f"{attempt.status}: {_told(whole)}")


def _told(body: bytes) -> str:
    """What of a body is shown."""
    return body[:_TOLD_CHARACTERS].decode(errors="replace")
