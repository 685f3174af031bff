"""An ear: listens for connections that nobody should make (a gateway that follows an address from a request)."""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gonogo.errors import InconclusiveError

_ANSWER = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TAKEN_BYTES = 4096


class Ear:
    """Notes what arrives."""

    def __init__(self, listener: socket.socket, host: str) -> None:
        self._listener, self._token = listener, secrets.token_hex(8)
        self.url = f"http://{host}:{listener.getsockname()[1]}/{self._token}"
        """It has a path of its own, so that somebody who scans the port is nobody who was sent."""
        self.heard: list[bytes] = []
        """The beginning of what each connection said that asked for this path."""

    def listen(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(2.0)
                said = connection.recv(_TAKEN_BYTES)
                if self._token.encode() in said:
                    self.heard.append(said)
                connection.sendall(_ANSWER)


@contextmanager
def listening_ear(address: str) -> Iterator[Ear]:
    """An ear at ``host:port`` (0: any that is free), while the block runs.

    Raises:
        InconclusiveError: the address cannot be listened on.
    """
    host, _, port = address.rpartition(":")
    try:
        listener = socket.create_server((host, int(port)))
    except OSError as error:
        raise InconclusiveError(f"cannot listen on {address}: {error.strerror}") from error
    ear = Ear(listener, host)
    thread = threading.Thread(target=ear.listen, daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)
