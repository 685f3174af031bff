"""Each judgement of the drills' checks, on reports as the drills write them: one thing is otherwise at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gonogo.drills.engine import DrillReport
from gonogo.errors import EndpointFailedError, InconclusiveError, NotDeclared
from gonogo.fixtures.drills import Drilled
from gonogo.suites.drills import test_incidents as incidents
from gonogo.suites.drills import test_rollbacks as rollbacks
from gonogo.suites.drills import test_shifts as shifts
from gonogo.targets.drills import (
    Autoscaling,
    BlueGreen,
    Canary,
    Change,
    ConfigRollback,
    Kill,
    Playbook,
    Released,
    Restore,
    Rollback,
    Rollout,
    Start,
)

Check = Callable[[Drilled], None]
REPORT = DrillReport(
    name="the drill", row="G0", began="2026-11-22T12:00:00+00:00", took_s=20.0, steady_ms=5.0,
    noticed_by="errors", noticed_why="7 of 10 requests failed", notice_s=1.0, recovered=True, well_after=True,
    outage_s=2.0, requests=100, lost=0, failures=[], failed_step="", failed_as="", clean_up="", differences=[],
    unseen="", found={}, timeline=[], samples=[],
)  # fmt: skip
"""What every drill tells, where all is well."""
CHATBOT = Released("deployment/chatbot", "chatbot")


def drilled(declared: object, found: Mapping[str, Any], **report: object) -> Drilled:
    """A drill whose report holds this."""
    return Drilled(declared, {**REPORT.as_json(), **report, "found": dict(found)})


ROLLBACK = drilled(
    Rollback("bad", CHATBOT, Change(image="bad"), max_seconds=60, trigger="errors"),
    {"recovery_s": 20.0, "rollback_s": 9.0, "registry": [],
     "chosen": {"told": "1.4.2", "flaws": []}, "second_undo": {"is_known": True, "is_bad": False, "told": "1.4.1"}},
)  # fmt: skip
ROLLOUT = drilled(Rollout("new", CHATBOT, Change(image="new"), max_seconds=60), {"rollout_s": 8.0, "undo_s": 9.0})
CONFIG_ROLLBACK = drilled(
    ConfigRollback("gateway", Path("live.yaml"), Path("backup.yaml"), "http://127.0.0.1:9", 60.0),
    {"restored_exactly": True, "recovery_s": 5.0},
)
SLICES = [{"percent": percent, "requests": 100, "new": percent} for percent in (10, 100)]
GOOD_CANARY = drilled(
    Canary("good", "slice", percents=(10.0, 100.0)),
    {"aborted_at": None, "old_too": "", "reached": 100.0, "versions_before": ["1"], "slices": SLICES},
)
BAD_CANARY = drilled(
    Canary("bad", "slice", percents=(10.0, 100.0), is_bad=True),
    {"aborted_at": 10.0, "old_too": "", "reached": 10.0, "versions_before": ["1"], "slices": SLICES[:1]},
)
BLUE_GREEN = drilled(
    BlueGreen("colours", "chatbot", "colour", ("blue", "green")), {"switch_s": 1.0, "switch_back_s": 1.0}
)
AUTOSCALING = drilled(
    Autoscaling("load", "chatbot"),
    {
        "up_s": 20.0,
        "down_s": 60.0,
        "replicas": [1, 2, 3, 1],
        "least": 1,
        "most": 3,
        "asked": 500,
        "failed": 60,
        "unsent": 50,
    },
)
KILL = drilled(
    Kill("router", "router", recovery_s=10.0, may_lose=2, alert="RouterDown", alert_within_s=30.0),
    {"recovery_s": 3.0, "restarted_s": 1.0, "alert_unseen": "", "alert_fired_s": 12.0, "alert_cleared_s": 4.0},
)
START = drilled(Start("chatbot", "chatbot", within_s=10.0), {"first_answer_s": 4.0})
PLAYBOOK = drilled(Playbook("spike", (), "errors", {"restart": "router"}), {"recovery_s": 4.0})
RESTORE = drilled(
    Restore("policies", Path("policies.tar"), max_seconds=60.0, max_age_s=3600.0),
    {"files": 3, "differing": [], "check": "", "age_s": 900.0, "data_loss_s": None, "recovery_s": 2.0},
)

WELL: list[tuple[Check, Drilled]] = [
    (incidents.test_kill_recovers, KILL),
    (incidents.test_kill_losses, KILL),
    (incidents.test_kill_alerts, KILL),
    (incidents.test_start_in_time, START),
    (incidents.test_playbook_alarm, PLAYBOOK),
    (incidents.test_playbook_ends, PLAYBOOK),
    (incidents.test_restore_works, RESTORE),
    (incidents.test_restore_in_time, RESTORE),
    (incidents.test_state_unchanged, KILL),
    (rollbacks.test_rollback_noticed, ROLLBACK),
    (rollbacks.test_rollback_recovers, ROLLBACK),
    (rollbacks.test_rollback_revision, ROLLBACK),
    (rollbacks.test_rollback_second, ROLLBACK),
    (rollbacks.test_rollback_registry, ROLLBACK),
    (rollbacks.test_rollout_lossless, ROLLOUT),
    (rollbacks.test_rollout_in_time, ROLLOUT),
    (rollbacks.test_config_rollback_recovers, CONFIG_ROLLBACK),
    (shifts.test_canary_decides, GOOD_CANARY),
    (shifts.test_canary_decides, BAD_CANARY),
    (shifts.test_blue_green_switches, BLUE_GREEN),
    (shifts.test_blue_green_lossless, BLUE_GREEN),
    (shifts.test_autoscaling_follows, AUTOSCALING),
    (shifts.test_autoscaling_bounds, AUTOSCALING),
]
"""Every check of a drill, and what it passes."""


@dataclass(frozen=True)
class Otherwise:
    """What is changed in a report, and what the check then says."""

    check: Check
    of: Drilled
    said: str
    report: Mapping[str, object]
    """What is otherwise; ``found.NAME`` is what only this kind of drill finds."""
    error: type[BaseException] = AssertionError

    @property
    def drilled(self) -> Drilled:
        """The drill with that changed."""
        found = {key.removeprefix("found."): value for key, value in self.report.items() if key.startswith("found.")}
        rest = {key: value for key, value in self.report.items() if not key.startswith("found.")}
        merged = {**self.of.report, **rest, "found": {**self.of.found, **found}}
        return replace(self.of, report=merged)


def flawed_slice(new: int) -> list[dict[str, int]]:
    """Slices whose last one was answered by the new version so often."""
    return [SLICES[0], {**SLICES[1], "new": new}]


NOT_WELL = [
    Otherwise(incidents.test_kill_recovers, KILL, "not as they were within 10 s", {"recovered": False}),
    Otherwise(incidents.test_kill_recovers, KILL, "it took 10.1 s, allowed are 10 s", {"found.recovery_s": 10.1}),
    Otherwise(incidents.test_kill_losses, KILL, "3 requests were lost, 2 may be: refused",
              {"lost": 3, "failures": ["refused"]}),
    Otherwise(incidents.test_kill_alerts, KILL, "does not fire", {"found.alert_fired_s": None}),
    Otherwise(incidents.test_kill_alerts, KILL, "fires after 31 s", {"found.alert_fired_s": 31.0}),
    Otherwise(incidents.test_kill_alerts, KILL, "still fires", {"found.alert_cleared_s": None}),
    Otherwise(incidents.test_kill_alerts, KILL, "Prometheus is away", {"found.alert_unseen": "Prometheus is away"},
              InconclusiveError),
    Otherwise(incidents.test_start_in_time, START, "no true answer", {"found.first_answer_s": None}),
    Otherwise(incidents.test_start_in_time, START, "after 11 s, wanted within 10 s", {"found.first_answer_s": 11.0}),
    Otherwise(incidents.test_playbook_alarm, PLAYBOOK, "noticed by latency, expected errors",
              {"noticed_by": "latency"}),
    Otherwise(incidents.test_playbook_alarm, PLAYBOOK, "noticed by nothing", {"noticed_by": ""}),
    Otherwise(incidents.test_playbook_ends, PLAYBOOK, "not as they were", {"recovered": False}),
    Otherwise(incidents.test_restore_works, RESTORE, "holds no file", {"found.files": 0}),
    Otherwise(incidents.test_restore_works, RESTORE, "a.json differs", {"found.differing": ["a.json differs"]}),
    Otherwise(incidents.test_restore_works, RESTORE, "exit code 1", {"found.check": "exit code 1"}),
    Otherwise(incidents.test_restore_in_time, RESTORE, "the restore is 61 s", {"found.recovery_s": 61.0}),
    Otherwise(incidents.test_restore_in_time, RESTORE, "data loss is 3601 s", {"found.age_s": 3601.0}),
    Otherwise(incidents.test_restore_in_time, RESTORE, "data loss is 4000 s", {"found.data_loss_s": 4000.0}),
    Otherwise(incidents.test_state_unchanged, KILL, "cannot be put back", {"clean_up": "cannot be put back"}),
    Otherwise(incidents.test_state_unchanged, KILL, "were not as they were", {"well_after": False}),
    Otherwise(incidents.test_state_unchanged, KILL, "replicas: 2, was 3", {"differences": ["replicas: 2, was 3"]}),
    Otherwise(incidents.test_state_unchanged, KILL, "not seen", {"unseen": "not seen"}, InconclusiveError),
    Otherwise(rollbacks.test_rollback_noticed, ROLLBACK, "no trigger", {"noticed_by": ""}),
    Otherwise(rollbacks.test_rollback_noticed, ROLLBACK, "noticed by latency, expected errors: it is slow",
              {"noticed_by": "latency", "noticed_why": "it is slow"}),
    Otherwise(rollbacks.test_rollback_recovers, ROLLBACK, "not as they were", {"recovered": False}),
    Otherwise(rollbacks.test_rollback_recovers, ROLLBACK, "it took 61 s, allowed are 60 s", {"found.recovery_s": 61.0}),
    Otherwise(rollbacks.test_rollback_revision, ROLLBACK, "no version was chosen", {"found.chosen": None}),
    Otherwise(rollbacks.test_rollback_revision, ROLLBACK, "nowhere to go back to: all are bad",
              {"found.chosen": {"told": "", "flaws": ["all are bad"]}}),
    Otherwise(rollbacks.test_rollback_revision, ROLLBACK, "its config map is gone",
              {"found.chosen": {"told": "1.4.2", "flaws": ["its config map is gone"]}}),
    Otherwise(rollbacks.test_rollback_second, ROLLBACK, "nobody looked", {"found.second_undo": None}),
    Otherwise(rollbacks.test_rollback_second, ROLLBACK, "do not tell of which version",
              {"found.second_undo": {"is_known": False, "is_bad": False, "told": ""}}, NotDeclared),
    Otherwise(rollbacks.test_rollback_second, ROLLBACK, "leads to 1.5.0, which is the bad version",
              {"found.second_undo": {"is_known": True, "is_bad": True, "told": "1.5.0"}}),
    Otherwise(rollbacks.test_rollback_registry, ROLLBACK, "not marked", {"found.registry": ["not marked"]}),
    Otherwise(rollbacks.test_rollout_lossless, ROLLOUT, "1 of 100 requests were lost: reset",
              {"lost": 1, "failures": ["reset"]}),
    Otherwise(rollbacks.test_rollout_in_time, ROLLOUT, "the slower of the two took 61 s", {"found.undo_s": 61.0}),
    Otherwise(rollbacks.test_rollout_in_time, ROLLOUT, "the slower of the two took 62 s", {"found.rollout_s": 62.0}),
    Otherwise(rollbacks.test_config_rollback_recovers, CONFIG_ROLLBACK, "(False, True, True, True)",
              {"noticed_by": ""}),
    Otherwise(rollbacks.test_config_rollback_recovers, CONFIG_ROLLBACK, "(True, False, True, True)",
              {"recovered": False}),
    Otherwise(rollbacks.test_config_rollback_recovers, CONFIG_ROLLBACK, "(True, True, False, True)",
              {"found.restored_exactly": False}),
    Otherwise(rollbacks.test_config_rollback_recovers, CONFIG_ROLLBACK, "(True, True, True, False)",
              {"outage_s": 61.0}),
    Otherwise(shifts.test_canary_decides, BAD_CANARY, "nothing aborted it", {"found.aborted_at": None}),
    Otherwise(shifts.test_canary_decides, BAD_CANARY, "at its last slice only", {"found.aborted_at": 100.0}),
    Otherwise(shifts.test_canary_decides, GOOD_CANARY, "the good version was aborted at 10 %",
              {"found.aborted_at": 10.0}),
    Otherwise(shifts.test_canary_decides, GOOD_CANARY, "of the old one 3 of the latest 40 requests failed",
              {"found.aborted_at": 10.0, "found.old_too": "3 of the latest 40 requests failed"}, InconclusiveError),
    Otherwise(shifts.test_canary_decides, BAD_CANARY, "not the new version's alone",
              {"found.old_too": "the median of the latest 40 is 900 ms"}, InconclusiveError),
    Otherwise(shifts.test_canary_decides, GOOD_CANARY, "nothing proves", {"found.versions_before": []},
              InconclusiveError),
    Otherwise(shifts.test_canary_decides, GOOD_CANARY, "answered 40 of 100 requests",
              {"found.slices": flawed_slice(40)}),
    Otherwise(shifts.test_blue_green_switches, BLUE_GREEN, "(None, 1.0)", {"found.switch_s": None}),
    Otherwise(shifts.test_blue_green_switches, BLUE_GREEN, "(1.0, None)", {"found.switch_back_s": None}),
    Otherwise(shifts.test_blue_green_lossless, BLUE_GREEN, "1 requests were lost", {"lost": 1}),
    Otherwise(shifts.test_autoscaling_follows, AUTOSCALING, "no replica was added", {"found.up_s": None}),
    Otherwise(shifts.test_autoscaling_follows, AUTOSCALING, "51 of 500 requests could not be sent",
              {"found.up_s": None, "found.unsent": 51}, InconclusiveError),
    Otherwise(shifts.test_autoscaling_follows, AUTOSCALING, "were not taken away", {"found.down_s": None}),
    Otherwise(shifts.test_autoscaling_bounds, AUTOSCALING, "there were [0, 4] replicas",
              {"found.replicas": [1, 0, 4, 3]}),
]  # fmt: skip
"""One judgement of a check each."""
UNTAKEN: Mapping[str, object] = {"noticed_by": "", "found.chosen": None, "found.second_undo": None}
"""What is not there where a drill ended at a step that could not be taken."""


def _named(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize(("check", "drill"), WELL, ids=_named)
def test_a_drill_that_went_well_passes(check: Check, drill: Drilled) -> None:
    check(drill)


@pytest.mark.parametrize("case", NOT_WELL, ids=lambda case: f"{case.check.__name__}: {case.said}")
def test_what_went_wrong_is_said(case: Otherwise) -> None:
    with pytest.raises(case.error) as raised:
        case.check(case.drilled)

    assert case.said in str(raised.value)


@pytest.mark.parametrize(("word", "error"), [("fail", EndpointFailedError), ("inconclusive", InconclusiveError)])
@pytest.mark.parametrize(
    ("check", "drill"), [(check, drill) for check, drill in WELL if check is not incidents.test_state_unchanged],
    ids=_named,
)  # fmt: skip
def test_a_step_that_could_not_be_taken_is_told(
    check: Check, drill: Drilled, word: str, error: type[Exception]
) -> None:
    ended = Otherwise(check, drill, "", {**UNTAKEN, "failed_step": "deploy: no right", "failed_as": word}).drilled

    with pytest.raises(error, match="deploy: no right"):
        check(ended)


@pytest.mark.parametrize("module", [incidents, rollbacks, shifts], ids=_named)
def test_every_check_of_a_drill_is_here(module: ModuleType) -> None:
    checks = {value for name, value in vars(module).items() if name.startswith("test_")}

    assert checks == {check for check, _ in WELL if check in checks}
    assert checks == {case.check for case in NOT_WELL if case.check in checks}
