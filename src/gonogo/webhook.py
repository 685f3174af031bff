"""The gate behind an HTTP webhook, as Flagger calls one: ``python -m gonogo.webhook --port 8080 -- --target=FILE ...``.

What a run is told stands on this command line. Of a request nothing is taken but the id of the change
(``{"metadata": {"change": "CHG-1"}}``), so whoever can reach the port can start a run, and nothing else.

Answers: 200 for GO and GO WITH CAVEATS, 409 for NO-GO, 503 where nothing could be decided (HOLD, a usage error) and
while a run goes on; the body is JSON with ``exit_code`` and the last lines that the run has printed. ``GET /healthz``
says that the webhook is there.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

_MOST_BYTES = 65_536
_TOLD_LINES = 40
_CHANGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_STATUS = {0: HTTPStatus.OK, 1: HTTPStatus.CONFLICT}


class BadRequestError(ValueError):
    """The request is not one of a webhook; the message says what is wrong with it."""


class Runner:
    """Runs the gate, once at a time."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words` are pytest's."""
        self._command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
        self._one = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(self, change: str) -> tuple[HTTPStatus, dict[str, Any]]:
        """Run it, and answer when it has ended; at once where another run goes on."""
        if not self._one.acquire(blocking=False):
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "a run goes on: ask again"}
        try:
            code, told = self._perform([f"--change={change}"] if change else [])
        finally:
            self._one.release()
        return _STATUS.get(code, HTTPStatus.SERVICE_UNAVAILABLE), {"exit_code": code, "told": told}

    def _perform(self, further: list[str]) -> tuple[int, list[str]]:
        told: deque[str] = deque(maxlen=_TOLD_LINES)
        with subprocess.Popen(
            [*self._command, *further],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            self._process = process
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                told.append(line.rstrip("\n"))
        self._process = None
        return process.returncode, list(told)

    def stop(self) -> None:
        """End a run that goes on as Ctrl-C does: it puts back what it has broken, and reports."""
        process = self._process
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait()


def change_of(body: bytes) -> str:
    """The change that a webhook's body names; empty if it names none.

    Raises:
        BadRequestError: the body is no JSON object, or the id is not one.
    """
    try:
        told = json.loads(body or b"{}")
    except ValueError as error:
        raise BadRequestError("the body is not JSON") from error
    metadata = told.get("metadata", {}) if isinstance(told, dict) else None
    if not isinstance(metadata, dict):
        raise BadRequestError("the body is not a webhook's: an object, its `metadata` an object")
    change = metadata.get("change", "")
    if change and not (isinstance(change, str) and _CHANGE.fullmatch(change)):
        raise BadRequestError("metadata.change is no id: letters, digits and . _ / -, at most 100")
    return str(change)


class _Server(ThreadingHTTPServer):
    """It ends when every request has its answer."""

    daemon_threads = False


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    runner: Runner
    timeout = 30.0  # of reading: a client that never ends its request is hung up on

    def do_GET(self) -> None:
        """Whether the webhook is there."""
        self._answer(*((HTTPStatus.OK, {"ok": True}) if self.path == "/healthz" else (HTTPStatus.NOT_FOUND, {})))

    def do_POST(self) -> None:
        """Run the gate."""
        try:
            change = change_of(self._body())
        except BadRequestError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        self._answer(*self.runner.run(change))

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            raise BadRequestError(f"a body of at most {_MOST_BYTES} bytes is wanted, its length told")
        return self.rfile.read(int(length))

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            print("gonogo: whoever asked has not waited for the answer", flush=True)


def main(words: Sequence[str]) -> int:
    """Serve until SIGTERM; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gonogo.webhook", description="The gate behind a webhook, as Flagger calls one."
    )
    parser.add_argument("--host", default="0.0.0.0", help="the address to listen at (default: every one)")  # noqa: S104
    parser.add_argument("--port", type=int, default=8080, help="the port to listen at (default 8080; 0: a free one)")
    parser.add_argument(
        "words", nargs="+", metavar="-- WORDS", help="the words for pytest: --target=FILE --stage=smoke ..."
    )
    asked = parser.parse_args(words)
    runner = Runner(asked.words)
    handler = type("Handler", (_Handler,), {"runner": runner})
    with _Server((asked.host, asked.port), handler) as server:

        def stop(_number: int, _frame: FrameType | None) -> None:
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        print(f"gonogo: listening at {asked.host}:{server.server_port}", flush=True)
        server.serve_forever()
        runner.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
