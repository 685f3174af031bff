"""The verdict's rules, one line each."""

from datetime import date

import pytest

from gonogo.model import CheckInfo, CheckResult, Decision, Outcome, Permission, Severity, SkipKind, Waiver
from gonogo.verdict import judge


def result(
    outcome: str,
    severity: str = "critical",
    check_id: str = "config.a.b",
    skip: SkipKind | None = None,
    node: str = "n",
) -> CheckResult:
    info = CheckInfo(check_id, "title", Severity(severity), Permission.LIVE, ("D1",), smoke=False)
    return CheckResult(info, f"{node}::{check_id}", Outcome(outcome), reason="why", skip_kind=skip)


@pytest.mark.parametrize(
    ("results", "decision"),
    [
        ([result("pass")], Decision.GO),
        ([result("pass"), result("warn", check_id="config.c.d")], Decision.GO_WITH_CAVEATS),
        ([result("pass"), result("fail", "minor", "config.c.d")], Decision.GO_WITH_CAVEATS),
        ([result("pass"), result("inconclusive", "minor", "config.c.d")], Decision.GO_WITH_CAVEATS),
        ([result("pass"), result("fail", "major", "config.c.d")], Decision.NO_GO),
        ([result("pass"), result("inconclusive", "major", "config.c.d")], Decision.HOLD),
        ([result("fail"), result("inconclusive", "major", "config.c.d")], Decision.NO_GO),
        ([result("pass"), result("skip", skip=SkipKind.NOT_DECLARED, check_id="config.c.d")], Decision.GO),
        (
            [result("pass"), result("skip", skip=SkipKind.NOT_PERMITTED, check_id="config.c.d")],
            Decision.GO_WITH_CAVEATS,
        ),
        ([result("skip", skip=SkipKind.NOT_DECLARED)], Decision.HOLD),
        ([], Decision.HOLD),
        ([result("skip", skip=SkipKind.NOT_SELECTED)], Decision.HOLD),
        ([result("pass"), result("skip", skip=SkipKind.NOT_SELECTED, check_id="config.c.d")], Decision.GO_WITH_CAVEATS),
        ([result("pass"), result("skip", skip=SkipKind.UNSUPPORTED, check_id="config.c.d")], Decision.GO_WITH_CAVEATS),
    ],
)
def test_decision(results: list[CheckResult], decision: Decision) -> None:
    assert judge(results, {"config"}).decision is decision


def test_a_required_suite_that_ran_no_check_holds() -> None:
    judged = judge([result("pass")], {"config", "load"})
    assert (judged.decision, judged.reasons) == (Decision.HOLD, ("required suite load ran no check",))


def test_nothing_ran() -> None:
    assert judge([], ()).reasons == ("no check ran at all",)


def test_an_interrupted_run_holds() -> None:
    assert judge([result("pass")], {"config"}, interrupted="Ctrl-C").decision is Decision.HOLD


def test_a_waiver_turns_a_fail_into_a_caveat_and_nothing_else() -> None:
    waiver = Waiver("config.a.b", "known", "ana", date(2099, 1, 1))
    assert judge([result("fail")], {"config"}, [waiver]).decision is Decision.GO_WITH_CAVEATS
    assert judge([result("inconclusive")], {"config"}, [waiver]).decision is Decision.HOLD
    assert judge([result("fail", check_id="config.x.y")], {"config"}, [waiver]).decision is Decision.NO_GO


def test_results_are_sorted_by_node_id() -> None:
    judged = judge([result("pass", node="z"), result("pass", node="a")], ())
    assert [r.node_id[0] for r in judged.results] == ["a", "z"]
