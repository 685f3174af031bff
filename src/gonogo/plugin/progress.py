"""What a person sees while the gate runs: one line for each check; on a terminal also what runs now."""

from collections.abc import Callable

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

    def running(self, node_id: str) -> None:
        """A check begins."""
        self.say(node_id.rpartition("::")[2])

    def say(self, text: str) -> None:
        """What goes on now; on a terminal only, in a line that the next one overwrites."""
        if self._reporter.isatty:
            self._reporter.rewrite(f"        ... {text}", erase=True)

    def finished(self, result: CheckResult) -> None:
        """A check has ended."""
        self._done += 1
        if self._reporter.verbosity < 0:
            return
        if self._reporter.isatty:
            self._reporter.rewrite("", erase=True)
        counter = f"[{self._done:>3}/{self.total}]" if self.total else f"[{self._done:>3}]"
        self._reporter.write(f"{counter} ")
        self._reporter.write(f"{WORDS[result.outcome]:<12}", **_COLOURS[result.outcome])
        self._reporter.write(f" {result.name}")
        self._reporter.write(f"  {result.duration_ms:,.0f} ms", light=True)
        if result.outcome is not Outcome.PASS and result.reason:
            self._reporter.write(f"\n             {result.reason.splitlines()[0][:200]}")
        self._reporter.write("\n")


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
