"""Were the drills done lately?"""

from gonogo.errors import Unsupported
from gonogo.fixtures.drills import Due
from gonogo.plugin import check


@check("drills.history.due", severity="minor", covers=["G9"])
def test_history_due(due_drill: Due) -> None:
    """The drill was done with success within the time after which it is due."""
    if due_drill.last is None:
        raise Unsupported(f"{due_drill.name} was never done with success from this machine: run --stage drill")
    told = f"{due_drill.last:%Y-%m-%d}, {due_drill.age_days:.0f} days ago"
    assert due_drill.age_days <= due_drill.due_days, f"last done on {told}: due every {due_drill.due_days:g} days"
