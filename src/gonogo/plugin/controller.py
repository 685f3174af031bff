"""The controlling process of a gate run: it opens the gate, gathers, judges and reports. Workers only run checks."""

import shutil
import signal
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest

from gonogo import __version__
from gonogo.documents import DocumentError, did_you_mean
from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError
from gonogo.faults.catalogue import Fault, all_faults
from gonogo.faults.journal import Entry
from gonogo.faults.kubernetes import CLUSTER_KINDS
from gonogo.model import GOES, Permission, Verdict
from gonogo.plugin.conclusion import Run, conclude, exit_code, note_drills, runs_of, write_reports
from gonogo.plugin.events import Events
from gonogo.plugin.gate import Gate, lists_checks, open_gate, reports_written, set_gate, worker_input
from gonogo.plugin.gather import Gathering
from gonogo.plugin.locks import target_lock
from gonogo.plugin.options import is_strict
from gonogo.plugin.places import repeated
from gonogo.plugin.progress import Progress, set_progress, silence_pytest
from gonogo.plugin.selection import usage_error
from gonogo.reporting import WRITERS, github_annotations, masked_plain, terminal
from gonogo.reporting.json import plain
from gonogo.reporting.spans import are_wanted, send_spans
from gonogo.targets.binding import bind

_UNFINISHED_SOON_S, _UNFINISHED_EVERY_S = 10.0, 30.0


class Controller:
    """The hooks of the controlling process of a gate run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = datetime.now(UTC)
        self._undo = ExitStack()
        _make_sigterm_like_ctrl_c()
        self._gate = gate = _open(config)
        set_gate(config, gate)
        if gate.demo:  # its deployment ends with this run, and so does what was kept about it
            config.add_cleanup(lambda: shutil.rmtree(gate.state_folder, ignore_errors=True))
        config.add_cleanup(self._give_back_lease)
        config.add_cleanup(self._undo_for_dead_workers)
        config.add_cleanup(
            self._undo.close
        )  # cleanups run in reverse: undo first, a demonstration deployment ends last
        if gate.lease is not None and Permission.DISRUPTIVE in gate.permissions:
            gate.lease.live()
        self._command = repeated(config, gate.target.own_checks)
        self._bound = bind(gate.target, models=gate.stage.within_s is None)
        silence_pytest(config)
        self._only_lists = lists_checks(config)
        if not self._only_lists:
            self._hold_session_lock()
        self._gathering = Gathering(gate.run_folder, lambda: gate.ledger.spent()["requests"])
        self._events = Events(gate.run_folder)
        self._events.began(gate.target.name, gate.stage.name, gate.run_folder.name)
        self._progress: Progress | None = None
        self._interrupted = ""
        self._verdict: Verdict | None = None
        self._files: list[Any] = []
        self._write_at = -1.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Undo what an earlier run left, and switch on the fault that this run is to show."""
        if self._only_lists:
            return
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            self._progress = Progress(reporter)
            set_progress(session.config, self._progress)
        try:
            self._undo_orphans()
            if session.config.option.fault:
                self._switch_on(session.config.option.fault)
            with reports_written(self._gate.run_folder):
                self._gate.ledger.begin_checks()
        except (GonogoError, EndpointFailedError, InconclusiveError, DocumentError) as error:
            raise pytest.UsageError(str(error)) from error

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
        self._events.check_began(nodeid)
        if self._progress is not None:
            self._progress.running(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather, and show what a check found."""
        result = self._gathering.take(report)
        if result is None:
            return
        self._events.check_ended(result)
        self._write_unfinished()
        if self._progress is not None:
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
        if self._progress is not None:
            self._progress.end()
        if self._only_lists:  # it judges nothing, and leaves nothing
            shutil.rmtree(self._gate.run_folder, ignore_errors=True)
            return
        if session.shouldstop or session.shouldfail:
            self._interrupted = self._interrupted or str(session.shouldstop or session.shouldfail)
        misused = usage_error(self._gate.run_folder)
        self._interrupted = misused or self._interrupted
        if self._gathering.failed_tests:
            self._interrupted = f"a test that is no check failed: {', '.join(self._gathering.failed_tests[:5])}"
        try:
            self._undo.close()
        except EndpointFailedError as error:
            self._interrupted = str(error)
        self._verdict = conclude(self._gate, self._gathering.results(), self._run(self._interrupted))
        try:
            self._files = write_reports(self._gate, self._verdict)
        except OSError as error:  # a verdict without its evidence promotes nothing
            why = "; ".join(filter(None, [self._interrupted, f"the reports cannot be written: {error}"]))
            self._verdict = conclude(self._gate, self._gathering.results(), self._run(why))
            with suppress(OSError):
                self._files = write_reports(self._gate, self._verdict, writers=WRITERS[:1])
        self._events.ended(self._verdict)
        strict = is_strict(session.config)
        session.exitstatus = exit_code(self._verdict.decision, int(exitstatus), strict=strict)
        if misused:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        try:
            note_drills(self._gate, self._verdict)
            self._keep_run(self._verdict, session.config)
        except OSError as error:
            _say(session.config, f"the run could not be noted in the history: {error}")
        if are_wanted() and self._gate.stage.within_s is None:
            self._send_spans(self._verdict)

    def _send_spans(self, verdict: Verdict) -> None:
        if told := send_spans(masked_plain(verdict, self._gate.redactor)):
            _say(self._config, told)

    def _run(self, interrupted: str) -> Run:
        fault = self._config.option.fault or ""
        return Run(self._started, self._bound, interrupted, fault, self._command)

    def _keep_run(self, verdict: Verdict, config: pytest.Config) -> None:
        """Note the run for those after it; save it as a baseline, and remove old ones, where that is asked for."""
        runs, baseline = runs_of(self._gate), config.option.save_baseline
        runs.add(plain(verdict))
        if baseline and verdict.decision in GOES:
            for file in runs.save_baseline(self._gate.run_folder, baseline):
                _say(config, f"saved as a baseline: {file}")
        elif baseline:
            _say(config, f"not saved as the baseline {baseline}: the verdict is {verdict.decision}")
        if config.option.keep_runs is not None:
            gone = runs.forget(config.option.keep_runs)
            _say(config, f"removed {len(gone)} older runs")

    def _write_unfinished(self) -> None:
        """What is known so far, for those who look before the end, and for after a run that was killed.

        At the first check the verdict as JSON, which costs little; soon all reports, and then now and then.
        """
        now = time.monotonic()
        if now < self._write_at:
            return
        is_first = self._write_at < 0
        with suppress(OSError):  # a full disk is told when the run ends
            verdict = conclude(self._gate, self._gathering.results(), self._run("the run has not ended"))
            write_reports(self._gate, verdict, has_ended=False, writers=WRITERS[:1] if is_first else WRITERS)
        self._write_at = now + (_UNFINISHED_SOON_S if is_first else _UNFINISHED_EVERY_S)

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401 (pytest's private type)
        """The verdict."""
        if self._verdict is not None:
            terminal.show(self._verdict, self._files, terminalreporter)
            for line in github_annotations(self._verdict, self._gate.redactor):
                terminalreporter.write_line(line)

    def _undo_orphans(self) -> None:
        """Put back what an earlier run left; what is in a cluster only while no runner elsewhere is at it."""
        if not self._gate.dry_run:
            for line in self._gate.injector().undo_unfinished(self._hold_for):
                _say(self._config, f"put back what an earlier run left: {line}")

    def _hold_for(self, entry: Entry) -> None:
        if self._gate.lease is not None and entry.kind in CLUSTER_KINDS:
            self._gate.lease.hold(self._gate.lock_timeout_s)

    def _undo_for_dead_workers(self) -> None:
        """A worker that was killed in the middle of a drill could not put back what it broke."""
        if self._gate.dry_run:
            return
        try:
            for line in self._gate.injector().undo_unfinished(self._hold_for):
                _say(self._config, f"put back what a worker left: {line}")
        except (EndpointFailedError, InconclusiveError) as error:
            _say(self._config, f"ATTENTION, this was not put back: {error}")

    def _give_back_lease(self) -> None:
        """Let runners on other machines go on; one that is not given back ends by itself."""
        lease = self._gate.lease
        if lease is not None and lease.may_be_held:
            try:
                lease.give_back()
            except (InconclusiveError, EndpointFailedError) as error:
                _say(self._config, f"the Lease could not be given back, and ends by itself: {error}")

    def _hold_session_lock(self) -> None:
        """Runs on one target go side by side, but not beside one that has a fault switched on for all its length."""
        exclusive = bool(self._config.option.fault)
        folder = self._gate.state_folder / "session"
        lock = target_lock(folder, exclusive=exclusive, timeout_s=self._gate.lock_timeout_s)
        try:
            self._undo.enter_context(lock)
        except InconclusiveError as error:
            raise pytest.UsageError(str(error)) from error
        except OSError as error:
            raise pytest.UsageError(
                f"{folder} cannot be written: {error.strerror}. Name another place in XDG_STATE_HOME."
            ) from error

    def _switch_on(self, name: str) -> None:
        if Permission.DISRUPTIVE not in self._gate.permissions:
            raise GonogoError("--fault breaks something on purpose: add --allow-disruptive")
        if self._gate.lease is not None:
            self._gate.lease.hold(self._gate.lock_timeout_s)
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
