"""Is a bad configuration noticed and rolled back in time?"""

from gonogo.drills.config_rollback import DrillReport
from gonogo.plugin import check
from gonogo.targets.model import Target


@check("drills.config_rollback.recovers", severity="critical", covers=["G6"], permission="disruptive", smoke=True)
def test_config_rollback_recovers(config_rollback: DrillReport, target: Target) -> None:
    """A bad configuration is noticed, rolled back from the backup byte for byte, and traffic recovers in time."""
    assert target.config_rollback is not None
    in_time = config_rollback.outage_s <= target.config_rollback.max_seconds
    facts = (bool(config_rollback.noticed_by), config_rollback.recovered, config_rollback.restored_exactly, in_time)
    assert facts == (True, True, True, True), f"noticed, recovered, restored exactly, in time: {facts}"
