"""A webhook receiver: takes what Alertmanager sends (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config)."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gonogo.errors import InconclusiveError
from gonogo.rules.reading import json_value

_MAX_BODY_BYTES = 4_000_000


@dataclass(frozen=True)
class Notified:
    """An alert in a notification."""

    at_s: float
    """When it arrived, on the monotonic clock."""
    status: str
    """``firing`` or ``resolved``."""
    labels: Mapping[str, str]


class Receiver(ThreadingHTTPServer):
    """Keeps every alert that is posted to it, whatever the path."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.arrived: list[Notified] = []


@contextmanager
def listening(address: str) -> Iterator[Receiver]:
    """A receiver at ``host:port``, while the block runs.

    Raises:
        InconclusiveError: the address cannot be listened on.
    """
    host, _, port = address.rpartition(":")
    try:
        receiver = Receiver(host, int(port))
    except OSError as error:
        raise InconclusiveError(f"cannot listen for alerts on {address}: {error.strerror}") from error
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10.0

    def do_POST(self) -> None:
        """Take a notification; what is none is refused."""
        receiver, at_s = self.server, time.monotonic()
        assert isinstance(receiver, Receiver)
        try:
            alerts: list[dict[str, Any]] = json_value(self._body())["alerts"]
            receiver.arrived += [Notified(at_s, alert["status"], alert["labels"]) for alert in alerts]
            status = 200
        except (ValueError, KeyError, TypeError):
            status = 400
        except OSError:  # it says no more
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        """The body; nothing where its length is not told, or too great."""
        length = self.headers.get("content-length", "")
        return self.rfile.read(int(length)) if length.isdecimal() and int(length) <= _MAX_BODY_BYTES else b""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class has it)
        """Nothing: the terminal is the gate's."""
