"""The gate on a copy of a sample deployment, in a forked process.

Everything is imported already, so a run takes less than a second.
"""

import json
import os
import shutil
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import pytest

from gonogo.resources import ROOT
from tests.calibration.conftest import GateRun

SUITES = (str(ROOT / "suites" / "artifacts"), str(ROOT / "suites" / "config"))


def copy_sample(kind: str, folder: Path) -> Path:
    """A copy of a sample target and its files, in a git repository of its own; the target file."""
    (folder / "targets").mkdir(parents=True)
    target = folder / "targets" / f"{kind}.yaml"
    shutil.copyfile(ROOT / "targets" / f"{kind}.yaml", target)
    shutil.copytree(ROOT / "fixtures" / "deployments" / kind, folder / "fixtures" / "deployments" / kind)
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "sample"]):
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)
    return target


def run_forked(target: Path, *arguments: str) -> GateRun:
    """Run the gate's static suites on a target in a forked process."""
    folder = target.parent.parent
    output = folder / "output.txt"
    runs = folder / "runs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside threads
        child = os.fork()
    if child == 0:
        _run(output, folder, [f"--target={target}", f"--report-dir={runs}", f"--rootdir={ROOT}", *arguments])
    _, status = os.waitpid(child, 0)
    text = output.read_text(encoding="utf-8")
    verdicts = sorted(runs.glob("2*/verdict.json"))
    assert verdicts, text
    return GateRun(os.waitstatus_to_exitcode(status), text, json.loads(verdicts[-1].read_text(encoding="utf-8")))


def _run(output: Path, folder: Path, arguments: list[str]) -> None:
    """The child: it never returns."""
    code = 3
    try:
        sys.stdout = sys.stderr = output.open("w", encoding="utf-8")
        for stream in (1, 2):
            os.dup2(sys.stdout.fileno(), stream)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        warnings.resetwarnings()
        sys.dont_write_bytecode = False  # the suites are compiled once, not in every run
        code = int(pytest.main(["-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments, *SUITES]))
    except BaseException:  # noqa: BLE001 (whatever it is, this process must not go on as a copy of its parent)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
