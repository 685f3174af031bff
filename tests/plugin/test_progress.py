"""What a person sees while the gate runs: on a terminal what goes on and for how long, elsewhere a line for each check."""

import io
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

from gonogo.plugin.progress import LiveLine

CHECK = '''
import time
from gonogo.plugin import check

@check("config.acme.slow", severity="critical", covers=["X"])
def test_slow() -> None:
    """It takes its time."""
    print("captured, and not shown")
    time.sleep(1.4)
'''


class Kept(io.StringIO):
    """It can be read after it was closed."""

    text = ""

    def close(self) -> None:
        self.text = self.getvalue()
        super().close()


def run(folder: Path, *words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    (folder / "checks").mkdir()
    (folder / "checks" / "test_acme.py").write_text(CHECK, encoding="utf-8")
    (folder / "target.yaml").write_text("name: acme\nenvironment: staging\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--target=target.yaml", "--stage=ci", "checks", *words]
    given = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR", "PY_COLORS"}}
    environment = {**given, "XDG_STATE_HOME": str(folder / "state"), "TERM": "xterm", "COLUMNS": "100"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stdout
    )


def on_a_terminal(folder: Path, *words: str) -> str:
    ours, theirs = pty.openpty()
    process = run(folder, *words, stdout=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # Linux says so when the other side is closed
        pass
    finally:
        process.wait(timeout=60)
        os.close(ours)
    return seen.decode()


def test_a_terminal_shows_what_runs_and_for_how_long(tmp_path: Path) -> None:
    seen = on_a_terminal(tmp_path)
    assert "... test_slow (0 s)" in seen
    assert "... test_slow (1 s)" in seen
    assert "captured, and not shown" not in seen
    assert "\x1b[32m" in seen
    shown = [line.rpartition("\r\x1b[K")[2] for line in seen.replace("\r\n", "\n").split("\n")]
    assert not [line for line in shown if "... test_slow" in line], "a line that should have been taken away"
    assert len([line for line in shown if "config.acme.slow" in line and "pass" in line]) == 1


def test_elsewhere_there_is_a_line_for_each_check_and_no_colour(tmp_path: Path) -> None:
    told = run(tmp_path).communicate(timeout=60)[0].decode()
    assert re.search(r"\[  1/1\] pass +config\.acme\.slow  1,\d{3} ms", told)
    assert "\x1b" not in told
    assert "..." not in told.partition("verdict")[0]


def test_quiet_is_quiet(tmp_path: Path) -> None:
    told = run(tmp_path, "-q").communicate(timeout=60)[0].decode()
    assert "[  1/1]" not in told
    assert "verdict" in told


def test_the_line_tells_what_has_run_longest_and_how_many_run_beside_it() -> None:
    terminal = Kept()
    line = LiveLine(terminal, every_s=0.02)
    line.begin("a.py::test_one[x]")
    line.begin("a.py::test_two")
    line.say("step 2 of 3")
    time.sleep(0.1)
    with line.away("a.py::test_one[x]"):
        assert terminal.getvalue().endswith("\r\x1b[K")
        quiet = terminal.getvalue()
        time.sleep(0.1)
        assert terminal.getvalue() == quiet
    time.sleep(0.1)
    line.close()
    assert "... test_one[x]: step 2 of 3 (0 s, 1 more)" in terminal.text
    assert "... test_two: step 2 of 3 (0 s)" in terminal.text
    assert terminal.text.endswith("\r\x1b[K")
