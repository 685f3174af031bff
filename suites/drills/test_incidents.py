"""Does what is killed come back, does a playbook end its incident, does a backup work, and is all as it was?"""

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.fixtures.drills import Drilled
from gonogo.plugin import check, expect_flawless


@check("drills.kill.recovers", severity="critical", covers=["G7"], permission="disruptive")
def test_kill_recovers(kill_drill: Drilled) -> None:
    """What is killed comes back by itself in time, and the answers are as they were before."""
    kill_drill.expect_performed()
    taken_s, allowed_s = kill_drill.found["recovery_s"], kill_drill.declared.recovery_s
    assert kill_drill.report["recovered"], f"the answers are not as they were within {allowed_s:g} s"
    assert taken_s <= allowed_s, f"it took {taken_s:g} s, allowed are {allowed_s:g} s"


@check("drills.kill.losses", severity="major", covers=["G7", "G3"], permission="disruptive")
def test_kill_losses(kill_drill: Drilled) -> None:
    """While something is killed, no more requests are lost than may be."""
    kill_drill.expect_performed()
    lost, may = kill_drill.report["lost"], kill_drill.declared.may_lose
    assert may is None or lost <= may, (
        f"{lost} requests were lost, {may} may be: {'; '.join(kill_drill.report['failures'])}"
    )


@check("drills.kill.alerts", severity="major", covers=["G7"], permission="disruptive")
def test_kill_alerts(kill_drill: Drilled) -> None:
    """What is killed sets off its alert in time, and once all is well the alert is over."""
    declared, found = kill_drill.declared, kill_drill.found
    if not declared.alert:
        raise NotDeclared(f"the drill {declared.name} names no alert")
    kill_drill.expect_performed()
    if found["alert_unseen"]:
        raise InconclusiveError(found["alert_unseen"])
    fired_s = found["alert_fired_s"]
    assert fired_s is not None, f"{declared.alert} does not fire within {declared.alert_within_s:g} s"
    assert fired_s <= declared.alert_within_s, f"{declared.alert} fires after {fired_s:g} s"
    assert found["alert_cleared_s"] is not None, f"{declared.alert} still fires {declared.clear_within_s:g} s later"


@check("drills.start.in_time", severity="major", covers=["K10"], permission="disruptive")
def test_start_in_time(start_drill: Drilled) -> None:
    """After a start the first true answer comes within the budget."""
    start_drill.expect_performed()
    taken_s, within_s = start_drill.found["first_answer_s"], start_drill.declared.within_s
    assert taken_s is not None, f"no true answer came within {within_s:g} s, nor in a while after that"
    assert taken_s <= within_s, f"the first true answer came after {taken_s:g} s, wanted within {within_s:g} s"


@check("drills.playbook.alarm", severity="critical", covers=["G8"], permission="disruptive")
def test_playbook_alarm(playbook_drill: Drilled) -> None:
    """The incident sets off its alarm, and no other one before."""
    seen, wanted = playbook_drill.report["noticed_by"], playbook_drill.declared.trigger
    if not seen:
        playbook_drill.expect_performed()
    assert seen == wanted, f"noticed by {seen or 'nothing'}, expected {wanted}"


@check("drills.playbook.ends", severity="critical", covers=["G8"], permission="disruptive")
def test_playbook_ends(playbook_drill: Drilled) -> None:
    """The playbook's action ends the incident in time."""
    playbook_drill.expect_performed()
    assert playbook_drill.report["recovered"], "after the action the answers are not as they were before"


@check("drills.restore.works", severity="critical", covers=["G9"], permission="disruptive")
def test_restore_works(restore_drill: Drilled) -> None:
    """The backup can be restored into an empty place: nothing is missing or differs, and it works there."""
    restore_drill.expect_performed()
    found = restore_drill.found
    assert found["files"], "the backup holds no file"
    expect_flawless([*found["differing"], *filter(None, [found["check"]])])


@check("drills.restore.in_time", severity="major", covers=["G9"], permission="disruptive")
def test_restore_in_time(restore_drill: Drilled) -> None:
    """The restore ends within the recovery time objective, and no more data would be lost than may be."""
    restore_drill.expect_performed()
    found, declared = restore_drill.found, restore_drill.declared
    lost_s = found["data_loss_s"] if found["data_loss_s"] is not None else found["age_s"]
    taken = {"the restore": (found["recovery_s"], declared.max_seconds), "the data loss": (lost_s, declared.max_age_s)}
    expect_flawless(
        [f"{what} is {have:g} s, wanted at most {most:g}" for what, (have, most) in taken.items() if have > most]
    )


@check("drills.state.unchanged", severity="critical", covers=["G10"], permission="disruptive")
def test_state_unchanged(any_drill: Drilled) -> None:
    """After the drill everything is as it was before, and that was verified."""
    assert not any_drill.report["clean_up"], any_drill.report["clean_up"]
    if any_drill.report["unseen"]:
        raise InconclusiveError(any_drill.report["unseen"])
    assert any_drill.report["well_after"], "once everything was put back, the answers were not as they were before"
    expect_flawless(any_drill.report["differences"])
