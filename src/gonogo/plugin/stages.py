"""Stages: which checks a run is made of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.model import SUITES, CheckInfo, Permission

if TYPE_CHECKING:  # pytest reads the stages in every run, for its options
    from gonogo.targets.model import Target

OF_ALL_ANSWERS = "security.answers.no_secret"
"""The check of the answers that all the other checks of the run got."""
_LIVE_SUITES = frozenset(SUITES) - {"artifacts", "config", "drills"}
_READ_ONLY = frozenset({Permission.STATIC, Permission.LIVE})


@dataclass(frozen=True)
class Stage:
    """A selection of checks."""

    name: str
    help: str
    suites: frozenset[str]
    permissions: frozenset[Permission]
    smoke_only: bool = False
    decides: bool = False
    """Its verdict is about a change, which a run on production must name."""
    within_s: float | None = None
    """No request is sent after so many seconds, and none is waited for."""
    also: frozenset[str] = frozenset()
    """Checks that belong to it beside those of its suites."""
    looks_only: bool = False
    """Nothing is asked of the deployment that leaves more behind than a line in a log."""
    watches: bool = False
    """It takes a day or two, and holds no lock but while it looks; it has checks of its own."""
    prompts: int | None = None
    """So many prompts of the conversation sets at most: too few for rates."""

    def selects(self, info: CheckInfo) -> bool:
        """Whether a check belongs to this stage."""
        if info.check_id in self.also:
            return True
        fits = info.suite in self.suites and info.permission in self.permissions and info.watch is self.watches
        return fits and (info.smoke or not self.smoke_only)

    def required_suites(self, target: "Target", permitted: frozenset[Permission]) -> frozenset[str]:
        """The suites that must run a check, or the verdict is HOLD.

        Drills are only required where disruption is permitted: without the permission they cannot run, and are
        reported as not verified.
        """
        required = self.suites & target.declared_suites()
        if Permission.DISRUPTIVE not in permitted:
            required -= {"drills"}
        if self.watches and not (target.monitoring.prometheus and target.monitoring.prometheus.objectives):
            required -= {"monitoring"}
        return required | frozenset(target.required)


STAGES = {
    stage.name: stage
    for stage in (
        Stage("smoke", "a subset of each live suite, at most a minute", _LIVE_SUITES, _READ_ONLY, smoke_only=True),
        Stage("ci", "everything that reads only: files and live traffic", frozenset(SUITES) - {"drills"}, _READ_ONLY),
        Stage("gate", "everything that the target permits", frozenset(SUITES), frozenset(Permission), decides=True),
        Stage(
            "drill",
            "the drills",
            frozenset({"drills"}),
            frozenset(Permission),
            decides=True,
            also=frozenset({OF_ALL_ANSWERS}),
        ),
        Stage(
            "oncall",
            "a read-only summary of one page (oncall.md) within 15 s",
            frozenset({"contract", "routing", "output", "monitoring", "cluster", "agent", "drills"}),
            _READ_ONLY,
            smoke_only=True,
            within_s=13.0,  # the rest is for collecting, judging and writing
            also=frozenset({"drills.history.due", OF_ALL_ANSWERS}),
            looks_only=True,
            prompts=8,
        ),
        Stage(
            "watch",
            "the bands for a day or two after a promotion; ended in the middle, the same command goes on",
            frozenset({"output", "monitoring"}),
            _READ_ONLY,
            also=frozenset({OF_ALL_ANSWERS}),
            looks_only=True,
            watches=True,
            decides=True,
        ),
    )
}
DEMO = Stage("smoke", "the embedded deployment", frozenset(SUITES), frozenset(Permission), smoke_only=True)
"""Without --target: the smoke stage with a subset of every suite, one drill and a short load."""
