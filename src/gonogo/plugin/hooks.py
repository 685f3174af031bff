"""The pytest hooks, and nothing else: each is a few lines that call the module which knows how."""

import gc
from collections.abc import Generator
from contextlib import ExitStack

import pytest

from gonogo.errors import InconclusiveError, NotPermitted
from gonogo.model import SUITES, Permission
from gonogo.plugin import hookspecs
from gonogo.plugin.catalog import write_catalog
from gonogo.plugin.checks import info_of, marker_lines
from gonogo.plugin.controller import Controller
from gonogo.plugin.explain import explain
from gonogo.plugin.gate import (
    Gate,
    gate_of,
    is_worker,
    lists_checks,
    reports_written,
    set_gate,
    wants_gate,
    worker_gate,
)
from gonogo.plugin.gather import write_selected
from gonogo.plugin.instances import parametrize
from gonogo.plugin.locks import target_lock
from gonogo.plugin.options import expect_gate
from gonogo.plugin.outcomes import attach, phase_of
from gonogo.plugin.places import expect_collected
from gonogo.plugin.selection import (
    expect_distinct,
    expect_named_checks,
    expect_own_fixtures,
    left_out,
    named,
    note_collected,
    note_usage_error,
)
from gonogo.plugin.verify import verify


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the gate's own hooks known."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Handle the calls that run no check."""
    if config.option.verify:
        return verify(config)
    if config.option.catalog or config.option.explain:
        config.option.collectonly = True
        config.option.verbose = -2  # the file is the answer, not the tree of functions
    if not is_worker(config):
        expect_collected(config)
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Open the gate if this run judges a deployment."""
    for line in marker_lines():
        config.addinivalue_line("markers", line)
    if is_worker(config):
        raw = config.workerinput.get("gonogo")  # type: ignore[attr-defined]
        if raw is not None:
            set_gate(config, worker_gate(config, raw))
    elif config.option.stage and not config.option.target:
        raise pytest.UsageError("--stage needs --target=FILE: the deployment to judge (without both: a DEMO run)")
    elif wants_gate(config) and not config.option.verify:
        config.pluginmanager.register(Controller(config), "gonogo-controller")
    else:
        expect_gate(config)
    if gate_of(config) is not None or config.option.target or lists_checks(config):
        config.pluginmanager.load_setuptools_entrypoints(FIXTURES)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a check on each instance that the target declares."""
    parametrize(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the stage's checks."""
    gate = gate_of(config)
    if gate is None:
        expect_distinct(items)
        return
    config.stash[_STAGED] = []  # pytest ends its collection after a usage error too
    try:
        staged = _staged(items, gate, config)
    except pytest.UsageError as error:
        if not is_worker(config):
            raise
        note_usage_error(gate.run_folder, str(error))  # xdist would show an internal error
        staged = []
    _keep_only(staged, items, config)


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_put_in_order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Cheap and gentle checks come first, whatever order another plugin made."""
    if gate_of(config) is not None:
        items.sort(key=_position)


def _staged(items: list[pytest.Item], gate: Gate, config: pytest.Config) -> list[pytest.Item]:
    """The checks that run.

    Raises:
        pytest.UsageError: two cannot be told apart, what ``--check`` or a waiver names is not there, or a team's
            fixture stands in for the gate's.
    """
    expect_distinct(items)
    expect_own_fixtures(items)
    with reports_written(gate.run_folder):
        note_collected(gate.run_folder, items)
    if not left_out(gate.run_folder, gate.target.own_checks):
        expect_named_checks(items, gate.target)
    staged = [item for item in items if (info := info_of(item)) is None or gate.stage.selects(info)]
    config.stash[_STAGED] = staged  # before --check, -k and -m leave some out
    return named(staged, config.option.check) if config.option.check else staged


def _keep_only(kept: list[pytest.Item], items: list[pytest.Item], config: pytest.Config) -> None:
    selected = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = kept


def _position(item: pytest.Item) -> int:
    """Where an item's suite stands in the order of suites; ordinary tests come first."""
    info = info_of(item)
    return SUITES.index(info.suite) if info is not None else -1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which checks will run; or write the catalogue, and run nothing."""
    gate = gate_of(session.config)
    if gate is not None:
        staged = session.config.stash[_STAGED]
        with reports_written(gate.run_folder):
            write_selected(gate.run_folder, staged, session.items)
        gc.freeze()  # suites, fixtures and items stay to the end, at which pytest collects garbage several times
    if session.config.option.catalog:
        write_catalog(session.items, session.config.option.catalog, session.config.invocation_params.dir)
    if session.config.option.explain:
        print("\n".join(["", *explain(session.items, session.config.option.explain)]))
        session.items = []  # pytest would list them all


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Hold the target's lock while a check runs: shared, or alone for exclusive checks."""
    gate, info = gate_of(item.config), info_of(item)
    if gate is None or info is None or info.permission is Permission.STATIC or gate.stage.watches:
        return (yield)
    with ExitStack() as held:
        try:
            lock = target_lock(gate.state_folder, exclusive=info.exclusive, timeout_s=gate.lock_wait_s)
            held.enter_context(lock)
        except InconclusiveError as error:
            item.stash[_LOCK_ERROR] = error
        return (yield)


FIXTURES = "gonogo"
"""The group of entry points with the fixtures of the shipped suites; other packages may bring theirs."""
_STAGED = pytest.StashKey[list[pytest.Item]]()
_LOCK_ERROR = pytest.StashKey[InconclusiveError]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop a check that has no gate, no permission or no lock, before any of its fixtures is built."""
    info, gate = info_of(item), gate_of(item.config)
    if info is None:
        return
    if gate is None:
        raise pytest.UsageError("checks need --target=FILE when they are collected together with other tests")
    if info.permission not in gate.permissions:
        raise NotPermitted(f"needs the permission {info.permission}: add --allow-disruptive")
    if _LOCK_ERROR in item.stash:
        raise item.stash[_LOCK_ERROR]
    if info.permission is Permission.DISRUPTIVE and gate.lease is not None:
        gate.lease.hold(gate.lock_wait_s)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker renews the run's lease no more; the controlling process gives it back."""
    gate = gate_of(session.config)
    if gate is not None and gate.lease is not None:
        gate.lease.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach outcome and evidence."""
    report = yield
    info, gate = info_of(item), gate_of(item.config)
    if info is not None and gate is not None:
        attach(item, call, report, info, gate.redactor)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count checks by their outcome; their lines are written by `Progress`."""
    phase = phase_of(report)
    if phase is None:
        return None
    if report.when == "call" or phase["outcome"] != "pass":
        names = {"pass": "passed", "fail": "failed", "skip": "skipped", "warn": "warned"}
        return names.get(phase["outcome"], phase["outcome"]), "", ""
    return "", "", ""
