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


@check("load.speed.holds", severity="major", covers=["L2"], exclusive=True)
def test_speed_holds(load_record: LoadRecord, speed_objective: LoadObjective, target: Target) -> None:
    """Streams go on fast enough after their first token: tokens a second of each stream, not of all together."""
    settle(decide_objective(load_record, speed_objective, _family(target)))


@check("load.goodput.holds", severity="critical", covers=["L2"], exclusive=True)
def test_goodput_holds(load_record: LoadRecord, goodput_objective: LoadObjective, target: Target) -> None:
    """Enough of all requests are answered within all limits at once."""
    settle(decide_objective(load_record, goodput_objective, _family(target)))


@check("load.throughput.holds", severity="major", covers=["L2"], exclusive=True)
def test_throughput_holds(load_record: LoadRecord, throughput_objective: LoadObjective, target: Target) -> None:
    """Good answers, or tokens, a second over the whole run hold their objective."""
    settle(decide_objective(load_record, throughput_objective, _family(target)))


@check("load.cost.holds", severity="major", covers=["L4"], exclusive=True)
def test_cost_holds(load_record: LoadRecord, cost_objective: LoadObjective, target: Target) -> None:
    """A thousand good answers cost no more than they may, by the prices and the gateway's count of tokens."""
    settle(decide_objective(load_record, cost_objective, _family(target)))


@check("load.cold_start.holds", severity="major", covers=["L2"], exclusive=True)
def test_cold_start_holds(load_record: LoadRecord, cold_start_objective: LoadObjective, target: Target) -> None:
    """The run's first request gets its first token in time; whether anything was cold is up to what came before it."""
    settle(decide_objective(load_record, cold_start_objective, _family(target)))
