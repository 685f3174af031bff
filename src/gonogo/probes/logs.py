"""Logs of requests: the last lines of files, or of a Loki (https://grafana.com/docs/loki/latest/reference/loki-http-api/)."""

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from gonogo.errors import InconclusiveError
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http
from gonogo.probes.prometheus import asked, json_of
from gonogo.targets.monitoring import Log

_LAST_BYTES = 2_000_000
_MOST_LINES = 5000
_LOKI_SINCE_S = 600
_LOOK_S = 0.2


class LogProbe:
    """Reads a log."""

    def __init__(self, log: Log, loki: Http | None, context: ProbeContext) -> None:
        """`loki` where the log has one."""
        self._log, self._loki, self._context = log, loki, context

    def lines(self) -> Sequence[str]:
        """The last lines, empty ones left out, at most five thousand of each file.

        Raises:
            InconclusiveError: the log cannot be read.
        """
        if self._loki is not None:
            return self._asked(self._loki)
        return [line for file in self._log.files for line in _tail(file)[-_MOST_LINES:]]

    def until(self, words: str) -> Sequence[str]:
        """The last lines, as soon as one of them holds these words; at the latest when the log's time is up."""
        deadline, lines = time.monotonic() + self._log.within_s, self.lines()
        while not any(words in line for line in lines) and (rest_s := deadline - time.monotonic()) > 0:
            self._context.progress(f"until {self._log.name} has the request: {rest_s:.0f} s at most")
            time.sleep(min(_LOOK_S, rest_s))
            lines = self.lines()
        return lines

    def _asked(self, loki: Http) -> Sequence[str]:
        wanted = {"query": self._log.query, "limit": _MOST_LINES, "since": f"{_LOKI_SINCE_S}s"}
        answer = asked(loki, f"/loki/api/v1/query_range?{urlencode(wanted)}", "Loki")
        streams = json_of(answer, "Loki")["data"]["result"]
        entries = sorted((int(at), line) for stream in streams for at, line in stream["values"])
        return [line for _, line in entries if line.strip()]


def _tail(file: Path) -> list[str]:
    try:
        with file.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - _LAST_BYTES))
            raw = log.read(_LAST_BYTES)
    except OSError as error:
        raise InconclusiveError(f"the log {file} cannot be read: {error.strerror}") from error
    # only at line feeds: other characters that Python takes for ends of lines may stand in JSON
    lines = raw.decode("utf-8", errors="replace").split("\n")
    lines.pop()  # somebody is writing it; or it is empty, after the last line feed
    return [line for line in lines[1 if size > _LAST_BYTES else 0 :] if line.strip()]
