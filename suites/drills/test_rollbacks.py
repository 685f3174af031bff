"""Is a bad version or configuration noticed and rolled back to the right one, in time?"""

from gonogo.errors import EndpointFailedError, NotDeclared
from gonogo.fixtures.drills import Drilled
from gonogo.plugin import check, expect_flawless


@check("drills.rollback.noticed", severity="critical", covers=["G1"], permission="disruptive")
def test_rollback_noticed(rollback_drill: Drilled) -> None:
    """A trigger notices the bad version in time, and it is the one that was expected."""
    seen, wanted = rollback_drill.report["noticed_by"], rollback_drill.declared.trigger
    if not seen:
        rollback_drill.expect_performed()
    assert seen, "no trigger noticed it"
    assert not wanted or seen == wanted, f"noticed by {seen}, expected {wanted}: {rollback_drill.report['noticed_why']}"


@check("drills.rollback.recovers", severity="critical", covers=["G1"], permission="disruptive")
def test_rollback_recovers(rollback_drill: Drilled) -> None:
    """After the rollback the answers are as they were before, within the time that is allowed."""
    rollback_drill.expect_performed()
    assert rollback_drill.report["recovered"], "the answers are not as they were before"
    taken_s, allowed_s = rollback_drill.found["recovery_s"], rollback_drill.declared.max_seconds
    assert taken_s <= allowed_s, f"it took {taken_s:g} s, allowed are {allowed_s:g} s"


@check("drills.rollback.revision", severity="critical", covers=["G2"], permission="disruptive")
def test_rollback_revision(rollback_drill: Drilled) -> None:
    """The rollback goes to the last version that the registry calls good, with everything that it needs."""
    chosen = rollback_drill.found.get("chosen")
    if chosen is None:
        rollback_drill.expect_performed()
        raise EndpointFailedError("no version was chosen")
    assert chosen["told"], f"there is nowhere to go back to: {'; '.join(chosen['flaws'])}"
    expect_flawless(chosen["flaws"])


@check("drills.rollback.second", severity="critical", covers=["G2"], permission="disruptive")
def test_rollback_second(rollback_drill: Drilled) -> None:
    """A second undo leads to a good version or nowhere, never back to the bad one."""
    second = rollback_drill.found.get("second_undo")
    if second is None:
        rollback_drill.expect_performed()
        raise EndpointFailedError("nobody looked")
    if not second["is_known"]:
        raise NotDeclared("files do not tell of which version they are")
    assert not second["is_bad"], f"a second undo leads to {second['told']}, which is the bad version"


@check("drills.rollback.registry", severity="major", covers=["G1"], permission="disruptive")
def test_rollback_registry(rollback_drill: Drilled) -> None:
    """After the rollback the registry says what happened, and is still honest."""
    rollback_drill.expect_performed()
    if "registry" not in rollback_drill.found:
        raise NotDeclared("the drill names no release in a registry")
    expect_flawless(rollback_drill.found["registry"])


@check("drills.rollout.lossless", severity="critical", covers=["G3"], permission="disruptive")
def test_rollout_lossless(rollout_drill: Drilled) -> None:
    """While the pods are replaced, forth and back, no request is lost."""
    rollout_drill.expect_performed()
    lost, asked = rollout_drill.report["lost"], rollout_drill.report["requests"]
    assert not lost, f"{lost} of {asked} requests were lost: {'; '.join(rollout_drill.report['failures'])}"


@check("drills.rollout.in_time", severity="major", covers=["G3"], permission="disruptive")
def test_rollout_in_time(rollout_drill: Drilled) -> None:
    """Rollout and rollback each end within the time that is allowed."""
    rollout_drill.expect_performed()
    taken_s = max(rollout_drill.found["rollout_s"], rollout_drill.found["undo_s"])
    assert taken_s <= rollout_drill.declared.max_seconds, f"the slower of the two took {taken_s:g} s"


@check("drills.config_rollback.recovers", severity="critical", covers=["G6"], permission="disruptive", smoke=True)
def test_config_rollback_recovers(config_rollback_drill: Drilled) -> None:
    """A bad configuration is noticed, rolled back from the backup byte for byte, and traffic recovers in time."""
    config_rollback_drill.expect_performed()
    report, found = config_rollback_drill.report, config_rollback_drill.found
    in_time = report["outage_s"] <= config_rollback_drill.declared.max_seconds
    facts = (bool(report["noticed_by"]), report["recovered"], found["restored_exactly"], in_time)
    assert facts == (True, True, True, True), f"noticed, recovered, restored exactly, in time: {facts}"
