"""The gate in a forked process: everything is imported already, so a run costs its checks and little more."""

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gonogo.resources import ROOT

TIMEOUT_S = 300.0


def run_pytest(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> int:
    """Run pytest with these arguments in a child; its exit code. What it prints goes to a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside threads
        child = os.fork()
    if child == 0:
        _run(arguments, environment, output)
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            raise TimeoutError(output.read_text(encoding="utf-8"))
        time.sleep(0.01)


def _run(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
    """The child: it never returns."""
    code = 3
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
