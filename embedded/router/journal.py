"""The router's log of requests: JSON lines."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from embedded.switchboard import Switchboard


class RequestLog:
    """A line for each completion; none where no file is named."""

    def __init__(self, file: str, board: Switchboard) -> None:
        self._file, self._board = Path(file) if file else None, board

    def note(self, request_id: str, key: str, status: int, duration_s: float) -> None:
        """A request was answered, or its answer began."""
        board = self._board
        if self._file is None or board.on("log-silent"):
            return
        told: dict[str, object] = {
            "time": datetime.now(UTC).isoformat(),
            "request_id": "" if board.on("log-nameless") else request_id,
            "key": key if board.on("log-leaks") else hashlib.sha256(key.encode()).hexdigest()[:12],
            "endpoint": "/v1/chat/completions",
            "latency_ms": round(duration_s * 1000, 1),
            "status": 200 if board.on("log-rosy") else status,
        }
        if board.on("log-thin"):
            del told["latency_ms"]
        plain = " ".join(map(str, told.values()))
        with self._file.open("a", encoding="utf-8") as file:
            file.write((plain if board.on("log-plain") else json.dumps(told)) + "\n")
