"""The gate behind an HTTP webhook, as Flagger calls one: ``python -m gonogo.webhook --port 8080 -- --target=FILE ...``.

What a run is told stands on this command line. Of a request nothing is taken but the id of the change
(``{"metadata": {"change": "CHG-1"}}``), so whoever can reach the port can start a run, and nothing else.

Answers: 200 for GO and GO WITH CAVEATS, 409 for NO-GO, 503 where nothing could be decided (HOLD, a usage error, a
crash) and while a run goes on; the body is JSON with ``decision``, ``reasons`` and ``run_id``. ``GET /healthz``
says that the webhook is there.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

from gonogo.model import EXIT_HOLD, EXIT_NO_GO, GOES

Answer = tuple[HTTPStatus, dict[str, Any]]
_MOST_BYTES = 65_536
_LAST_WORDS_S = 10.0
"""So long the answers of a run that was ended may take to be sent."""
_CHANGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_LENGTH = re.compile(r"[0-9]{1,6}")


class BadRequestError(ValueError):
    """The request is not one of a webhook; the message says what is wrong with it."""


class Runner:
    """Runs the gate, once at a time, until it is stopped."""

    def __init__(self, words: Sequence[str], reports: Path, most_s: float) -> None:
        """Nothing runs yet.

        Args:
            words: pytest's.
            reports: where the runs' folders go.
            most_s: a run that takes longer is ended as by Ctrl-C.
        """
        self._command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--report-dir={reports}", *words]
        self._reports, self._most_s = reports, most_s
        self._lock = threading.Condition()
        self._answering = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run(self, change: str) -> Answer:
        """Run it, and answer when it has ended; at once where another run goes on, or none is begun any more."""
        with self._lock:
            if self._process is not None or self._is_stopped:
                return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "a run goes on, or the webhook ends: ask again"}
            before = self._verdicts()
            # Its output is this program's: nothing waits for whoever else may hold it.
            words = [*self._command, *([f"--change={change}"] if change else [])]
            self._process = process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        try:
            code = self._await(process)
        finally:
            with self._lock:
                self._process = None
        return self._answer(code, self._verdicts() - before)

    def _await(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(timeout=self._most_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # what it has broken it puts back first
            return process.wait()

    def _verdicts(self) -> set[Path]:
        return set(self._reports.glob("2*/verdict.json"))

    def _answer(self, code: int, new: set[Path]) -> Answer:
        """By the verdict, and not by the exit code alone: Python's own for a crash is that of a NO-GO."""
        if code not in {0, EXIT_NO_GO, EXIT_HOLD} or len(new) != 1:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "the run left no verdict", "exit_code": code}
        verdict = json.loads(new.pop().read_text(encoding="utf-8"))
        decision = verdict["decision"]
        told = {"decision": decision, "reasons": verdict["reasons"][:10], "run_id": verdict["run_id"]}
        if code == 0 and decision in GOES:
            return HTTPStatus.OK, told
        return HTTPStatus.CONFLICT if decision == "NO-GO" else HTTPStatus.SERVICE_UNAVAILABLE, told

    def stop(self) -> None:
        """Begin no run any more, and end one that goes on as Ctrl-C does: it puts back what it broke, and reports."""
        with self._lock:
            self._is_stopped, process = True, self._process
            if process is not None:
                process.send_signal(signal.SIGTERM)
        if process is not None:
            process.wait()
        with self._lock:
            self._lock.wait_for(lambda: not self._answering, _LAST_WORDS_S)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Whoever asked is being answered: the end is waited for."""
        with self._lock:
            self._answering += 1
        try:
            yield
        finally:
            with self._lock:
                self._answering -= 1
                self._lock.notify_all()


def change_of(body: bytes) -> str:
    """The change that a webhook's body names; empty if it names none.

    Raises:
        BadRequestError: the body is no JSON object, or the id is not one.
    """
    try:
        told = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadRequestError("the body is not JSON") from error
    metadata = told.get("metadata", {}) if isinstance(told, dict) else None
    if not isinstance(metadata, dict):
        raise BadRequestError("the body is not a webhook's: an object, its `metadata` an object")
    change = metadata.get("change", "")
    if change and not (isinstance(change, str) and _CHANGE.fullmatch(change)):
        raise BadRequestError("metadata.change is no id: letters, digits and . _ / -, at most 100")
    return str(change)


class _Server(ThreadingHTTPServer):
    """It ends when the run that goes on has its answer; whoever only holds a connection open is not waited for."""

    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    runner: Runner
    timeout = 30.0  # a client that sends nothing for so long is hung up on

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
        with self.runner.answering():
            self._answer(*self.runner.run(change))

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if not _LENGTH.fullmatch(length) or int(length) > _MOST_BYTES:
            raise BadRequestError(f"a body of at most {_MOST_BYTES} bytes is wanted, with its content-length")
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
    about = "The gate behind a webhook, as Flagger calls one."
    parser = argparse.ArgumentParser(prog="python -m gonogo.webhook", description=about)
    parser.add_argument("--host", default="0.0.0.0", help="the address to listen at (default: every one)")  # noqa: S104
    parser.add_argument("--port", type=int, default=8080, help="the port to listen at (default 8080; 0: a free one)")
    parser.add_argument("--report-dir", type=Path, default=Path("reports/runs"), help="where the runs are kept")
    parser.add_argument("--timeout", type=float, default=3600.0, metavar="S", help="a longer run is ended (3600)")
    told = "the words for pytest: --target=FILE --stage=smoke ..."
    parser.add_argument("words", nargs="+", metavar="-- WORDS", help=told)
    asked = parser.parse_args(words)
    runner = Runner(asked.words, asked.report_dir, asked.timeout)
    handler = type("Handler", (_Handler,), {"runner": runner})
    with _Server((asked.host, asked.port), handler) as server:

        def stop(_number: int, _frame: FrameType | None) -> None:
            threading.Thread(target=_end, args=(server, runner)).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        print(f"gonogo: listening at {asked.host}:{server.server_port}", flush=True)
        server.serve_forever()
    return 0


def _end(server: _Server, runner: Runner) -> None:
    runner.stop()
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
