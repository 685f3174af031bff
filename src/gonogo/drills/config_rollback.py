"""Drill G6: a configuration that cannot be read is deployed, noticed, and rolled back from the backup."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gonogo.drills.timeline import Timeline, Traffic
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults.actors import ServiceActor, restart
from gonogo.faults.injection import Injector
from gonogo.targets.binding import file_digest
from gonogo.targets.model import ConfigRollback

_BAD_TAIL = b"\n]broken: [\n"
"""Not readable as YAML, JSON, TOML or INI."""
_POLL_S = 0.2
_NOTICE_LIMIT_S = 60.0


@dataclass(frozen=True)
class DrillReport:
    """What a drill found; times in seconds."""

    noticed_by: str
    """The trigger; empty if nobody noticed the bad configuration."""
    notice_s: float
    """From the deployment to the trigger."""
    recovered: bool
    outage_s: float
    """Recovery time as the traffic saw it: from the first failed question to the first good one after the last."""
    requests: int
    lost: int
    restored_exactly: bool
    """The file equals the backup byte for byte."""
    timeline: list[dict[str, Any]]


def run_config_rollback(
    drill: ConfigRollback, actor: ServiceActor, injector: Injector, ask: Callable[[], bool]
) -> DrillReport:
    """Run the drill; whatever happens, the file is put back and the service runs again.

    Args:
        drill: what to break and where its backup is.
        actor: what can restart the service.
        injector: journals every change.
        ask: a real question to the service; true if it was answered well.

    Raises:
        EndpointFailedError: there is no backup, or the clean-up could not be verified.
        InconclusiveError: the deployment is not in a steady state to begin with.
    """
    if not drill.backup.is_file():
        raise EndpointFailedError(f"there is no backup at {drill.backup}: nothing to roll back to, nothing was changed")
    if not ask():
        raise InconclusiveError(f"{drill.service} does not answer well before the drill: nothing was changed")
    timeline = Timeline()
    timeline.note("steady state: a real question is answered")
    original = file_digest(drill.file)
    kept = (injector.keep_file(drill.file), injector.keep_service(drill.service))
    settled = False
    try:
        with Traffic(ask, timeline) as traffic:
            noticed_by, notice_s = _deploy_bad(drill, actor, injector, ask, timeline)
            recovered = _roll_back(drill, actor, injector, ask, timeline)
            restored_exactly = file_digest(drill.file) == file_digest(drill.backup)
            time.sleep(2 * _POLL_S)  # the traffic sees the recovery too
        settled = recovered and file_digest(drill.file) == original
    finally:
        if settled:
            for entry in kept:
                injector.forget(entry)
        else:
            injector.undo_all(kept)
    return DrillReport(
        noticed_by=noticed_by,
        notice_s=notice_s,
        recovered=recovered,
        outage_s=round(traffic.outage_s(), 2),
        requests=len(traffic.answers),
        lost=traffic.lost(),
        restored_exactly=restored_exactly,
        timeline=timeline.as_json(),
    )


def _deploy_bad(
    drill: ConfigRollback, actor: ServiceActor, injector: Injector, ask: Callable[[], bool], timeline: Timeline
) -> tuple[str, float]:
    """Deploy the bad configuration and wait for a trigger; which one, and after how many seconds."""
    with drill.file.open("ab") as file:
        file.write(_BAD_TAIL)
    deployed_s = timeline.now_s()
    restart(actor, drill.service)
    timeline.note(f"bad configuration deployed, {drill.service} restarted")
    noticed_by = _await_trigger(drill, actor, injector, ask)
    timeline.note(f"noticed: {noticed_by}" if noticed_by else "not noticed")
    return noticed_by, round(timeline.now_s() - deployed_s, 2)


def _await_trigger(drill: ConfigRollback, actor: ServiceActor, injector: Injector, ask: Callable[[], bool]) -> str:
    pid = actor.state(drill.service).pid
    deadline = time.monotonic() + _NOTICE_LIMIT_S
    while time.monotonic() < deadline:
        state = actor.state(drill.service)
        if not state.running:
            return f"{drill.service} does not run"
        if state.pid != pid:
            return f"{drill.service} crashes and is restarted"
        if injector.healthy():
            return "" if ask() else "the health probe is green, but a real question fails"
        time.sleep(_POLL_S)
    return f"the health probe fails for {_NOTICE_LIMIT_S:g} s"


def _roll_back(
    drill: ConfigRollback, actor: ServiceActor, injector: Injector, ask: Callable[[], bool], timeline: Timeline
) -> bool:
    """Put the backup in place, restart, and wait until real questions are answered again."""
    shutil.copyfile(drill.backup, drill.file)
    restart(actor, drill.service)
    timeline.note(f"backup restored, {drill.service} restarted")
    deadline = time.monotonic() + drill.max_seconds
    while time.monotonic() < deadline:
        if injector.healthy() and ask():
            timeline.note("recovered: a real question is answered")
            return True
        time.sleep(_POLL_S)
    timeline.note("not recovered")
    return False
