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
from load.crew import Master, Worker
from load.orders import announce, read_order, say
from load.page import show
from load.runs import Alone, Run

_runs: dict[Environment, Run | Worker] = {}


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
    if isinstance(environment.runner, WorkerRunner):
        _runs[environment] = Worker(order, environment)
        return
    kind = Master if isinstance(environment.runner, MasterRunner) else Alone
    run: Run = kind(order, environment)
    _runs[environment] = run
    announce(order)
    show(environment, lambda: run.conclusion.so_far() if run.conclusion is not None else ())


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_: object) -> None:
    """Play, beside whatever Locust does."""
    run = _runs[environment]
    if isinstance(run, Run):
        gevent.spawn(_play, run, environment)


def _play(run: Run, environment: Environment) -> None:
    assert environment.runner is not None
    try:
        run.play()
    finally:  # whatever went wrong, Locust must not wait for it
        if environment.web_ui is None:
            environment.runner.quit()
        else:  # the page stays, to be looked at or to start again
            environment.runner.stop()


@events.quitting.add_listener  # type: ignore[untyped-decorator]
@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def stop(environment: Environment, **_: object) -> None:
    """Ctrl-C (quitting) and the page's button (test_stop): keep what was measured."""
    run = _runs.get(environment)
    if isinstance(run, Run):
        run.interrupt()
