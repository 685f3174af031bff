"""After a promotion: do the figures of Prometheus stay within their bands?"""

from gonogo.fixtures.watch import WatchRecord
from gonogo.plugin import check, settle
from gonogo.rules.rounds import decide_figure
from gonogo.targets.monitoring import WindowObjective


@check("monitoring.watch.objectives", severity="critical", covers=["P4", "M3"], watch=True)
def test_watch_objectives(window_objective: WindowObjective, watch_record: WatchRecord) -> None:
    """For a day or two after the promotion, a figure of Prometheus stays within its band."""
    objective, rounds = window_objective, watch_record.rounds
    settle(decide_figure(rounds, objective.name, objective.band, watch_record.expected, is_notice=objective.is_notice))
