"""From results to the verdict's word. Pure; every rule of the verdict is here and nowhere else."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from gonogo.model import CheckResult, Decision, Judgement, Outcome, Severity, SkipKind, Waiver

_BLOCKING = frozenset({Severity.CRITICAL, Severity.MAJOR})


def judge(
    results: Sequence[CheckResult],
    required_suites: Collection[str],
    waivers: Sequence[Waiver] = (),
    interrupted: str = "",
    left_out: Sequence[str] = (),
) -> Judgement:
    """Judge a run.

    NO-GO: a critical or major fail. HOLD: no such fail, but a critical or major check is inconclusive, a required suite
    ran no check, checks of the team's own were not collected, or the run was interrupted. GO WITH CAVEATS: warnings,
    minor fails or inconclusives, waived checks, or declared parts that were not verified. GO: the rest. Reasons
    stand by severity, the worst first.

    Args:
        results: one per check and instance, in any order.
        required_suites: the stage's suites that the target declares, plus the target's own ``required``.
        waivers: accepted fails; expired ones were refused when the target was loaded.
        interrupted: why the run ended early, or nothing.
        left_out: the target's folders of own checks that nothing was collected from.
    """
    settled = tuple(sorted((_waive(result, waivers) for result in results), key=lambda r: r.node_id))
    ranked = sorted(settled, key=lambda r: list(Severity).index(r.info.severity))
    failing = tuple(_line(r) for r in ranked if _blocks(r, Outcome.FAIL))
    undecided = tuple(_line(r) for r in ranked if _blocks(r, Outcome.INCONCLUSIVE))
    undecided += tuple(f"required suite {suite} ran no check" for suite in _missing_suites(settled, required_suites))
    undecided += tuple(f"of the target's own checks in {folder} none was collected" for folder in left_out)
    if not any(r.outcome is not Outcome.SKIP for r in settled):
        undecided += ("no check ran at all",)
    if interrupted:
        undecided += (f"the run did not finish: {interrupted}",)
    caveats = tuple(_line(r) for r in ranked if _is_caveat(r))
    if failing:
        return Judgement(Decision.NO_GO, failing + undecided, caveats, settled)
    if undecided:
        return Judgement(Decision.HOLD, undecided, caveats, settled)
    if caveats:
        return Judgement(Decision.GO_WITH_CAVEATS, caveats, caveats, settled)
    passed = sum(r.outcome is Outcome.PASS for r in settled)
    return Judgement(Decision.GO, (f"all {passed} checks passed",), (), settled)


def _waive(result: CheckResult, waivers: Sequence[Waiver]) -> CheckResult:
    if result.outcome is not Outcome.FAIL or result.also_wrong:  # nobody has accepted what else went wrong
        return result
    for waiver in waivers:
        if waiver.check_id in (result.info.check_id, result.name):
            return replace(result, waived_by=f"{waiver.owner}, until {waiver.expires}: {waiver.reason}")
    return result


def _blocks(result: CheckResult, outcome: Outcome) -> bool:
    return result.outcome is outcome and result.info.severity in _BLOCKING and not result.waived_by


def _is_caveat(result: CheckResult) -> bool:
    if result.outcome is Outcome.WARN or result.waived_by:
        return True
    if result.outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        return result.info.severity is Severity.MINOR
    return result.outcome is Outcome.SKIP and result.skip_kind is not SkipKind.NOT_DECLARED


def _missing_suites(results: Sequence[CheckResult], required: Collection[str]) -> list[str]:
    ran = {r.info.suite for r in results if r.outcome is not Outcome.SKIP}
    return sorted(set(required) - ran)


def _line(result: CheckResult) -> str:
    word = "waived" if result.waived_by else result.outcome.value
    why = result.reason.strip().splitlines()
    tail = f" — {'; '.join(why[: 1 + result.also_wrong])}" if why else ""
    return f"{result.name} ({result.info.severity}): {word}{tail}"
