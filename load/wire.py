"""The generator's client: send a chat request, read its answer, name what went wrong."""

import select
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import gevent.monkey
import gevent.socket
import orjson
from geventhttpclient.response import HTTPParseError

from gonogo.load.reading import Connection, EndedError, Reader, Ticker, TooLongError, stamped
from gonogo.loadtest.attempt import GENERATOR_ERROR, NO_SOCKET, UNRESOLVED, Attempt, now_ms
from gonogo.probes.tcp import OWN_ERRNOS, telling
from gonogo.stream import StreamProtocolError

_MOST_IDLE_S = 1.0
"""Servers close idle connections, some after two seconds (gunicorn); what is sent into that very moment is reset, which
would count as a failure of the deployment. So nothing is sent on a connection that was idle for long."""


@dataclass
class ChatClient:
    """Streams chat completions of one gateway; idle connections are kept."""

    base_url: str
    key: str | None
    timeout_s: float
    _idle: list[tuple[Connection, float]] = field(default_factory=list)
    """With the moment since when; the last one is the latest."""
    _ticker: Ticker = field(default_factory=Ticker)

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
        attempt.streamed = streamed = bool(body.get("stream"))
        deadline = time.monotonic() + self.timeout_s
        attempt.sent_ms = now_ms()
        connection = None
        try:
            connection = self._connection(deadline)
            connection.socket.settimeout(max(0.01, deadline - time.monotonic()))
            payload = orjson.dumps(body)
            request = f"{self._head}{len(payload)}\r\n\r\n".encode() + payload
            sent = connection.socket.send(request)
            if sent < len(request):  # `sendall` asks for the size of the buffers first, each time
                connection.socket.sendall(request[sent:])
            if Reader(connection, attempt, self._ticker, streamed=streamed).read(deadline):
                self._idle.append((connection, time.monotonic()))
                connection = None
        except Exception as error:  # noqa: BLE001 (an attempt that is not counted would be lost silently)
            attempt.fail(_kind_of(error, attempt), str(error) or f"no end within {self.timeout_s:g} s")
        finally:
            attempt.end_ms = attempt.end_ms or now_ms()
            if connection is not None:
                connection.socket.close()
        return attempt

    def _connection(self, deadline: float) -> Connection:
        while self._idle:
            connection, since_s = self._idle.pop()
            is_fresh = time.monotonic() - since_s < _MOST_IDLE_S
            if is_fresh and not _readable(connection.socket):  # readable while idle means that the server has closed it
                return connection
            connection.socket.close()
        address = (self._host, self._port)
        try:
            socket = gevent.socket.create_connection(address, max(0.01, deadline - time.monotonic()), all_errors=True)
        except ExceptionGroup as failed:
            raise telling(failed.exceptions) from failed
        socket.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if self._tls is not None:
            socket = self._tls.wrap_socket(socket, server_hostname=self._host)
        return Connection(socket, stamped(socket))


# gevent's own goes by way of the loop; asked with no time to wait, the real one does not block
_poll = gevent.monkey.get_original("select", "poll")


def _readable(connection: gevent.socket.socket) -> bool:
    asked = _poll()  # `select` knows no descriptor above 1023
    asked.register(connection.fileno(), select.POLLIN)
    return bool(asked.poll(0))


_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (ConnectionRefusedError, "refused"),
    ((ConnectionResetError, BrokenPipeError), "reset"),
    (EndedError, "truncated"),
    (TooLongError, "too long"),
    ((StreamProtocolError, HTTPParseError), "broken stream"),
    (gevent.socket.gaierror, UNRESOLVED),
    (OSError, "connection failed"),
)


def _kind_of(error: Exception, attempt: Attempt) -> str:
    """The type of a failure; what is not known is the generator's own."""
    if isinstance(error, (TimeoutError, gevent.socket.timeout)):
        return "timeout before the first token" if not attempt.content_ms else "stall"
    if isinstance(error, OSError) and error.errno in OWN_ERRNOS:
        return NO_SOCKET
    return next((name for kinds, name in _KINDS if isinstance(error, kinds)), GENERATOR_ERROR)
