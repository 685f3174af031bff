"""Does the gateway hold its objectives under load? One check an objective; all share one run."""

from collections.abc import Sequence

from gonogo.loadtest.baseline import decide_against
from gonogo.loadtest.decisions import FAMILY_LEVEL, decide_objective
from gonogo.loadtest.overhead import Pair, decide_overhead
from gonogo.loadtest.record import LoadRecord
from gonogo.objectives import Band
from gonogo.plugin import check, settle
from gonogo.targets.load import Load, LoadObjective


@check("load.latency.holds", severity="critical", covers=["L2"], smoke=True, exclusive=True)
def test_latency_holds(load_record: LoadRecord, latency_objective: LoadObjective, load: Load) -> None:
    """The latency of whole answers holds its objective."""
    settle(decide_objective(load_record, latency_objective, len(load.objectives)))


@check("load.ttft.holds", severity="critical", covers=["L2"], smoke=True, exclusive=True)
def test_ttft_holds(load_record: LoadRecord, ttft_objective: LoadObjective, load: Load) -> None:
    """The time to the first token holds its objective."""
    settle(decide_objective(load_record, ttft_objective, len(load.objectives)))


@check("load.gap.holds", severity="critical", covers=["L2"], smoke=True, exclusive=True)
def test_gap_holds(load_record: LoadRecord, gap_objective: LoadObjective, load: Load) -> None:
    """The pauses between the tokens of streams hold their objective: all pauses, not each stream's mean."""
    settle(decide_objective(load_record, gap_objective, len(load.objectives)))


@check("load.errors.holds", severity="critical", covers=["L2"], smoke=True, exclusive=True)
def test_errors_holds(load_record: LoadRecord, errors_objective: LoadObjective, load: Load) -> None:
    """The share of failed requests holds its objective."""
    settle(decide_objective(load_record, errors_objective, len(load.objectives)))


@check("load.speed.holds", severity="major", covers=["L2"], exclusive=True)
def test_speed_holds(load_record: LoadRecord, speed_objective: LoadObjective, load: Load) -> None:
    """Streams go on fast enough after their first token: tokens a second of each stream, not of all together."""
    settle(decide_objective(load_record, speed_objective, len(load.objectives)))


@check("load.goodput.holds", severity="critical", covers=["L2"], exclusive=True)
def test_goodput_holds(load_record: LoadRecord, goodput_objective: LoadObjective, load: Load) -> None:
    """Enough of all requests are answered within all limits at once."""
    settle(decide_objective(load_record, goodput_objective, len(load.objectives)))


@check("load.throughput.holds", severity="major", covers=["L2"], exclusive=True)
def test_throughput_holds(load_record: LoadRecord, throughput_objective: LoadObjective, load: Load) -> None:
    """Good answers, or tokens, a second over the whole run hold their objective."""
    settle(decide_objective(load_record, throughput_objective, len(load.objectives)))


@check("load.cost.holds", severity="major", covers=["L4"], exclusive=True)
def test_cost_holds(load_record: LoadRecord, cost_objective: LoadObjective, load: Load) -> None:
    """A thousand good answers cost no more than they may, by the prices and the gateway's count of tokens."""
    settle(decide_objective(load_record, cost_objective, len(load.objectives)))


@check("load.cold_start.holds", severity="major", covers=["L2"], exclusive=True)
def test_cold_start_holds(load_record: LoadRecord, cold_start_objective: LoadObjective, load: Load) -> None:
    """The run's first request gets its first token in time; whether anything was cold is up to what came before it."""
    settle(decide_objective(load_record, cold_start_objective, len(load.objectives)))


@check("load.capacity.holds", severity="major", covers=["L1"], exclusive=True)
def test_capacity_holds(load_record: LoadRecord, capacity_objective: LoadObjective, load: Load) -> None:
    """The highest rate at which the objectives hold, looked for and confirmed, is as high as it must be."""
    settle(decide_objective(load_record, capacity_objective, len(load.objectives)))


@check("load.baseline.holds", severity="critical", covers=["L3"], exclusive=True)
def test_baseline_holds(
    load_record: LoadRecord, baseline_ratio: LoadObjective, baseline_record: LoadRecord, load: Load
) -> None:
    """The run is not slower than the one that was kept, beyond the margin; runs that cannot be compared are not."""
    assert load.baseline is not None
    settle(decide_against(load_record, baseline_record, baseline_ratio, FAMILY_LEVEL / len(load.baseline.ratios)))


@check("load.gateway.overhead", severity="major", covers=["L2"], exclusive=True)
def test_gateway_overhead(overhead_pairs: tuple[Sequence[Pair], Band]) -> None:
    """The gateway adds no more to the time to the first token than it may: the same question through it and past it."""
    settle(decide_overhead(*overhead_pairs))
