"""What a person sees while the gate runs: one line for each check; on a terminal also what runs now."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TextIO

import pytest
from _pytest.terminal import TerminalReporter

from gonogo.model import CheckResult, Outcome

_COLOURS: dict[Outcome, dict[str, bool]] = {
    Outcome.PASS: {"green": True},
    Outcome.WARN: {"yellow": True},
    Outcome.FAIL: {"red": True, "bold": True},
    Outcome.INCONCLUSIVE: {"purple": True},
    Outcome.SKIP: {"light": True},
}
WORDS = {
    Outcome.PASS: "pass",
    Outcome.WARN: "WARN",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
    Outcome.SKIP: "skip",
}


_KEY = pytest.StashKey["Progress"]()


class Progress:
    """Writes to pytest's terminal in place of its own letters."""

    def __init__(self, reporter: TerminalReporter) -> None:
        self._reporter = reporter
        self._done = 0
        self.total = 0
        reporter.showfspath = False
        is_watched = reporter.isatty and reporter.verbosity >= 0
        self._live = LiveLine(_own_way_to_the_terminal()) if is_watched else None

    def running(self, node_id: str) -> None:
        """A check begins."""
        if self._live:
            self._live.begin(node_id)

    def say(self, text: str) -> None:
        """What goes on now; on a terminal only, in a line that the next one overwrites."""
        if self._live:
            self._live.say(text)

    def end(self) -> None:
        """No check runs any more."""
        if self._live:
            self._live.close()

    def finished(self, result: CheckResult) -> None:
        """A check has ended."""
        self._done += 1
        if self._reporter.verbosity < 0:
            return
        with self._live.away(result.node_id) if self._live else nullcontext():
            self._tell(result)

    def _tell(self, result: CheckResult) -> None:
        counter = f"[{self._done:>3}/{self.total}]" if self.total else f"[{self._done:>3}]"
        self._reporter.write(f"{counter} ")
        self._reporter.write(f"{WORDS[result.outcome]:<12}", **_COLOURS[result.outcome])
        self._reporter.write(f" {result.name}")
        self._reporter.write(f"  {result.duration_ms:,.0f} ms", light=True)
        if result.outcome is not Outcome.PASS and result.reason:
            self._reporter.write(f"\n             {result.reason.splitlines()[0][:200]}")
        self._reporter.write("\n")


class LiveLine:
    """The last line of a terminal: what goes on, and for how long; written anew each second.

    It stands there between two lines of the reporter, which first takes it away (`away`). Thread-safe.
    """

    def __init__(self, terminal: TextIO, every_s: float = 1.0) -> None:
        """It is written to a terminal that nobody captures."""
        self._terminal, self._every_s = terminal, every_s
        self._running: dict[str, float] = {}
        self._said = ""
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()

    def begin(self, node_id: str) -> None:
        """A check begins."""
        with self._lock:
            self._running[node_id] = time.monotonic()
            self._said = ""
            self._show()

    def say(self, text: str) -> None:
        """What the check does now."""
        with self._lock:
            self._said = text
            self._show()

    @contextmanager
    def away(self, node_id: str) -> Iterator[None]:
        """A check has ended: its line comes where this one was, and nothing is written there meanwhile."""
        with self._lock:
            self._running.pop(node_id, None)
            self._write("")
            yield

    def close(self) -> None:
        """Take the line away, for good."""
        self._closed.set()
        self._thread.join()
        with self._lock:
            self._write("")
            with suppress(OSError):
                self._terminal.close()

    def _tick(self) -> None:
        while not self._closed.wait(self._every_s):
            with self._lock:
                self._show()

    def _show(self) -> None:
        """The check that has run longest, what it says, and how many run beside it."""
        if self._running:
            node_id, since = next(iter(self._running.items()))
            told = [node_id.rpartition("::")[2], *([self._said] if self._said else [])]
            more = f", {len(self._running) - 1} more" if len(self._running) > 1 else ""
            self._write(f"        ... {': '.join(told)} ({time.monotonic() - since:.0f} s{more})")

    def _write(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be taken away
        with suppress(OSError):  # the terminal was closed: the run goes on without
            self._terminal.write(f"\r\x1b[K{line[:width]}")
            self._terminal.flush()


def _own_way_to_the_terminal() -> TextIO:
    """While a check runs, pytest has put a file in the place of standard output."""
    return os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding, errors="replace")


def set_progress(config: pytest.Config, progress: Progress) -> None:
    """Make the progress line known to this process."""
    config.stash[_KEY] = progress


def progress_of(config: pytest.Config) -> Callable[[str], None]:
    """What shows a text while a check takes long; in a worker, which has no terminal, it shows nothing."""
    progress = config.stash.get(_KEY, None)
    return progress.say if progress is not None else lambda _text: None


def silence_pytest(config: pytest.Config) -> None:
    """Pytest's own failure sections would repeat the table of checks, and show values that are not redacted."""
    config.option.tbstyle = "no"
    config.option.reportchars = ""
