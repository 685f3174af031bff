"""Does the gateway hold its objectives under load? One check an objective; all share one run."""

from gonogo.loadtest.decisions import decide_objective
from gonogo.loadtest.record import LoadRecord
from gonogo.plugin import check, settle
from gonogo.targets.load import Load, LoadObjective
from gonogo.targets.model import Target


def _family(target: Target) -> int:
    load: Load | None = target.load
    return len(load.objectives) if load else 1


@check("load.latency.holds", severity="critical", covers=["L2"], smoke=True, exclusive=True)
def test_latency_holds(load_record: LoadRecord, latency_objective: LoadObjective, target: Target) -> None:
    """The latency of whole answers holds its objective."""
    settle(decide_objective(load_record, latency_objective, _family(target)))


@check("load.ttft.holds", severity="critical", covers=["L2"], smoke=True, exclusive=True)
def test_ttft_holds(load_record: LoadRecord, ttft_objective: LoadObjective, target: Target) -> None:
    """The time to the first token holds its objective."""
    settle(decide_objective(load_record, ttft_objective, _family(target)))


@check("load.gap.holds", severity="critical", covers=["L2"], smoke=True, exclusive=True)
def test_gap_holds(load_record: LoadRecord, gap_objective: LoadObjective, target: Target) -> None:
    """The pauses between the tokens of streams hold their objective: all pauses, not each stream's mean."""
    settle(decide_objective(load_record, gap_objective, _family(target)))


@check("load.errors.holds", severity="critical", covers=["L2"], smoke=True, exclusive=True)
def test_errors_holds(load_record: LoadRecord, errors_objective: LoadObjective, target: Target) -> None:
    """The share of failed requests holds its objective."""
    settle(decide_objective(load_record, errors_objective, _family(target)))
