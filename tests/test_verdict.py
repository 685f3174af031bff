"""The verdict's rules, one line each."""

from dataclasses import replace
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


def test_reasons_stand_by_severity_and_caveats_beside_them() -> None:
    judged = judge(
        [
            result("fail", "major", "config.c.d"),
            result("fail", "critical", "config.e.f"),
            result("inconclusive", "major", "config.g.h"),
            result("warn", "minor", "config.i.j"),
            result("pass"),
        ],
        {"config", "load"},
        interrupted="Ctrl-C",
        left_out=["own"],
    )
    assert judged.reasons == (
        "config.e.f (critical): fail — why",
        "config.c.d (major): fail — why",
        "config.g.h (major): inconclusive — why",
        "required suite load ran no check",
        "of the target's own checks in own none was collected",
        "the run did not finish: Ctrl-C",
    )
    assert judged.caveats == ("config.i.j (minor): warn — why",)


def test_a_go_says_how_many_passed() -> None:
    left_out = result("skip", skip=SkipKind.NOT_DECLARED, check_id="config.c.d")
    judged = judge([result("pass"), result("pass", check_id="config.e.f"), left_out], {"config"})
    assert (judged.reasons, judged.caveats) == (("all 2 checks passed",), ())


def test_own_checks_that_were_not_collected_hold() -> None:
    assert judge([result("pass")], {"config"}, left_out=["own"]).decision is Decision.HOLD


def test_a_suite_of_which_everything_was_skipped_ran_no_check() -> None:
    skipped = result("skip", skip=SkipKind.NOT_DECLARED, check_id="load.a.b")
    assert judge([result("pass"), skipped], {"load"}).reasons == ("required suite load ran no check",)


def test_a_waiver_of_another_check_or_instance_waives_nothing() -> None:
    other = Waiver("config.x.y", "known", "ana", date(2099, 1, 1))
    waiver = Waiver("config.a.b", "known", "ana", date(2099, 1, 1))
    judged = judge([result("fail", "minor"), result("fail", "minor", "config.c.d")], {"config"}, [other, waiver])
    waived = {r.info.check_id: r.waived_by for r in judged.results}
    assert waived == {"config.a.b": "ana, until 2099-01-01: known", "config.c.d": ""}
    assert judged.caveats == ("config.a.b (minor): waived — why", "config.c.d (minor): fail — why")


def test_a_reason_of_several_lines_is_told_by_its_first() -> None:
    long, bare = result("fail"), result("fail", check_id="config.c.d")
    judged = judge([replace(long, reason="\nfirst\nsecond\n"), replace(bare, reason=" ")], {"config"})
    assert judged.reasons == ("config.a.b (critical): fail — first", "config.c.d (critical): fail")
