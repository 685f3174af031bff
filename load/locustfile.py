"""Locust's entry: ``GONOGO_TARGET=targets/staging.yaml locust -f load/locustfile.py --headless``.

Reads the target and its profile (or the one in ``GONOGO_LOAD_PROFILE``), plays the schedule, writes the record
(``GONOGO_LOAD_RECORD``, by default ``load-record.json``; with ``GONOGO_LOAD_ATTEMPTS`` a line of JSON for each attempt
as well), prints each objective's decision, and ends with the gate's exit code: 0 all hold, 1 one fails, 6 one could not
be decided.
"""

import datetime
import gc
import os
import sys
from pathlib import Path
from typing import TextIO

from locust import User, events, task
from locust.env import Environment
from locust.runners import LocalRunner

from gonogo.documents import DocumentError
from gonogo.loadtest.profile import load_profile
from gonogo.loadtest.record import decide_objective, needs
from gonogo.model import Outcome
from gonogo.redaction import Redactor
from gonogo.targets.loader import load_target
from load.recording import Recording
from load.users import Dispatcher
from load.wire import ChatClient

_EXIT_CODES = {Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 6}


class Run:
    """One load run, from the target file to the exit code."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        target = load_target(Path(os.environ["GONOGO_TARGET"]), datetime.datetime.now(datetime.UTC).date())
        if target.load is None or target.gateway is None:
            raise SystemExit(f"{target.file}: declares no load")
        self._objectives = target.load.objectives
        self._profile = load_profile(Path(os.environ.get("GONOGO_LOAD_PROFILE") or target.load.profile))
        self._file = Path(os.environ.get("GONOGO_LOAD_RECORD", "load-record.json"))
        self._log = _open(os.environ.get("GONOGO_LOAD_ATTEMPTS"))
        redactor = Redactor(s.value for s in target.secrets)
        self._recording = Recording(self._profile, self._objectives, redactor, self._log)
        key = target.gateway.key.value if target.gateway.key else None
        client = ChatClient(target.gateway.url, key, self._profile.timeout_s)
        self._dispatcher = Dispatcher(self._profile, target.load.model, client, self._recording, environment)

    def announce(self) -> None:
        """Say before the run how many attempts its objectives need."""
        expected = self._profile.expected
        for objective in self._objectives:
            needed = needs(objective, len(self._objectives))
            word = "supported" if expected >= needed else "unsupported"
            say(f"{objective.name}: needs about {needed} attempts, the profile has about {expected}: {word}")

    def play(self) -> None:
        """Play the schedule, then end Locust."""
        # what is there by now stays: a collection that walks through it would hold up whatever is due
        gc.collect()
        gc.freeze()
        self._dispatcher.play()
        self.finish()
        assert self._environment.runner is not None
        self._environment.runner.quit()

    def finish(self) -> None:
        """Write the record and set the exit code; also after Ctrl-C, with what there is."""
        if self._environment.process_exit_code is not None:
            return
        record = self._recording.record(self._dispatcher.intended, self._dispatcher.stopped_early)
        record.write(self._file)
        if self._log is not None:
            self._log.close()
        outcomes = set()
        for objective in self._objectives:
            decided = decide_objective(record, objective, len(self._objectives))
            outcomes.add(decided.outcome)
            say(f"{decided.outcome.upper():12} {decided.text}")
        self._environment.process_exit_code = next((c for o, c in _EXIT_CODES.items() if o in outcomes), 0)


def _open(name: str | None) -> TextIO | None:
    return Path(name).open("w", encoding="utf-8") if name else None


def say(text: str) -> None:
    """A line for a person."""
    print(text, file=sys.stderr, flush=True)


_runs: dict[Environment, Run] = {}


class OpenModelUser(User):
    """Locust's one user; the schedule, not the number of users, decides the load."""

    fixed_count = 1

    @task
    def play(self) -> None:
        """Play the whole schedule once."""
        _runs[self.environment].play()


@events.init.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: object) -> None:
    """Read the target before anything is sent; a bad one ends Locust with a clear line."""
    if not isinstance(environment.runner, LocalRunner):
        say("gonogo: distributed runs (--processes, --master, --worker) are not supported yet: run one process")
        sys.exit(2)
    if "GONOGO_TARGET" not in os.environ:
        say("gonogo: set GONOGO_TARGET to a target file, for instance GONOGO_TARGET=targets/embedded.yaml")
        sys.exit(4)
    try:
        run = _runs[environment] = Run(environment)
    except DocumentError as error:
        say(str(error))
        sys.exit(4)
    run.announce()


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def finish(environment: Environment, **_: object) -> None:
    """Ctrl-C and the like: keep what was measured."""
    _runs[environment].finish()
