"""The gate in a forked process: everything is imported already, so a run costs its checks and little more."""

import gc
import importlib
import os
import pkgutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

import gonogo.drills
import gonogo.probes
from gonogo.reporting.pages import template
from gonogo.resources import ROOT

TIMEOUT_S = 300.0
template("report.html.jinja")  # compiled once for all runs
for package in (gonogo.drills, gonogo.probes):  # what the fixtures import; they themselves are rewritten in each run
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


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
    child = Child(arguments, environment, output, folder, before)
    while (code := child.poll()) is None:
        time.sleep(0.01)
    return code


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
        quiet = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        quiet += [f"--rootdir={ROOT}"] if folder == ROOT else []
        code = int(pytest.main([*quiet, *arguments]))
    except BaseException:  # noqa: BLE001 (whatever it is, this process must not go on as a copy of its parent)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
