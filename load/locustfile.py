"""Locust's entry: ``GONOGO_TARGET=targets/staging.yaml locust -f load/locustfile.py --headless``.

Reads the target and its profile (or the one in ``GONOGO_LOAD_PROFILE``), plays the schedule, writes the record
(``GONOGO_LOAD_RECORD``, by default ``load-record.json``; with ``GONOGO_LOAD_ATTEMPTS`` a line of JSON for each attempt
as well), prints each objective's decision, and ends with the gate's exit code: 0 all hold, 1 one fails, 6 one could not
be decided.

By itself, with Locust's page, with ``--processes 4``, or with ``--master`` and ``--worker`` on several machines: the
schedule is shared, the decision is the same.
"""

import os
import sys

import gevent
from locust import User, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from gonogo.documents import DocumentError
from gonogo.load.calibrating import calibrate
from gonogo.load.crew import Master, Worker
from gonogo.load.orders import Order, announce, announce_own, read_order, say
from gonogo.load.page import show
from gonogo.load.parent import end_with
from gonogo.load.runs import Alone, Run
from gonogo.loadtest.calibration import Calibration
from gonogo.model import EXIT_HOLD

_runs: dict[Environment, Run | Worker] = {}
_orders: dict[Environment, tuple[Order, Calibration | None]] = {}
"""What is to be played; not a worker's."""
_resting: set[Environment] = set()
"""Where a run has ended, and Locust is being stopped for that."""


class OpenModelUser(User):
    """Locust's one user, who does nothing: the schedule, not the number of users, decides the load."""

    fixed_count = 1

    @task
    def wait_for_the_end(self) -> None:
        """The run goes on beside it."""
        gevent.sleep(3600)


@events.init.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: object) -> None:
    """Read the target before anything is sent; a bad one ends Locust with a clear line."""
    if "GONOGO_TARGET" not in os.environ:
        say("gonogo: set GONOGO_TARGET to a target file, for instance GONOGO_TARGET=targets/embedded.yaml")
        sys.exit(4)
    try:
        order = read_order(os.environ)
    except DocumentError as error:
        say(str(error))
        sys.exit(4)
    if of := os.environ.get("GONOGO_LOAD_OF"):
        gevent.spawn(end_with, int(of))
    environment.process_exit_code = EXIT_HOLD  # whatever ends Locust before the run has
    calibration = None if isinstance(environment.runner, MasterRunner) else calibrate()
    if isinstance(environment.runner, WorkerRunner):
        _runs[environment] = Worker(order, environment, calibration)
        return
    if not isinstance(environment.runner, MasterRunner):  # a master does when it knows its workers
        announce_own(order, calibration, 1)
    announce(order)
    _orders[environment] = order, calibration
    show(environment, lambda: run.conclusion.so_far() if (run := _run_in(environment)) and run.conclusion else ())


def _run_in(environment: Environment) -> Run | None:
    """The run that is played, or was played last."""
    run = _runs.get(environment)
    return run if isinstance(run, Run) else None


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_: object) -> None:
    """Play, beside whatever Locust does; on Locust's page, once for each start."""
    if environment not in _orders:  # a worker waits for its master
        return
    order, calibration = _orders[environment]
    is_master = isinstance(environment.runner, MasterRunner)
    run = Master(order, environment) if is_master else Alone(order, environment, calibration)
    _runs[environment] = run
    gevent.spawn(_play, run, environment)


def _play(run: Run, environment: Environment) -> None:
    assert environment.runner is not None
    try:
        run.play()
    finally:  # whatever went wrong, Locust must not wait for it
        if environment.web_ui is None:
            environment.runner.quit()
        elif _run_in(environment) is run:  # the page stays, to be looked at or to start again
            _resting.add(environment)
            try:
                environment.runner.stop()
            finally:
                _resting.discard(environment)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def leave(environment: Environment, **_: object) -> None:
    """Ctrl-C: keep what was measured."""
    if (run := _run_in(environment)) is not None:
        run.interrupt()


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def stop(environment: Environment, **_: object) -> None:
    """The page's button: keep what was measured.

    A run that has ended stops Locust as well, which takes a moment in which the next may be started on the page.
    """
    if environment in _resting:
        _resting.discard(environment)
    else:
        leave(environment)
