"""One attempt on the wire: send a chat request, read the stream as it arrives, name what went wrong.

Reads straight from the socket, so that the moment of every delta is the moment of its `recv`.
"""

import json
import select
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import gevent.socket
from geventhttpclient.response import HTTPParseError, HTTPResponse

from gonogo.stream import ChatStream, SseParser, StreamProtocolError

_BLOCK = 65536


@dataclass
class Attempt:
    """One scheduled request. Moments are milliseconds on the generator's monotonic clock."""

    intended_ms: float
    sent_ms: float = 0.0
    first_content_ms: float | None = None
    end_ms: float = 0.0
    chunks: int = 0
    status: int = 0
    failure: str = ""
    """The type of failure, empty for a good answer."""
    detail: str = ""

    @property
    def latency_ms(self) -> float:
        """From the intended moment to the last byte: a late send counts against the deployment's queue."""
        return self.end_ms - self.intended_ms

    @property
    def ttft_ms(self) -> float:
        """From the intended moment to the first content-bearing delta (to the end where none came)."""
        return (self.end_ms if self.first_content_ms is None else self.first_content_ms) - self.intended_ms


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

    def attempt(self, intended_ms: float, body: dict[str, object]) -> Attempt:
        """Send one request and read its answer; failures are named, never raised."""
        attempt = Attempt(intended_ms)
        streamed = bool(body.get("stream"))
        deadline = time.monotonic() + self.timeout_s
        attempt.sent_ms = now_ms()
        connection = None
        try:
            connection = self._connection(deadline)
            payload = json.dumps(body, ensure_ascii=False).encode()
            connection.sendall(f"{self._head}{len(payload)}\r\n\r\n".encode() + payload)
            reusable = _read_answer(connection, attempt, deadline, streamed=streamed)
            if reusable:
                self._idle.append(connection)
                connection = None
        except Exception as error:  # noqa: BLE001 (an attempt that is not counted would be lost silently)
            _fail(attempt, _kind_of(error, attempt), str(error) or f"no end within {self.timeout_s:g} s")
        finally:
            attempt.end_ms = now_ms()
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
        return "timeout before the first token" if attempt.first_content_ms is None else "stall"
    return next((name for kinds, name in _KINDS if isinstance(error, kinds)), "generator error")


def _fail(attempt: Attempt, failure: str, detail: str) -> None:
    attempt.failure, attempt.detail = failure, detail


def _read_answer(connection: gevent.socket.socket, attempt: Attempt, deadline: float, *, streamed: bool) -> bool:
    """Read an answer to its end into the attempt; true if the connection can be used again."""
    parser = _Parser("POST")
    sse, seen, whole = SseParser(), ChatStream(keep_chunks=False), bytearray()
    ended = False
    while not parser.message_complete:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        connection.settimeout(remaining)
        data = connection.recv(_BLOCK)
        at_ms = now_ms()
        if not data and parser.headers_complete and _ends_with_connection(parser):
            ended = True
            break
        if not data:
            raise _EndedError("the connection closed in the middle of the answer")
        parser.feed(data)
        body = parser.take_body()
        if not parser.headers_complete or not body:
            continue
        if streamed and parser.status_code == 200:
            for event in sse.feed(body):
                seen.take(event.data, at_ms)
            attempt.first_content_ms = seen.first_content_ms
        else:
            whole += body
    attempt.status = parser.status_code
    attempt.chunks = len(seen.content_ms)
    _judge_answer(attempt, seen, bytes(whole), streamed=streamed)
    return not ended and bool(parser.should_keep_alive()) and not attempt.failure


def _ends_with_connection(parser: _Parser) -> bool:
    """An answer with neither a length nor chunks ends where its connection does (RFC 9112, section 6.3)."""
    return "content-length" not in parser and "transfer-encoding" not in parser


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
