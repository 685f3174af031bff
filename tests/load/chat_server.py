"""A small chat server that remembers what it was asked."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

STREAM = "".join(
    f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n"
    for delta in ({"role": "assistant", "content": ""}, {"content": "Ho"}, {"content": "la"})
)
PAUSE_S = 0.05


class Server(ThreadingHTTPServer):
    """Streams two chunks with a pause between them; remembers every request, and when it came."""

    daemon_threads = True

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.asked = status, list[tuple[float, dict[str, Any]]]()
        self.pause_s = PAUSE_S
        self.one_at_a_time: Lock | nullcontext[None] = nullcontext()
        self.connections: list[socket.socket] = []

    def die(self) -> None:
        """Answer nobody any more, in the middle of whatever it is."""
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, Server)
        self.server.connections.append(self.connection)

    def handle_one_request(self) -> None:
        with suppress(OSError):  # the generator closes its connections when it ends
            super().handle_one_request()

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.asked.append((time.monotonic(), body))
        self.send_response(server.status)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        first, last = STREAM[: STREAM.index('"la"') - 30], STREAM[STREAM.index('"la"') - 30 :]
        usage = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}
        told = f"data: {json.dumps(usage)}\n\n" if "stream_options" in body else ""
        with server.one_at_a_time:
            for text, pause_s in ((first, server.pause_s), (f"{last}{told}data: [DONE]\n\n", 0.0)):
                self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
                self.wfile.flush()
                time.sleep(pause_s)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class has it)
        """Nothing."""


@contextmanager
def serving(status: int = 200) -> Iterator[Server]:
    """A running one."""
    with Server(status) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()
