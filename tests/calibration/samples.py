"""The gate's static suites on a copy of a sample deployment."""

import shutil
import subprocess
from pathlib import Path

from gonogo.resources import ROOT
from tests.calibration.conftest import GateRun
from tests.forked import run_pytest

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
    """Run the gate's static suites on a target."""
    folder = target.parent.parent
    output, runs = folder / "output.txt", folder / "runs"
    given = [f"--target={target}", f"--report-dir={runs}", *arguments, *SUITES]
    code = run_pytest(given, {"XDG_STATE_HOME": str(folder / "state")}, output)
    return GateRun.read(code, output.read_text(encoding="utf-8"), runs)
