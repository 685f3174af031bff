"""A whole exchange ends at its deadline, whatever drips: httpx's own limits begin anew with each piece that arrives."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from gonogo.probes.tcp import telling

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When the exchange that goes on here must have ended, by `time.monotonic`."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is sent and read inside of the block must end in time, or it raises httpx's timeouts."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def bind(client: httpx.Client) -> httpx.Client:
    """Let a client mind the deadlines.

    httpx hands no network backend to httpcore, so its pools get theirs here; should they be called otherwise one day,
    this raises AttributeError, and no run goes on without deadlines.
    """
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 (see above)
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001
    return client


def addresses_of(host: str, port: int, within_s: float) -> list[str]:
    """The addresses of a name, each once; resolvers know no time limit of their own.

    Raises:
        socket.gaierror: it does not resolve, or not in time.
    """
    if _is_address(host):
        return [host]
    found: list[str] = []
    failed: list[OSError] = []

    def resolve() -> None:
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # a name that cannot be one: UnicodeError
            failed.append(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error)))
        else:
            found.extend(dict.fromkeys(str(address[0]) for *_, address in told))

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(within_s)
    if failed:
        raise failed[0]
    if not found:
        raise socket.gaierror(socket.EAI_AGAIN, f"the resolver does not answer within {within_s:.1f} s")
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def left(timeout: float | None, late: type[Exception]) -> float | None:
    """How long the next step may take: until the deadline of the block `within`, and no longer than `timeout`.

    Raises:
        late: the deadline has passed.
    """
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    rest = deadline - time.monotonic()
    if rest <= 0:
        raise late("the exchange did not end in time")
    return rest if timeout is None else min(timeout, rest)


class _Backend(httpcore.NetworkBackend):
    """Opens connections within the deadline; each of a name's addresses gets its share of the time."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        rest = left(timeout, httpcore.ConnectTimeout)
        try:
            addresses = addresses_of(host, port, rest if rest is not None else threading.TIMEOUT_MAX)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failures: list[Exception] = []
        for tried, address in enumerate(addresses):
            rest = left(timeout, httpcore.ConnectTimeout)
            share = rest / (len(addresses) - tried) if rest is not None else None
            try:
                return _Stream(self._inner.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failures.append(error)
        raise telling(failures)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(path, left(timeout, httpcore.ConnectTimeout), socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """Reads and writes within the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left(timeout, httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (httpcore's own)
        return self._inner.get_extra_info(info)
