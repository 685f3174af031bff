"""The gate of one pytest run: the target, the stage, and the shared things that checks need."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from gonogo.documents import DocumentError
from gonogo.drills.history import DrillHistory
from gonogo.errors import GonogoError, NotPermitted
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Journal, state_folder
from gonogo.faults.lease import Lease
from gonogo.model import Permission
from gonogo.plugin.ledger import Ledger
from gonogo.plugin.places import is_shipped
from gonogo.plugin.stages import DEMO, STAGES, Stage
from gonogo.probes.context import ProbeContext
from gonogo.redaction import Redactor
from gonogo.targets.loader import load_target
from gonogo.targets.model import Target
from gonogo.targets.permissions import permitted

LEAKS = "leaks.txt"
"""In the run's folder: what those have found who ask for several checks at once."""
_KEY = pytest.StashKey["Gate"]()


@dataclass(frozen=True)
class Gate:
    """What every check of this run shares."""

    target: Target
    stage: Stage
    demo: bool
    permissions: frozenset[Permission]
    run_folder: Path
    """Where this run's files go; its name is the run's id."""
    change_id: str
    lock_timeout_s: float
    dry_run: bool = False
    """Drills tell their steps, and nothing is done."""

    @property
    def redactor(self) -> Redactor:
        """Masks the target's secrets."""
        return Redactor(secret.value for secret in self.target.secrets)

    @property
    def lock_wait_s(self) -> float:
        """How long to wait for another run on this target."""
        return max(0.0, min(self.lock_timeout_s, self.ledger.remaining_s()))

    @property
    def may_act(self) -> bool:
        """Whether a check may burden the deployment, or leave something behind; production's only with its three keys.

        The keys: ``--allow-disruptive``, ``--change`` and the target's consent. Stages that only look never may.
        """
        return not self.stage.looks_only and (not self.target.production or Permission.DISRUPTIVE in self.permissions)

    def expect_may_act(self, what: str) -> None:
        """Stop a check that would burden the deployment or leave something behind, where this run may not.

        Raises:
            NotPermitted: it may not.
        """
        if not self.may_act:
            where = (
                f"stage {self.stage.name} looks only"
                if self.stage.looks_only
                else "production needs --allow-disruptive, --change and the target's consent"
            )
            raise NotPermitted(f"{what}: {where}")

    def note_searched(self, leaks: Sequence[str]) -> None:
        """Note what is wrong with an answer that several checks share; who asks for one check has a recorder."""
        with (self.run_folder / LEAKS).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(leak.replace("\n", " ") + "\n" for leak in leaks)

    @property
    def shared_context(self) -> ProbeContext:
        """For probes whose answers several checks share: no check records them, and leaks are noted of the run."""
        return ProbeContext(lambda _: None, self.redactor, self.ledger.spend, searched=self.note_searched)

    @property
    def ledger(self) -> Ledger:
        """The run's budget."""
        return Ledger(self.run_folder / "budget.json", self.target.budget, self.stage.within_s)

    @property
    def state_folder(self) -> Path:
        """The target's locks and journal on this machine."""
        return state_folder(self.target)

    @cached_property
    def lease(self) -> Lease | None:
        """What keeps runners on other machines away, where the target has a cluster."""
        cluster = self.target.cluster
        context = ProbeContext(lambda _: None, self.redactor)
        if cluster is None or self.dry_run:
            return None
        return Lease(cluster, context, self.run_folder.name, self.state_folder)

    @property
    def history(self) -> DrillHistory:
        """Which drills were done on the target."""
        return DrillHistory(self.target.drills.history or self.state_folder / "drills.jsonl")

    def injector(self) -> Injector:
        """Breaks and restores, with the target's journal."""
        return Injector(self.target, Journal(self.state_folder / "journal"))

    def once(self, name: str, produce: Callable[[Path], None]) -> Path:
        """A file of this run that the first worker produces and the others read.

        `produce` gets the path to write to. If it raises, the next asker tries again; what must not be done twice
        has to write down that it failed.
        """
        result = self.run_folder / name
        with (self.run_folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not result.exists():
                produce(result)
        return result


def gate_of(config: pytest.Config) -> Gate | None:
    """The gate of this run; None where pytest runs ordinary tests only."""
    return config.stash.get(_KEY, None)


def set_gate(config: pytest.Config, gate: Gate) -> None:
    """Make the gate known to this process."""
    config.stash[_KEY] = gate


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is an xdist worker."""
    return hasattr(config, "workerinput")


def wants_gate(config: pytest.Config) -> bool:
    """Whether this run judges a deployment: a target is named, or only suites are collected."""
    if config.option.showfixtures or config.option.markers:
        return False
    if config.option.target:
        return True
    return (
        not lists_checks(config) and bool(config.args) and all(is_shipped(config, str(place)) for place in config.args)
    )


def lists_checks(config: pytest.Config) -> bool:
    """Whether this run only says what there is."""
    asked = config.option
    return bool(asked.collectonly or asked.catalog or asked.explain or asked.showfixtures)


def open_gate(config: pytest.Config, demo_target: Path | None) -> Gate:
    """Build the gate of the controlling process: load the target, check the options, make the run's folder.

    Raises:
        pytest.UsageError: the options or the target file are wrong; the message says what to do.
    """
    file = demo_target or (config.invocation_params.dir / config.option.target)
    try:
        gate = _build(config, file, demo=demo_target is not None, run_folder=_make_run_folder)
    except DocumentError as error:
        raise pytest.UsageError(f"the target file is not usable:\n{error}") from error
    except GonogoError as error:
        raise pytest.UsageError(str(error)) from error
    with reports_written(gate.run_folder):
        gate.ledger.open()
    return gate


def worker_input(gate: Gate) -> dict[str, Any]:
    """What an xdist worker needs to build the same gate."""
    return {"target": str(gate.target.file), "demo": gate.demo, "run_folder": str(gate.run_folder)}


def worker_gate(config: pytest.Config, raw: dict[str, Any]) -> Gate:
    """The gate of a worker: the controller has checked everything already."""
    return _build(config, Path(raw["target"]), demo=raw["demo"], run_folder=lambda _: Path(raw["run_folder"]))


def _build(config: pytest.Config, file: Path, *, demo: bool, run_folder: Callable[[pytest.Config], Path]) -> Gate:
    """The gate on a target file; `run_folder` is asked last, once nothing else can be wrong.

    Raises:
        DocumentError, GonogoError: the target file or the permissions asked for are wrong.
    """
    option = config.option
    target = load_target(file, datetime.now(UTC).date())
    if option.dry_run and option.stage != "drill":
        raise GonogoError("--dry-run tells what drills would do: add --stage drill")
    if option.dry_run and option.fault:
        raise GonogoError("--dry-run changes nothing, and --fault does: leave one of them out")
    stage = DEMO if demo else STAGES[option.stage or "gate"]
    if target.production and stage.decides and not option.change:
        raise GonogoError(
            f"{target.file.name} describes production, and stage {stage.name} decides on a change: add --change ID "
            "(its change record), or look only (--stage smoke, ci or oncall)"
        )
    if option.dry_run:
        permissions = frozenset(Permission)  # nothing is disrupted
    else:
        permissions = permitted(target, allow_disruptive=option.allow_disruptive or demo, change_id=option.change)
    return Gate(
        target=target,
        stage=stage,
        demo=demo,
        permissions=permissions,
        run_folder=run_folder(config),
        change_id=option.change,
        lock_timeout_s=option.lock_timeout,
        dry_run=option.dry_run,
    )


@contextmanager
def reports_written(folder: Path) -> Iterator[None]:
    """What cannot be written into the report folder ends the run before it has begun.

    Raises:
        pytest.UsageError: something cannot.
    """
    try:
        yield
    except OSError as error:
        raise pytest.UsageError(
            f"the report folder {folder} cannot be written: {error.strerror}. Choose another with --report-dir."
        ) from error


def _make_run_folder(config: pytest.Config) -> Path:
    """A new folder for this run.

    Raises:
        pytest.UsageError: it cannot be made or written to.
    """
    given = config.option.report_dir
    parent = config.invocation_params.dir / given if given else config.rootpath / "reports" / "runs"
    began = datetime.now(UTC)
    # in milliseconds: names of runs that begin in the same second stand in the order of the runs, too
    folder = parent / f"{began:%Y%m%dT%H%M%S}.{began.microsecond // 1000:03}-{os.getpid()}"
    with reports_written(parent):
        folder.mkdir(parents=True)
    return folder
