"""The check of all answers is decided when all of them are known."""

import json
from pathlib import Path
from typing import Any

import pytest

from gonogo.plugin.gate import LEAKS
from gonogo.plugin.gather import Gathering
from gonogo.plugin.stages import OF_ALL_ANSWERS

OWN = "GET http://x/a: the answer holds a secret of the target"
SHAPED = "GET http://x/b: the answer holds something of the shape of a secret (API key)"


class Report:
    """What pytest would report."""

    def __init__(self, node_id: str, check_id: str, leaks: list[str], outcome: str = "pass", answers: int = 0) -> None:
        self.nodeid, self.when, self.failed, self.longrepr = node_id, "teardown", False, ""
        info = {
            "check_id": check_id,
            "title": "t",
            "severity": "critical",
            "permission": "live",
            "covers": ["S3"],
            "smoke": True,
            "exclusive": False,
            "watch": False,
        }
        self.gonogo = {
            "info": info,
            "instance": "",
            "outcome": outcome,
            "reason": "",
            "skip_kind": None,
            "duration_ms": 1.0,
            "evidence": [],
            "findings": [],
            "searched_answers": answers,
            "leaks": leaks,
        }


def outcome_of(
    folder: Path, leaks: list[str], *, of_all: str = "pass", requests: int = 1, answers: int = 1
) -> tuple[str, str]:
    gathering = Gathering(folder, lambda: requests)
    reports: list[Any] = [
        Report("s.py::test_all", OF_ALL_ANSWERS, [], of_all),
        Report("c.py::test_one", "contract.a.b", leaks, answers=answers),
    ]
    for report in reports:
        gathering.take(report)
    (folder / "selected.json").write_text(json.dumps({}))
    found = next(result for result in gathering.results() if result.info.check_id == OF_ALL_ANSWERS)
    return found.outcome.value, found.reason


@pytest.mark.parametrize(
    ("leaks", "outcome"), [([], "pass"), ([SHAPED], "warn"), ([OWN], "fail"), ([SHAPED, OWN], "fail")]
)
def test_a_secret_of_the_target_fails_and_what_looks_like_one_warns(
    tmp_path: Path, leaks: list[str], outcome: str
) -> None:
    found, reason = outcome_of(tmp_path, leaks)
    assert found == outcome
    assert all(f"{leak} (seen by test_one)" in reason for leak in leaks)
    if len(leaks) == 2:
        assert reason.splitlines()[0].startswith(OWN), "what is sure comes first"


def test_what_is_asked_for_several_checks_at_once_counts_too(tmp_path: Path) -> None:
    (tmp_path / LEAKS).write_text(f"{OWN}\n", encoding="utf-8")
    assert outcome_of(tmp_path, []) == ("fail", f"{OWN} (seen by several checks)")


def test_where_nobody_asked_nothing_is_known(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, [], requests=0, answers=0)[0] == "skip"


def test_where_nobody_answered_nothing_is_known_either(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, [], answers=0)[0] == "inconclusive"
    (tmp_path / LEAKS).touch()  # an answer that several checks share, and that holds none
    assert outcome_of(tmp_path, [], answers=0)[0] == "pass"


def test_a_check_that_did_not_pass_stays_as_it_is(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, [OWN], of_all="inconclusive")[0] == "inconclusive"
