"""Requests that never end (Slowloris): what they hold back, and how long they are borne."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

from gonogo.errors import EndpointFailedError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.tcp import connect

_CONNECT_S = 10.0
_LOOK_S = 0.05


class SlowRequests:
    """Connections on each of which a request has begun whose head does not end."""

    def __init__(self, url: str, connections: list[socket.socket], context: ProbeContext) -> None:
        self._url, self._connections, self._context = url, connections, context
        self._began = time.monotonic()

    def hung_up_within(self, within_s: float, pause_s: float) -> float | None:
        """Say a little more every `pause_s`, until the server has ended every connection; how long it took.

        None: it has not, within the time.
        """
        taken_s, next_s = None, 0.0
        while taken_s is None and (now_s := time.monotonic() - self._began) < within_s:
            if now_s >= next_s:
                self._go_on()
                next_s = now_s + pause_s
            self._connections = [one for one in self._connections if not _is_over(one)]
            taken_s = None if self._connections else round(time.monotonic() - self._began, 2)
            time.sleep(_LOOK_S)
        told = {"hung_up_s": taken_s, "left": len(self._connections)}
        self._context.record(Observation("slow", f"unfinished requests to {self._url}", within_s * 1000, answer=told))
        return taken_s

    def _go_on(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.sendall(b"X-Gonogo: a\r\n")


@contextmanager
def slow_requests(url: str, path: str, count: int, context: ProbeContext) -> Iterator[SlowRequests]:
    """So many requests that have begun, and do not end inside of the block; then their connections are closed.

    Raises:
        EndpointFailedError: nobody answers.
        InconclusiveError: the name does not resolve here, or no connection can leave this machine.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    with ExitStack() as stack:
        connections = [stack.enter_context(_opened(host, port, parts.scheme, context)) for _ in range(count)]
        for connection in connections:
            with suppress(OSError):
                connection.sendall(f"POST {parts.path}{path} HTTP/1.1\r\nHost: {parts.netloc}\r\n".encode())
        yield SlowRequests(url, connections, context)


def _opened(host: str, port: int, scheme: str, context: ProbeContext) -> socket.socket:
    plain = connect(host, port, _CONNECT_S, context)
    if scheme != "https":
        return plain
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE  # its certificate is another check's
    try:
        return unchecked.wrap_socket(plain, server_hostname=host)
    except OSError as error:
        plain.close()
        raise EndpointFailedError(f"{host}:{port}: cannot shake hands: {error}") from error


def _is_over(connection: socket.socket) -> bool:
    """Whether the server has answered, or hung up."""
    connection.settimeout(0)
    try:
        connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        with suppress(OSError):
            connection.settimeout(_CONNECT_S)
    return True
