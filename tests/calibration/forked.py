"""The gate in a forked process: everything is imported already, so a run costs its checks and little more."""

import gc
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gonogo.reporting.pages import template
from gonogo.resources import ROOT

TIMEOUT_S = 300.0
template("report.html.jinja")  # compiled once for all runs


def run_pytest(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> int:
    """Run pytest with these arguments in a child; its exit code. What it prints goes to a file."""
    child = Child(arguments, environment, output)
    while (code := child.poll()) is None:
        time.sleep(0.01)
    return code


class Child:
    """A forked process that runs pytest."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self._output = output
        self._pid = _fork(arguments, environment, output)
        self._deadline = time.monotonic() + TIMEOUT_S

    def poll(self) -> int | None:
        """Its exit code; None while it runs.

        Raises:
            TimeoutError: it ran for too long, and was ended.
        """
        done, status = os.waitpid(self._pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > self._deadline:
            self.end()
            raise TimeoutError(self._output.read_text(encoding="utf-8"))
        return None

    def end(self) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGTERM)
        os.waitpid(self._pid, 0)


def _fork(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> int:
    """Start the child; its pid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside threads
        child = os.fork()
    if child == 0:
        _run(arguments, environment, output)
    return child


def _run(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
    """The child: it never returns."""
    code = 3
    gc.freeze()  # pytest collects garbage three times as it ends: not what the parent holds
    try:
        sys.stdout = sys.stderr = output.open("w", encoding="utf-8")
        for stream in (1, 2):
            os.dup2(sys.stdout.fileno(), stream)
        os.environ.update(environment)
        os.chdir(ROOT)
        warnings.resetwarnings()
        sys.dont_write_bytecode = False  # the suites are compiled once, not in every run
        quiet = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", f"--rootdir={ROOT}")
        code = int(pytest.main([*quiet, *arguments]))
    except BaseException:  # noqa: BLE001 (whatever it is, this process must not go on as a copy of its parent)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
