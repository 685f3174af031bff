"""Servers that mean harm, and a process whose memory is bounded: what the gate must bear."""

import gzip
import io
import os
import resource
import socket
import ssl
import struct
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

Serve = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n"
LONGEST_S = 20.0
"""No server here goes on for longer, whatever its client does."""


@contextmanager
def serving(serve: Serve, tls: ssl.SSLContext | None = None, at: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[int]:
    """A server that gives each connection, once its request has begun, to `serve`; its port."""
    with closing(socket.create_server(at)) as listener:

        def attend(connection: socket.socket) -> None:
            with suppress(OSError), tls.wrap_socket(connection, server_side=True) if tls else connection as spoken:
                spoken.recv(65536)
                serve(spoken)

        def run() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=attend, args=[listener.accept()[0]], daemon=True).start()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:  # closing wakes nobody who waits in accept(2), and its number is soon that of something else
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)


def for_a_while(send: Callable[[], object], pause_s: float = 0.0) -> None:
    """Send again and again, until the client has hung up or `LONGEST_S` are over."""
    ends = time.monotonic() + LONGEST_S
    with suppress(OSError):
        while time.monotonic() < ends:
            send()
            time.sleep(pause_s)


def repeating(head: bytes, piece: bytes, pause_s: float = 0.0) -> Serve:
    """A head, then the same again and again."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(head)
        for_a_while(lambda: connection.sendall(piece), pause_s)

    return serve


def reset(connection: socket.socket) -> None:
    """Hang up with a reset (RST) instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def whole(body: bytes, headers: bytes = b"") -> Serve:
    """A body of known length."""
    head = OK + headers + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
    return lambda connection: connection.sendall(head + body)


def zeros_gzipped(megabytes: int) -> bytes:
    """So many megabytes of zeros, a thousandth of that long."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1_000_000))
    return packed.getvalue()


def empty_blocks() -> bytes:
    """The begin of a gzip stream and blocks that stand for nothing."""
    packing = zlib.compressobj(wbits=31)
    return packing.compress(b"") + b"".join(packing.flush(zlib.Z_FULL_FLUSH) for _ in range(100))


def in_little_memory(act: Callable[[], object], megabytes: int) -> str:
    """Do something in a process that may take so many megabytes more than this one; what it said, or its error."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside threads
        child = os.fork()
    if child == 0:
        os.close(reading)
        _speak_and_end(act, megabytes, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        said = told.read()
    os.waitpid(child, 0)
    return said


def _speak_and_end(act: Callable[[], object], megabytes: int, writing: int) -> None:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + megabytes * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        said = f"{act()}"
    except BaseException as error:  # noqa: BLE001 (whatever it is, this process must not go on as a copy of its parent)
        said = f"{type(error).__name__}: {error}"
    os.write(writing, said.encode(errors="backslashreplace")[:60_000])
    os._exit(0)
