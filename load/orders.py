"""What is to be run, as the environment says, and what is said of it before and after."""

import math
import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from gonogo.documents import DocumentError, Problem
from gonogo.errors import InconclusiveError
from gonogo.loadtest.baseline import decide_against, read_baseline
from gonogo.loadtest.calibration import Calibration
from gonogo.loadtest.capacity import Next
from gonogo.loadtest.decisions import FAMILY_LEVEL, decide_objective, needs
from gonogo.loadtest.profile import Profile, load_profile
from gonogo.loadtest.record import GeneratorLimits, LoadRecord
from gonogo.loadtest.spending import Spent
from gonogo.loadtest.tally import asked_of
from gonogo.model import EXIT_HOLD, EXIT_NO_GO, Outcome
from gonogo.objectives import Decided
from gonogo.redaction import Redactor
from gonogo.targets.endpoints import Endpoint
from gonogo.targets.load import Baseline, Load
from gonogo.targets.loader import load_target
from gonogo.targets.model import Budget


@dataclass(frozen=True)
class Order:
    """What is to be run, and where what it finds is to be written."""

    load: Load
    profile: Profile
    gateway: Endpoint
    redactor: Redactor
    record: Path
    attempts: Path | None
    """Where a line for each attempt is wanted."""
    trial: tuple[float, float, int] | None = None
    """Of a trial: its rate, its seconds, its number."""
    budget: Budget = field(default_factory=Budget)
    spent: Spent = field(default_factory=Spent)
    """By earlier trials."""

    def held_at(self, wanted: Next, number: int, spent: Spent | None = None) -> "Order":
        """One of the trials of a search; what the earlier ones have spent counts as well."""
        profile = self.profile.held_at(wanted.rate_per_s, wanted.seconds, number)
        trial = (wanted.rate_per_s, wanted.seconds, number)
        return replace(self, profile=profile, trial=trial, spent=spent or self.spent)

    @property
    def digest(self) -> str:
        """Of what is asked and judged: all workers of a run must have the same."""
        return f"{asked_of(self.profile, self.load)} {self.gateway.url} {self.load.objectives} {self.load.prices}"


def read_order(environment: Mapping[str, str]) -> Order:
    """From the environment's variables.

    Raises:
        DocumentError: the target or the profile is not valid, or the target declares no load.
    """
    file = Path(environment["GONOGO_TARGET"])
    target = load_target(file, datetime.now(UTC).date())
    if target.load is None or target.gateway is None:
        raise DocumentError([Problem(str(file), 1, 1, "load", "the target declares no load")])
    attempts = environment.get("GONOGO_LOAD_ATTEMPTS")
    return Order(
        load=target.load,
        profile=load_profile(Path(environment.get("GONOGO_LOAD_PROFILE") or target.load.profile)),
        gateway=target.gateway,
        redactor=Redactor(secret.value for secret in target.secrets),
        record=Path(environment.get("GONOGO_LOAD_RECORD", "load-record.json")),
        attempts=Path(attempts) if attempts else None,
        budget=target.budget,
    )


def announce(order: Order) -> None:
    """Say before the run how many attempts its objectives need."""
    if order.profile.search is not None:
        highest, seconds = order.profile.search.to_rate_per_s, order.profile.seconds
        say(f"looking for the breaking point up to {highest:g} requests a second: {seconds:.0f} s at most")
        return
    for objective in order.load.objectives:
        needed = needs(objective, len(order.load.objectives))
        if not needed:
            continue
        word = "supported" if order.profile.expected >= needed else "unsupported"
        say(f"{objective.name}: needs about {needed} attempts, the profile has about {order.profile.expected}: {word}")


def announce_own(order: Order, calibration: Calibration | None, workers: int) -> None:
    """Say before the run what the generator itself adds, and whether it can do what it is asked."""
    if calibration is None:
        say("the generator could not be calibrated: its own echo did not answer")
        return
    say(str(calibration))
    rate, most = order.profile.highest_rate_per_s / workers, GeneratorLimits.max_cpu_share
    share = calibration.core_share(rate, order.profile.mean_tokens)
    told = f"{rate:.4g} requests a second for each of {workers} workers take about {share:.0%} of a core"
    if share > most:
        told += f", more than {most:.0%}: the run will not be valid with fewer than {math.ceil(share * workers / most)}"
    say(told)


def decide_all(load: Load, record: LoadRecord) -> Sequence[tuple[str, Decided]]:
    """Each objective by its name, and what is decided: the same as in the suite."""
    return [(o.name, decide_objective(record, o, len(load.objectives))) for o in load.objectives]


def _decide_baseline(baseline: Baseline, record: LoadRecord) -> Sequence[Decided]:
    """Each ratio to the baseline: the same as in the suite."""
    try:
        kept = read_baseline(baseline)
    except InconclusiveError as error:
        return [Decided(Outcome.INCONCLUSIVE, str(error))]
    level = FAMILY_LEVEL / len(baseline.ratios)
    return [decide_against(record, kept, ratio, level) for ratio in baseline.ratios]


def publish(order: Order, record: LoadRecord) -> int:
    """Write the record and say what was decided; the exit code."""
    if record.ended:
        say(f"ended early: {record.ended}")
    load = order.load
    decided = [found for _, found in decide_all(load, record)]
    if load.baseline is not None:
        decided += _decide_baseline(load.baseline, record)
    for found in decided:
        say(f"{found.outcome.upper():12} {found.text}")
    try:
        record.write(order.record)
    except OSError as error:
        say(f"gonogo: the record could not be written to {order.record}: {error}")
        return EXIT_HOLD
    return _exit_code({found.outcome for found in decided})


def _exit_code(outcomes: Collection[Outcome]) -> int:
    """As the gate's: what fails is a no-go; what is undecided, or a run that judged nothing at all, is none."""
    if Outcome.FAIL in outcomes:
        return EXIT_NO_GO
    return EXIT_HOLD if Outcome.INCONCLUSIVE in outcomes or not {Outcome.PASS, Outcome.WARN} & set(outcomes) else 0


def new_run_id() -> str:
    """Unlike that of any other run."""
    return f"{time.time_ns():x}{os.getpid():x}"


def say(text: str) -> None:
    """A line for a person."""
    print(text, file=sys.stderr, flush=True)
