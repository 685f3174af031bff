"""The gate in a forked process: everything is imported already, so a run costs its checks and little more."""

import gc
import importlib.metadata
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from gonogo.fixtures import MODULES
from gonogo.plugin.hooks import FIXTURES
from gonogo.probes.http import open_client
from gonogo.probes.language import foreign_texts
from gonogo.reporting.pages import template
from gonogo.resources import ROOT
from gonogo.rules.secrets import shapes_in
from gonogo.targets.chatbot_section import USUAL_LANGUAGES

TIMEOUT_S = 300.0
_WITH_PLUGINS = [
    package
    for package in importlib.metadata.distributions()
    if any(point.group in ("pytest11", FIXTURES) for point in package.entry_points)
]
"""pytest looks for its plugins among all that is installed, five times."""
template("report.html.jinja")  # compiled once for all runs, as are the shapes of secrets
shapes_in("-")
open_client().close()  # authorities are read once, and so is what is known of languages
foreign_texts([], "es", USUAL_LANGUAGES)
# tests/conftest.py has them rewritten by our own pytest: a child's takes them as they are
for name in (*MODULES, *(f"suites.{file.parent.name}.{file.stem}" for file in (ROOT / "suites").glob("*/test_*.py"))):
    importlib.import_module(name)
importlib.import_module("gonogo.probes.redis_connections")


def run_pytest(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: Path,
    folder: Path = ROOT,
    before: Callable[[], None] | None = None,
) -> int:
    """Run pytest in a child to its end; its exit code.

    Args:
        arguments: of pytest.
        environment: variables beside ours.
        output: a file for what it prints.
        folder: where it runs.
        before: what the child does first.
    """
    return Child(arguments, environment, output, folder, before).wait()


class Child:
    """A forked process that runs pytest."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        folder: Path = ROOT,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Start it; the arguments are those of `run_pytest`."""
        self._output = output
        self._code: int | None = None
        output.touch()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside threads
            self._pid = os.fork()
        if self._pid == 0:
            os.environ.update(environment)
            _run(arguments, output, folder, before)
        self._deadline = time.monotonic() + TIMEOUT_S

    def poll(self) -> int | None:
        """Its exit code; None while it runs.

        Raises:
            TimeoutError: it ran for too long, and was ended.
        """
        if self._code is not None:
            return self._code
        done, status = os.waitpid(self._pid, os.WNOHANG)
        if done:
            self._code = os.waitstatus_to_exitcode(status)
        elif time.monotonic() > self._deadline:
            self.end()
            raise TimeoutError(self._output.read_text(encoding="utf-8"))
        return self._code

    def wait(self, within_s: float = TIMEOUT_S) -> int:
        """Wait for its end; its exit code.

        Raises:
            TimeoutError: it ran for too long, and was ended.
        """
        self._deadline = min(self._deadline, time.monotonic() + within_s)
        while (code := self.poll()) is None:
            time.sleep(0.01)
        return code

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal, where it still runs."""
        if self._code is None:
            self.send(number)
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self._pid, number)


def _run(arguments: Sequence[str], output: Path, folder: Path, before: Callable[[], None] | None) -> None:
    """The child: it never returns."""
    code = 3
    gc.freeze()  # pytest collects garbage three times as it ends: not what the parent holds
    try:
        sys.stdout = sys.stderr = output.open("w", encoding="utf-8")
        for stream in (1, 2):
            os.dup2(sys.stdout.fileno(), stream)
        os.chdir(folder)
        warnings.resetwarnings()
        sys.dont_write_bytecode = False  # the suites are compiled once, not in every run
        if before is not None:
            before()
        importlib.metadata.distributions = lambda **_: _WITH_PLUGINS
        # the third one collects garbage five times at the end
        quiet = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:unraisableexception"]
        quiet += [f"--rootdir={ROOT}"] if folder == ROOT else []
        code = int(pytest.main([*quiet, *arguments]))
    except BaseException:  # noqa: BLE001 (whatever it is, this process must not go on as a copy of its parent)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
