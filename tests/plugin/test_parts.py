"""Locks, ledger, stages, the decorator."""

import argparse
import multiprocessing
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gonogo.errors import BudgetExhaustedError, InconclusiveError, InWarningBand, NotDeclared
from gonogo.model import SUITES, Decision, Observation, Outcome, Permission
from gonogo.objectives import Decided
from gonogo.plugin import check, expect_flawless, expect_kept, options, selection, settle
from gonogo.plugin.checks import MAX_LISTED, FlawsFoundError
from gonogo.plugin.conclusion import exit_code
from gonogo.plugin.evidence import MAX_OBSERVATIONS, Recorder
from gonogo.plugin.ledger import Ledger
from gonogo.plugin.locks import target_lock
from gonogo.plugin.stages import STAGES
from gonogo.redaction import Redactor
from gonogo.targets.endpoint_sections import profiles
from gonogo.targets.endpoints import ChatModel, Deviation
from gonogo.targets.model import Budget, Target


def test_shared_locks_one_after_the_other_keep_no_exclusive_one_out(tmp_path: Path) -> None:
    is_over = threading.Event()

    def share() -> None:
        while not is_over.is_set():
            with target_lock(tmp_path, exclusive=False, timeout_s=20):
                is_over.wait(0.1)

    sharing = [threading.Thread(target=share) for _ in range(3)]
    try:
        for number, thread in enumerate(sharing):
            thread.start()
            is_over.wait(0.03 * number)  # there is always one that holds it
        with target_lock(tmp_path, exclusive=True, timeout_s=20):
            is_over.set()
    finally:
        is_over.set()
        for thread in sharing:
            thread.join()


def test_shared_locks_go_together_and_exclusive_ones_alone(tmp_path: Path) -> None:
    with target_lock(tmp_path, exclusive=False, timeout_s=1), target_lock(tmp_path, exclusive=False, timeout_s=1):
        with (
            pytest.raises(InconclusiveError, match="another check or run"),
            target_lock(tmp_path, exclusive=True, timeout_s=0.1),
        ):
            pass
    with target_lock(tmp_path, exclusive=True, timeout_s=1):
        with pytest.raises(InconclusiveError), target_lock(tmp_path, exclusive=False, timeout_s=0.1):
            pass


def _spend(file: Path) -> None:
    ledger = Ledger(file, Budget())
    for _ in range(50):
        ledger.spend(1, 2)


def test_ledger_counts_over_processes(tmp_path: Path) -> None:
    file = tmp_path / "budget.json"
    Ledger(file, Budget()).open()
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_spend, args=(file,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    spent = Ledger(file, Budget()).spent()
    assert (spent["requests"], spent["tokens"]) == (150, 300)


@pytest.mark.parametrize("budget", [Budget(requests=1), Budget(tokens=1), Budget(seconds=1e-9)])
def test_ledger_refuses_beyond_the_budget(tmp_path: Path, budget: Budget) -> None:
    ledger = Ledger(tmp_path / "b.json", budget)
    ledger.open()
    with pytest.raises(BudgetExhaustedError):
        ledger.spend(2, 2)
    assert ledger.spent()["requests"] == 0


@pytest.mark.parametrize(
    ("decision", "pytests", "strict", "code"),
    [
        (Decision.GO, 0, False, 0),
        (Decision.GO, 1, False, 0),
        (Decision.GO_WITH_CAVEATS, 0, False, 0),
        (Decision.GO_WITH_CAVEATS, 0, True, 1),
        (Decision.NO_GO, 1, False, 1),
        (Decision.HOLD, 0, False, 6),
        (Decision.HOLD, 5, False, 6),
        (Decision.HOLD, 2, False, 2),
        (Decision.NO_GO, 3, False, 3),
    ],
)
def test_exit_code(decision: Decision, pytests: int, strict: bool, code: int) -> None:
    assert exit_code(decision, pytests, strict=strict) == code


def test_stages() -> None:
    @check("drills.a.b", severity="major", covers=[], permission="disruptive")
    def test_drill() -> None:
        """A drill."""

    info = next(mark.args[0] for mark in test_drill.pytestmark if mark.name == "check")  # type: ignore[attr-defined]
    assert {name for name, stage in STAGES.items() if stage.selects(info)} == {"gate", "drill"}
    target = Target("t", "staging", Path("t"), "0")
    assert STAGES["gate"].required_suites(target, frozenset(Permission)) == set()


@pytest.mark.parametrize("check_id", ["config", "config.a", "nosuch.a.b", "config.A.b", "config.a.b.c"])
def test_a_bad_id_is_refused(check_id: str) -> None:
    with pytest.raises(ValueError, match="check id"):
        check(check_id, severity="minor", covers=[])


def test_a_check_needs_a_docstring() -> None:
    def test_x() -> None:
        pass

    with pytest.raises(TypeError, match="docstring"):
        check("config.a.b", severity="minor", covers=[])(test_x)


@pytest.mark.parametrize(
    ("outcome", "raised"),
    [(Outcome.FAIL, AssertionError), (Outcome.WARN, InWarningBand), (Outcome.INCONCLUSIVE, InconclusiveError)],
)
def test_settle(outcome: Outcome, raised: type[Exception]) -> None:
    with pytest.raises(raised, match="why"):
        settle(Decided(outcome, "why"))
    settle(Decided(Outcome.PASS, ""))


def test_recorder_keeps_the_first_and_the_latest_and_says_so() -> None:
    recorder = Recorder()
    for i in range(200):
        recorder.record(Observation("http", str(i), 0.0))
    kept = [seen["subject"] for seen in recorder.as_json(Redactor())]
    assert (len(kept), kept[0], kept[-1]) == (MAX_OBSERVATIONS + 1, "0", "199")
    assert kept[MAX_OBSERVATIONS // 2] == f"{200 - MAX_OBSERVATIONS} observations are left out"


def test_every_flaw_is_kept_but_not_every_one_is_shown() -> None:
    expect_flawless([])
    with pytest.raises(FlawsFoundError) as found:
        expect_flawless([f"flaw {i}" for i in range(MAX_LISTED + 3)])
    assert (len(found.value.flaws), str(found.value).splitlines()[-1]) == (MAX_LISTED + 3, "... and 3 more")


@pytest.mark.parametrize(
    ("promises", "status", "flaws", "outcome"),
    [
        ({"tools"}, 200, [], None),
        ({"tools"}, 200, ["no tool call"], "no tool call"),
        ({"tools"}, 400, [], "tools is promised and was answered with HTTP 400"),
        ({"tools"}, 400, ["no tool call"], "tools is promised and was answered with HTTP 400"),
        (set(), 400, ["no tool call"], "does not promise tools, and refuses it with HTTP 400"),
        (set(), 501, [], "refuses it with HTTP 501"),
        (set(), 500, [], "HTTP 500 is no refusal"),
        (set(), 200, [], None),
        (set(), 200, ["no tool call"], "tools is not promised, and was taken and ignored: no tool call"),
    ],
)
def test_a_feature_works_or_is_refused(promises: set[str], status: int, flaws: list[str], outcome: str | None) -> None:
    model = ChatModel("m", promises=frozenset(promises))
    if outcome is None:
        expect_kept("tools", model, status, flaws)
        return
    kind = NotDeclared if "refuses it" in outcome else FlawsFoundError
    with pytest.raises(kind, match=outcome):
        expect_kept("tools", model, status, flaws)


@pytest.mark.parametrize(
    ("waived", "deviating", "wanted"),
    [
        ("contract.a.b", "contract.a.b", ""),
        ("contract.a.b[main]", "contract.a.b", ""),
        ("contract.a.c", "contract.a.b", "the target's waiver for 'contract.a.c' names no check"),
        ("contract.a.b", "contract.a.c", "the target's deviation for 'contract.a.c' names no check"),
    ],
)
def test_what_a_target_excuses_is_a_check(
    waived: str, deviating: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "info_of", lambda item: SimpleNamespace(suite=item))
    monkeypatch.setattr(selection, "names_of", lambda item: (f"{item}.a.b", f"{item}.a.b[main]"))
    shipped = profiles()["litellm"].deviations
    endpoint = SimpleNamespace(kind="litellm", deviations=(*shipped, Deviation(deviating, "x", "known")))
    target = SimpleNamespace(waivers=(SimpleNamespace(check_id=waived),), endpoints=lambda: (endpoint,))
    items = cast("list[pytest.Item]", list(SUITES))

    with pytest.raises(pytest.UsageError, match=wanted) if wanted else nullcontext():
        selection.expect_named_checks(items, cast("Target", target))


@pytest.mark.parametrize(
    ("count", "is_right"), [("1", True), ("30", True), ("0", False), ("-1", False), ("all", False)]
)
def test_how_many_runs_are_kept(count: str, *, is_right: bool) -> None:
    with nullcontext() if is_right else pytest.raises(argparse.ArgumentTypeError, match="no number of at least 1"):
        assert options._at_least_one(count) == int(count)
