"""Programs of the target's own are run in bounded time and memory."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from gonogo.programs import Completed, EndlessProgramError, run_program


def python(code: str) -> tuple[str, str, str]:
    """A program that does this."""
    return sys.executable, "-c", code


def test_a_program_says_how_it_ended(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['X'], os.getcwd()); sys.stderr.write('é\\n'); sys.exit(3)"

    done = run_program(python(code), 20, tmp_path, {"X": "1", "PYTHONUTF8": "1"})

    assert done == Completed(3, f"1 {tmp_path}\n", "é\n")
    assert done.last_words == "é"


def test_it_has_nothing_to_read() -> None:
    assert run_program(python("import sys; print(repr(sys.stdin.read()))"), 20).stdout == "''\n"


def test_both_outputs_may_be_long() -> None:
    code = "import sys\nfor _ in range(20): sys.stdout.write('a' * 100_000); sys.stderr.write('b' * 100_000)"

    done = run_program(python(code), 20)

    assert (len(done.stdout), len(done.stderr)) == (2_000_000, 2_000_000)


def test_what_is_no_utf_8_is_replaced() -> None:
    assert run_program(("printf", "a\\377b"), 20).stdout == "a\ufffdb"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_one_that_prints_without_end_is_ended(stream: str) -> None:
    before = psutil.Process().memory_info().rss

    with pytest.raises(EndlessProgramError, match="printed more than 16,000,000 bytes"):
        run_program(python(f"import sys\nwhile True: sys.{stream}.write('a' * 65536)"), 60)

    assert psutil.Process().memory_info().rss - before < 100_000_000


def test_one_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"sleep 300 & echo $! > {note}; wait"

    with pytest.raises(EndlessProgramError, match=r"sh did not end within 0\.5 s"):
        run_program(("sh", "-c", script), 0.5)

    child, deadline = int(note.read_text(encoding="utf-8")), time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "what it had started goes on"
        time.sleep(0.01)


def test_one_that_closes_its_outputs_and_goes_on_is_ended_too() -> None:
    with pytest.raises(EndlessProgramError, match="did not end"):
        run_program(("sh", "-c", "exec >&- 2>&-; sleep 300"), 0.5)


def test_one_that_cannot_be_started() -> None:
    with pytest.raises(FileNotFoundError):
        run_program(("/no/such/program",), 1)


def test_what_it_has_started_goes_on(tmp_path: Path) -> None:
    """So services are started; this one holds the pipes of the shell that has started it."""
    note = tmp_path / "pid"

    done = run_program(("sh", "-c", f"sleep 300 & echo $! > {note}; echo started"), 20)

    child = psutil.Process(int(note.read_text(encoding="utf-8")))
    try:
        assert done == Completed(0, "started\n", "")
        assert child.status() != psutil.STATUS_ZOMBIE
    finally:
        child.kill()


def test_one_that_we_may_not_end_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr("gonogo.programs.os.killpg", refused)

    with pytest.raises(EndlessProgramError, match="did not end"):
        run_program(("sleep", "1"), 0.2)


def test_it_has_a_process_group_of_its_own() -> None:
    done = run_program(python("import os; print(os.getpgrp() == os.getpid())"), 20)

    assert done.stdout == "True\n"
