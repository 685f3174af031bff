"""Whatever befalls a run, it ends in a verdict or in a clear error, and the next one is not the worse for it."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import BudgetExhaustedError
from gonogo.plugin.ledger import Ledger
from gonogo.rules.completions import tokens_told
from gonogo.targets.model import Budget
from tests.plugin.conftest import CHECKS, Run, env_of

HALF_A_PAIR = '''
from gonogo.plugin import check

@check("config.a.odd", severity="critical", covers=["D1"], permission="static")
def test_odd():
    """What a server said is told."""
    raise AssertionError("it said \\ud800")
'''
WAITING = '''
import time
from pathlib import Path
from gonogo.plugin import check

@check("config.a.first", severity="major", covers=["D1"], permission="static")
def test_first():
    """It holds."""

@check("config.a.waits", severity="major", covers=["D1"], permission="static")
def test_waits():
    """It takes a while."""
    Path("waiting").touch()
    while Path("wait").exists():
        time.sleep(0.05)
'''


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "xdist"])
def test_text_that_is_no_unicode_fails_its_check_and_nothing_else(run: Run, project: Path, workers: list[str]) -> None:
    (project / "test_own.py").write_text(HALF_A_PAIR, encoding="utf-8")
    ran = run("--target=target.yaml", "test_own.py", *workers)
    assert (ran.code, ran.outcome("config.a.odd")) == (1, "fail"), ran.output
    events = lines_of(next(project.glob("reports/runs/*/events.ndjson")))
    assert [event["event"] for event in events][-1] == "run-ended"


def small_files() -> None:
    """As on a disk that is full: nothing longer than 8 kB can be written."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


@pytest.mark.parametrize(("fails", "code"), [("no", 6), ("FAILS", 1)], ids=["good", "bad"])
def test_reports_that_cannot_be_written_promote_nothing(run: Run, project: Path, fails: str, code: int) -> None:
    text = CHECKS.replace("FAILS", fails).replace("SEVERITY", "critical")
    (project / "test_own.py").write_text(text, encoding="utf-8")
    ran = run("--target=target.yaml", "test_own.py", before=small_files, PYTHONDONTWRITEBYTECODE="1")
    assert ran.code == code, ran.output
    assert "the reports cannot be written" in ran.output
    assert "INTERNALERROR" not in ran.output
    assert list(project.glob("reports/runs/2*/.*")) == []  # no half of a file is left
    for left in project.glob("reports/runs/2*/verdict.json"):
        verdict = json.loads(left.read_text(encoding="utf-8"))
        assert (verdict["decision"], "cannot be written" in verdict["interrupted"]) == (
            "NO-GO" if code == 1 else "HOLD", True,
        )  # fmt: skip
    assert list(project.glob("reports/runs/2*/junit.xml")) == []


def test_a_run_that_was_killed_leaves_what_it_knew_and_two_after_it_are_whole(project: Path) -> None:
    (project / "test_own.py").write_text(WAITING, encoding="utf-8")
    (project / "wait").touch()
    command = [sys.executable, "-m", "pytest", "--target=target.yaml", "test_own.py"]

    def begin() -> "subprocess.Popen[str]":
        return subprocess.Popen(command, cwd=project, env=env_of(project), stdout=subprocess.PIPE, text=True)

    killed = begin()
    deadline = time.monotonic() + 30
    while not (project / "waiting").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.kill()
    killed.communicate(timeout=20)
    left = json.loads(next(project.glob("reports/runs/2*/verdict.json")).read_text(encoding="utf-8"))
    assert (left["decision"], left["interrupted"]) == ("HOLD", "the run has not ended")
    assert {check["id"]: check["outcome"] for check in left["checks"]}["config.a.first"] == "pass"

    (project / "wait").unlink()
    both = [begin(), begin()]
    told = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    verdicts = [json.loads(file.read_text(encoding="utf-8")) for file in project.glob("reports/runs/2*/verdict.json")]
    assert sorted(verdict["decision"] for verdict in verdicts) == ["GO", "GO", "HOLD"]
    assert len(lines_of(project / "reports" / "runs" / "history.jsonl")) == 2


def test_a_clock_that_is_set_moves_no_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path / "budget.json", Budget(seconds=600))
    ledger.open()
    true = time.time
    for step_s in (3600.0, -3600.0):
        monkeypatch.setattr(time, "time", lambda step_s=step_s: true() + step_s)
        ledger.spend(1, 0)
        assert 590 < ledger.remaining_s() <= 600


@pytest.mark.parametrize("told", [10**4200, -(10**12), True, float("inf"), "7", None])
def test_a_usage_that_cannot_be_is_not_believed(told: object, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "budget.json", Budget(tokens=100))
    ledger.open()
    ledger.spend(1, tokens_told({"total_tokens": told}) or 0)
    assert ledger.spent()["tokens"] == 0
    with pytest.raises(BudgetExhaustedError):
        ledger.spend(0, 101)


def test_a_load_generator_ends_with_its_gate(tmp_path: Path) -> None:
    """Killed, the gate can end nothing itself."""
    file = tmp_path / "gate.py"
    file.write_text(
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], env={**os.environ, 'GONOGO_LOAD_OF': str(os.getpid())})\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n",
        encoding="utf-8",
    )
    generator = (
        "import gevent.monkey; gevent.monkey.patch_all()\n"
        "import gevent, os\n"
        "from gonogo.load.parent import end_with\n"
        "gevent.spawn(end_with, int(os.environ['GONOGO_LOAD_OF']))\n"
        "gevent.sleep(60)\n"
    )
    gate = subprocess.Popen([sys.executable, str(file), generator], stdout=subprocess.PIPE, text=True)
    assert gate.stdout is not None
    pid = int(gate.stdout.readline())
    time.sleep(2.0)
    os.kill(pid, 0)  # it runs as long as its gate does
    gate.send_signal(signal.SIGKILL)
    gate.wait()
    gate.stdout.close()
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}/status").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8"):
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.1)
