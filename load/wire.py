"""One attempt on the wire: send a chat request, read the stream as it arrives, name what went wrong.

The event loop calls the reader for each piece that arrives, without a switch of greenlets, which makes a chunk cheaper.
Where the kernel tells when a piece arrived (Linux, `SO_TIMESTAMPNS`), that moment counts: a chunk that waited for this
process is not late. Otherwise it is the moment at which the loop turned to it.
"""

import json
import select
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

import gevent
import gevent.event
import gevent.socket
import orjson
from geventhttpclient.response import HTTPParseError, HTTPResponse

from gonogo.stream import ChatStream, SseParser, StreamProtocolError

_BLOCK = 65536
_BUFFER = memoryview(bytearray(_BLOCK))
"""Shared by all readers: each takes out at once what it has read, and the loop calls one after the other."""
_BUFFERS = [_BUFFER]
_TOLD_BYTES = 64
_READABLE = 1
_STAMP = struct.Struct("@qq")
"""A `timespec`: seconds and nanoseconds of the real-time clock (socket(7), `SO_TIMESTAMPNS`)."""
_SO_TIMESTAMPNS = getattr(gevent.socket, "SO_TIMESTAMPNS", 35)


@dataclass(slots=True)
class Attempt:
    """One scheduled request. Moments are milliseconds on the generator's monotonic clock."""

    intended_ms: float
    position: int = 0
    """Of its conversation in the run (`gonogo.loadtest.profile.Planned`)."""
    sent_ms: float = 0.0
    content_ms: list[float] = field(default_factory=list)
    """When each content-bearing delta arrived."""
    text: str = ""
    end_ms: float = 0.0
    status: int = 0
    failure: str = ""
    """The type of failure, empty for a good answer."""
    detail: str = ""

    @property
    def chunks(self) -> int:
        """How many content-bearing deltas there were."""
        return len(self.content_ms)

    @property
    def gaps_ms(self) -> list[float]:
        """The pauses between one content-bearing delta and the next, every single one."""
        return [after - before for before, after in pairwise(self.content_ms)]

    @property
    def latency_ms(self) -> float:
        """From the intended moment to the last byte: a late send counts against the deployment's queue."""
        return self.end_ms - self.intended_ms

    @property
    def ttft_ms(self) -> float:
        """From the intended moment to the first content-bearing delta (to the end where none came)."""
        return (self.content_ms[0] if self.content_ms else self.end_ms) - self.intended_ms


class _Parser(HTTPResponse):  # type: ignore[misc]
    """HTTP's framing (llhttp); body bytes are kept until they are taken."""

    def take_body(self) -> bytes:
        body = bytes(self._body_buffer)
        del self._body_buffer[:]
        return body


class _EndedError(Exception):
    """The server closed the connection in the middle of an answer."""


@dataclass
class ChatClient:
    """Streams chat completions of one gateway; idle connections are kept."""

    base_url: str
    key: str | None
    timeout_s: float
    _idle: list[gevent.socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._secure else 80)
        self._path = parts.path.rstrip("/") + "/v1/chat/completions"
        # Locust has patched ssl by now, so this is gevent's context.
        self._tls = ssl.create_default_context() if self._secure else None
        authorization = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        self._head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Accept: text/event-stream\r\n{authorization}Content-Length: "
        )

    def attempt(self, intended_ms: float, body: dict[str, object], position: int = 0) -> Attempt:
        """Send one request and read its answer; failures are named, never raised."""
        attempt = Attempt(intended_ms, position)
        streamed = bool(body.get("stream"))
        deadline = time.monotonic() + self.timeout_s
        attempt.sent_ms = now_ms()
        connection = None
        try:
            connection = self._connection(deadline)
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            payload = json.dumps(body, ensure_ascii=False).encode()
            connection.sendall(f"{self._head}{len(payload)}\r\n\r\n".encode() + payload)
            if _Reader(connection, attempt, streamed=streamed).read(deadline):
                self._idle.append(connection)
                connection = None
        except Exception as error:  # noqa: BLE001 (an attempt that is not counted would be lost silently)
            _fail(attempt, _kind_of(error, attempt), str(error) or f"no end within {self.timeout_s:g} s")
        finally:
            attempt.end_ms = attempt.end_ms or now_ms()
            if connection is not None:
                connection.close()
        return attempt

    def _connection(self, deadline: float) -> gevent.socket.socket:
        while self._idle:
            connection = self._idle.pop()
            if not _readable(connection):  # readable while idle means that the server has closed it
                return connection
            connection.close()
        address = (self._host, self._port)
        connection = gevent.socket.create_connection(address, timeout=max(0.01, deadline - time.monotonic()))
        connection.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        with suppress(OSError):  # not on every system
            connection.setsockopt(gevent.socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_hostname=self._host)
        return connection


def now_ms() -> float:
    """The generator's clock."""
    return time.monotonic() * 1000


def _readable(connection: gevent.socket.socket) -> bool:
    return bool(select.select([connection.fileno()], [], [], 0)[0])


_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (ConnectionRefusedError, "refused"),
    ((ConnectionResetError, BrokenPipeError), "reset"),
    (_EndedError, "truncated"),
    ((StreamProtocolError, HTTPParseError), "broken stream"),
    (gevent.socket.gaierror, "name resolution"),
    (OSError, "connection"),
)


def _kind_of(error: Exception, attempt: Attempt) -> str:
    """The type of a failure; what is not known is the generator's own."""
    if isinstance(error, (TimeoutError, gevent.socket.timeout)):
        return "timeout before the first token" if not attempt.content_ms else "stall"
    return next((name for kinds, name in _KINDS if isinstance(error, kinds)), "generator error")


def _fail(attempt: Attempt, failure: str, detail: str) -> None:
    attempt.failure, attempt.detail = failure, detail


class _Reader:
    """Reads one answer to its end into an attempt."""

    def __init__(self, connection: gevent.socket.socket, attempt: Attempt, *, streamed: bool) -> None:
        self._connection, self._attempt, self._streamed = connection, attempt, streamed
        self._parser = _Parser("POST")
        self._sse, self._seen, self._whole = SseParser(), ChatStream(keep_chunks=False), bytearray()
        self._is_plain = not isinstance(connection, ssl.SSLSocket)
        self._to_monotonic_ms = (time.monotonic() - time.time()) * 1000
        self._over = gevent.event.Event()
        self._error: Exception | None = None
        self._ended = False

    def read(self, deadline: float) -> bool:
        """Read; true if the connection can be used again.

        Raises:
            TimeoutError: the answer has not ended in time.
            Exception: whatever went wrong while it was read.
        """
        self._connection.settimeout(0.0)
        watcher = gevent.get_hub().loop.io(self._connection.fileno(), _READABLE)
        watcher.start(self._take_what_is_there)
        try:
            in_time = self._over.wait(max(0.0, deadline - time.monotonic()))
        finally:
            watcher.stop()
            watcher.close()
            self._attempt.content_ms = self._seen.content_ms
        if not in_time:
            raise TimeoutError
        if self._error is not None:
            raise self._error
        parser, attempt = self._parser, self._attempt
        attempt.status = parser.status_code
        attempt.text = self._seen.text if self._streamed else _text_of(bytes(self._whole))
        _judge_answer(attempt, self._seen, bytes(self._whole), streamed=self._streamed)
        return not self._ended and bool(parser.should_keep_alive()) and not attempt.failure

    def _take_what_is_there(self) -> None:
        """The loop calls this; what it raises would be lost there."""
        try:
            while not self._over.is_set():
                self._take(*self._receive())
                if self._is_plain:  # the loop calls again if there is more
                    return
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except Exception as error:  # noqa: BLE001 (it is raised again by `read`)
            self._error = error
            self._over.set()

    def _receive(self) -> tuple[bytes, float]:
        if not self._is_plain:
            return self._connection.recv(_BLOCK), now_ms()
        length, told, _, _ = self._connection.recvmsg_into(_BUFFERS, _TOLD_BYTES)
        at_ms, data = now_ms(), bytes(_BUFFER[:length])
        if told:
            seconds, nanoseconds = _STAMP.unpack_from(told[0][2])
            stamp_ms = seconds * 1000 + nanoseconds / 1e6 + self._to_monotonic_ms
            at_ms = min(at_ms, max(stamp_ms, self._attempt.sent_ms))  # whatever becomes of the real-time clock
        return data, at_ms

    def _take(self, data: bytes, at_ms: float) -> None:
        parser = self._parser
        if not data:
            if not (parser.headers_complete and _ends_with_connection(parser)):
                raise _EndedError("the connection closed in the middle of the answer")
            self._ended = True
            self._finish(at_ms)
            return
        parser.feed(data)
        body = parser.take_body()
        if body and self._streamed and parser.status_code == 200:
            for event in self._sse.feed(body):
                self._seen.take(event.data, at_ms)
        elif body:
            self._whole += body
        if parser.message_complete:
            self._finish(at_ms)

    def _finish(self, at_ms: float) -> None:
        self._attempt.end_ms = at_ms
        self._over.set()


def _ends_with_connection(parser: _Parser) -> bool:
    """An answer with neither a length nor chunks ends where its connection does (RFC 9112, section 6.3)."""
    return "content-length" not in parser and "transfer-encoding" not in parser


def _text_of(whole: bytes) -> str:
    """What a whole answer says; nothing where it is not of the API's form."""
    try:
        return str(orjson.loads(whole)["choices"][0]["message"]["content"] or "")
    except (ValueError, LookupError, TypeError):
        return ""


def _judge_answer(attempt: Attempt, seen: ChatStream, whole: bytes, *, streamed: bool) -> None:
    """Name what is wrong with a whole answer: an error status, an error inside a 200, no end, no content."""
    if attempt.status != 200:
        kind = "429" if attempt.status == 429 else f"{attempt.status // 100}xx"
        _fail(attempt, f"HTTP {kind}", f"{attempt.status}: {whole.decode(errors='replace')}")
    elif streamed and seen.error is not None:
        _fail(attempt, "error in stream", str(seen.error))
    elif streamed and not seen.done:
        _fail(attempt, "truncated", "the stream ended without its done marker")
    elif streamed and not seen.content_ms:
        _fail(attempt, "empty 200", "no content-bearing delta")
    elif not streamed and b'"choices"' not in whole:
        _fail(attempt, "empty 200", whole.decode(errors="replace"))
