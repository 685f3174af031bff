"""``--explain CHECK_ID``."""

import subprocess
import sys

from gonogo.resources import ROOT


def explained(check_id: str) -> tuple[int, str]:
    words = [sys.executable, "-m", "pytest", f"--explain={check_id}", "suites"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_check_is_explained_and_nothing_else_is_told() -> None:
    code, told = explained("agent.approvals.race")
    assert code == 0
    assert told.lstrip().splitlines()[0] == "agent.approvals.race (critical)"
    for words in (
        "  T2: the policy engine",
        "  Two uses of an approval at once both win",
        "pytest --target=FILE --check agent.approvals.race",
    ):
        assert words in told
    assert "test_doors.py" not in told


def test_an_unknown_check_is_said_with_the_one_that_was_meant() -> None:
    code, told = explained("agent.approvals.rase")
    assert code == 4
    assert "no check is called 'agent.approvals.rase' (did you mean 'agent.approvals.race'?)" in told
