"""The pytest hooks, and nothing else: each is a few lines that call the module which knows how."""

import signal
from collections.abc import Generator
from contextlib import ExitStack
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest

from gonogo import __version__
from gonogo.documents import DocumentError, did_you_mean
from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError, NotPermitted
from gonogo.faults.catalogue import Fault, all_faults
from gonogo.model import SUITES, Permission, Verdict
from gonogo.plugin import hookspecs
from gonogo.plugin.catalog import write_catalog
from gonogo.plugin.checks import info_of, marker_lines
from gonogo.plugin.conclusion import conclude, exit_code, write_reports
from gonogo.plugin.gate import Gate, gate_of, is_worker, open_gate, set_gate, wants_gate, worker_gate, worker_input
from gonogo.plugin.gather import Gathering, write_selected
from gonogo.plugin.instances import parametrize
from gonogo.plugin.locks import target_lock
from gonogo.plugin.options import add_options, collect_suites_by_default, is_strict, join_path_options
from gonogo.plugin.outcomes import attach, phase_of
from gonogo.plugin.progress import Progress, silence_pytest
from gonogo.plugin.verify import verify
from gonogo.reporting import terminal


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the gate's options."""
    join_path_options()
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the gate's own hooks known."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Handle the calls that run no check."""
    if config.option.verify:
        return verify(config)
    if config.option.catalog:
        config.option.collectonly = True
        config.option.verbose = -2  # the file is the answer, not the tree of functions
    if config.option.target and not is_worker(config):
        collect_suites_by_default(config)
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a check on each instance that the target declares."""
    parametrize(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the stage's checks, cheap and gentle ones first."""
    gate = gate_of(config)
    if gate is None:
        return
    left_out = [item for item in items if (info := info_of(item)) and not gate.stage.selects(info)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
    items.sort(key=_position)


def _position(item: pytest.Item) -> int:
    """Where an item's suite stands in the order of suites; ordinary tests come first."""
    info = info_of(item)
    return SUITES.index(info.suite) if info is not None else -1


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which checks will run; or write the catalogue, and run nothing."""
    gate = gate_of(session.config)
    if gate is not None:
        write_selected(gate.run_folder, session.items)
    if session.config.option.catalog:
        write_catalog(session.items, session.config.option.catalog, session.config.invocation_params.dir)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Hold the target's lock while a check runs: shared, or alone for exclusive checks."""
    gate, info = gate_of(item.config), info_of(item)
    if gate is None or info is None or info.permission is Permission.STATIC:
        return (yield)
    with ExitStack() as held:
        try:
            lock = target_lock(gate.state_folder, exclusive=info.exclusive, timeout_s=gate.lock_timeout_s)
            held.enter_context(lock)
        except InconclusiveError as error:
            item.stash[_LOCK_ERROR] = error
        return (yield)


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


class Controller:
    """The hooks of the controlling process of a gate run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = datetime.now(UTC)
        self._undo = ExitStack()
        config.add_cleanup(self._undo.close)
        _make_sigterm_like_ctrl_c()
        self._gate = gate = _open(config)
        set_gate(config, gate)
        silence_pytest(config)
        self._gathering = Gathering(gate.run_folder)
        self._progress: Progress | None = None
        self._interrupted = ""
        self._verdict: Verdict | None = None
        self._files: list[Any] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Undo what an earlier run left, and switch on the fault that this run is to show."""
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        self._progress = Progress(reporter) if reporter is not None else None
        try:
            for line in self._gate.injector().undo_unfinished():
                _say(session.config, f"put back what an earlier run left: {line}")
            if session.config.option.fault:
                self._switch_on(session.config.option.fault)
        except (GonogoError, EndpointFailedError, DocumentError) as error:
            raise pytest.UsageError(str(error)) from error
        except ExceptionGroup as error:
            raise pytest.UsageError(_put_back_failed(error)) from error

    def pytest_report_header(self) -> list[str]:
        """Say what is being judged."""
        gate, target = self._gate, self._gate.target
        demo = "DEMO (embedded deployment; can promote nothing), " if gate.demo else ""
        return [
            f"gonogo {__version__}: {demo}target {target.name} ({target.environment}), stage {gate.stage.name}",
            f"run: {gate.run_folder}",
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 (xdist's type)
        """Tell an xdist worker about the gate."""
        node.workerinput["gonogo"] = worker_input(self._gate)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know how many checks there are."""
        if self._progress is not None and session.items:
            self._progress.total = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Know how many checks there are, with workers."""
        if self._progress is not None:
            self._progress.total = len(ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Show what runs."""
        if self._progress is not None:
            self._progress.running(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather, and show what a check found."""
        result = self._gathering.take(report)
        if result is not None and self._progress is not None:
            self._progress.finished(result)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A suite that cannot be collected ran no check: the verdict must not pass over it."""
        if report.failed:
            self._interrupted = f"{report.nodeid} cannot be collected: {report.longreprtext[-300:]}"

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C, SIGTERM, or pytest.exit."""
        self._interrupted = f"interrupted ({excinfo.typename})"

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Pytest itself broke."""
        self._interrupted = f"internal error: {excinfo.value!r}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge, write the reports, set the exit code."""
        if session.config.option.collectonly:
            return
        if session.shouldstop or session.shouldfail:
            self._interrupted = self._interrupted or str(session.shouldstop or session.shouldfail)
        try:
            self._undo.close()
        except ExceptionGroup as error:
            self._interrupted = _put_back_failed(error)
        fault = session.config.option.fault or ""
        self._verdict = conclude(
            self._gate, self._gathering.results(), self._started, interrupted=self._interrupted, fault=fault
        )
        self._files = write_reports(self._gate, self._verdict)
        strict = is_strict(session.config)
        session.exitstatus = exit_code(self._verdict.decision, int(exitstatus), strict=strict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401 (pytest's private type)
        """The verdict."""
        if self._verdict is not None:
            terminal.show(self._verdict, self._files, terminalreporter)

    def _switch_on(self, name: str) -> None:
        if Permission.DISRUPTIVE not in self._gate.permissions:
            raise GonogoError("--fault breaks something on purpose: add --allow-disruptive")
        _say(self._config, f"switching on the fault {name}")
        self._undo.enter_context(self._gate.injector().switched_on(_fault(name)))


def _open(config: pytest.Config) -> Gate:
    """The gate of the controlling process, on the named target or on a demonstration deployment."""
    if config.option.target:
        return open_gate(config, None)
    demo_target = config.hook.pytest_gonogo_demo_target(config=config)
    if demo_target is None:
        raise pytest.UsageError("name the deployment to judge: --target=FILE (there is no embedded deployment here)")
    return open_gate(config, demo_target)


def _put_back_failed(error: ExceptionGroup[Exception]) -> str:
    """What could not be put back, for the person who now has to do it."""
    return f"{error.message}: " + "; ".join(str(one) for one in error.exceptions)


def _fault(name: str) -> Fault:
    faults = all_faults()
    if name not in faults:
        raise GonogoError(f"no fault is called {name!r}{did_you_mean(name, list(faults))}")
    return faults[name]


def _say(config: pytest.Config, text: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"gonogo: {text}")


def _make_sigterm_like_ctrl_c() -> None:
    """SIGTERM undoes and reports as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
