"""What is to be run, as the environment says, and what is said of it before and after."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gonogo.documents import DocumentError, Problem
from gonogo.loadtest.capacity import Next
from gonogo.loadtest.decisions import decide_objective, needs
from gonogo.loadtest.profile import Profile, load_profile
from gonogo.loadtest.record import LoadRecord
from gonogo.model import Outcome
from gonogo.redaction import Redactor
from gonogo.targets.endpoints import Endpoint
from gonogo.targets.load import Load
from gonogo.targets.loader import load_target

_EXIT_CODES = {Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 6}


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

    def held_at(self, wanted: Next, number: int) -> "Order":
        """One of the trials of a search."""
        profile = self.profile.held_at(wanted.rate_per_s, wanted.seconds, number)
        return replace(self, profile=profile, trial=(wanted.rate_per_s, wanted.seconds, number))


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


def publish(order: Order, record: LoadRecord) -> int:
    """Write the record and say what was decided; the exit code."""
    outcomes = set()
    if record.ended:
        say(f"ended early: {record.ended}")
    for objective in order.load.objectives:
        decided = decide_objective(record, objective, len(order.load.objectives))
        outcomes.add(decided.outcome)
        say(f"{decided.outcome.upper():12} {decided.text}")
    try:
        record.write(order.record)
    except OSError as error:
        say(f"gonogo: the record could not be written to {order.record}: {error}")
        return _EXIT_CODES[Outcome.INCONCLUSIVE]
    return next((code for outcome, code in _EXIT_CODES.items() if outcome in outcomes), 0)


def new_run_id() -> str:
    """Unlike that of any other run."""
    return f"{time.time_ns():x}{os.getpid():x}"


def say(text: str) -> None:
    """A line for a person."""
    print(text, file=sys.stderr, flush=True)
