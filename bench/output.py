"""How long the suite output takes on a chatbot with a given pace: ``uv run python -m bench.output``."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from embedded.spanish import reply_to
from gonogo.resources import ROOT

REPLY_MS = 50.0
CONCURRENCY = 8
RUNS = 3
TARGET = """
name: bench
environment: development
chatbot:
  url: http://127.0.0.1:{port}
  conversations: [{conversations}]
  asking: {{concurrency: {concurrency}, repeated: 0, long_turns: 2}}
"""


class Handler(BaseHTTPRequestHandler):
    """A chatbot that thinks for `REPLY_MS`."""

    protocol_version = "HTTP/1.1"
    sessions: ClassVar[defaultdict[str, list[str]]] = defaultdict(list)

    def do_POST(self) -> None:
        """Answer one message."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        time.sleep(REPLY_MS / 1000)
        turns = self.sessions[asked["sessionId"]]
        turns.append(asked["message"])
        body = json.dumps(reply_to(turns)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Print the seconds of each run: 200 prompts alone, and the shipped sets."""
    reply_to(["Hola"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, conversations in (
            ("200 prompts", _two_hundred(folder)),
            ("the shipped sets", "cars-es, adversarial-es"),
        ):
            took = [_run(folder, server.server_port, conversations) for _ in range(RUNS)]
            print(f"{title} at {REPLY_MS:g} ms a reply, {CONCURRENCY} at a time: {', '.join(took)}", flush=True)
    server.shutdown()


def _two_hundred(folder: Path) -> str:
    lines = (ROOT / "fixtures" / "conversations" / "cars-es.yaml").read_text(encoding="utf-8").splitlines()
    singles = [line for line in lines if line.startswith("  - {text:")][:200]
    file = folder / "two-hundred.yaml"
    file.write_text("\n".join(["language: es", "conversations:", *singles]) + "\n", encoding="utf-8")
    return str(file)


def _run(folder: Path, port: int, conversations: str) -> str:
    target = folder / "bench.yaml"
    target.write_text(TARGET.format(port=port, conversations=conversations, concurrency=CONCURRENCY), encoding="utf-8")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--target={target}", f"--report-dir={folder}", "--stage=ci", "suites/output"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not done.stdout:
        raise SystemExit(done.stderr)
    last = done.stdout.strip().splitlines()[-1].strip("= ")
    return f"{time.monotonic() - began:.1f} s ({last})"


if __name__ == "__main__":
    main()
