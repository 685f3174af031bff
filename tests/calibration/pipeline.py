"""Runs of the gate on scripted servers, a few at a time: most of a run is waiting for tokens."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from gonogo.faults.catalogue import Fault
from tests.calibration.conftest import GateRun
from tests.calibration.noticed import expect_noticed
from tests.calibration.servers import Servers
from tests.forked import Child

FEW = "not (502 or 503 or 429 or empty or trickle or slow or wrong or refused or frozen or error-in-200)"
"""One of each sort of failure of the suite routing: the others take the same way through a gateway."""


def is_thorough() -> bool:
    """Whether every fault is to run, on all checks, however long it takes: ``GONOGO_FAULTS=all``."""
    return os.environ.get("GONOGO_FAULTS") == "all"


def selected(faults: Iterable[Fault]) -> dict[str, Fault]:
    """The faults that run, by name: the first one of each check, or all of them with ``GONOGO_FAULTS=all``."""
    first: dict[str, Fault] = {}
    faults = list(faults)
    for fault in faults:
        first.setdefault(fault.primary, fault)
    chosen = faults if is_thorough() else first.values()
    return {fault.name: fault for fault in chosen}


def switching_on(fault: Fault) -> list[str]:
    """The options of a run with a fault: on what it declares and a fifth of the other checks, unless all are wanted."""
    return [f"--fault={fault.name}", *([] if is_thorough() else ["-p", "tests.calibration.sampled"])]


@dataclass(frozen=True)
class Plan:
    """On what a suite's faults are calibrated, and how much of it runs for each."""

    suite: str
    target: Path
    servers: Callable[[Path], Servers]
    """Servers whose files are below a folder."""
    scope_of: Callable[[Fault], str]
    """A pytest expression (``-k``): what can notice the fault, and what must not."""
    lanes: int = 3
    stage: str = "gate"
    requests: int | None = None
    """So many the whole suite may send on the healthy servers, as its page in docs/ says."""


@dataclass
class _Lane:
    """One set of servers, and the run that is on it."""

    servers: Servers
    name: str = ""
    child: Child | None = None


class Pipeline:
    """Runs faults in their order, ahead of the tests that ask for them."""

    def __init__(self, folder: Path, plan: Plan, faults: Iterable[Fault]) -> None:
        self._folder, self.plan = folder, plan
        faults = list(faults)
        scopes = list(dict.fromkeys(map(plan.scope_of, faults)))
        self._queue: list[tuple[str, Fault | None]] = [(scope, None) for scope in scopes]
        self._queue += [(plan.scope_of(fault), fault) for fault in faults]
        self._done: dict[str, GateRun] = {}
        self._stack = ExitStack()
        self._lanes: list[_Lane] = []

    @classmethod
    def of_session(cls, request: pytest.FixtureRequest, folder: Path, plan: Plan, faults: Mapping[str, Fault]) -> Self:
        """Runs of those of the faults that this session's tests, as they were selected, ask for."""
        params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
        asked = [fault.name for param in params if isinstance(fault := param.get("fault"), Fault)]
        return cls(folder, plan, [faults[name] for name in asked if name in faults])

    def __enter__(self) -> Self:
        with self._stack:
            lanes = [self.plan.servers(self._folder / f"lane-{i}") for i in range(self.plan.lanes)]
            self._lanes = [_Lane(self._stack.enter_context(servers)) for servers in lanes]
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in self._lanes:
            if lane.child is not None:
                lane.child.end()
        self._stack.close()

    def healthy(self, fault: Fault) -> GateRun:
        """The run of the same scope without any fault."""
        return self._await(_healthy_name(self.plan.scope_of(fault)))

    def broken(self, fault: Fault) -> GateRun:
        """The run with a fault."""
        return self._await(fault.name)

    def _await(self, name: str) -> GateRun:
        while name not in self._done:
            for lane in self._lanes:
                self._look(lane)
                if lane.child is None and self._queue:
                    self._start(lane, *self._queue.pop(0))
            assert any(lane.child is not None for lane in self._lanes) or name in self._done, f"{name} is not queued"
            time.sleep(0.01)
        return self._done[name]

    def _start(self, lane: _Lane, scope: str, fault: Fault | None) -> None:
        lane.servers.reset()
        name = fault.name if fault is not None else _healthy_name(scope)
        folder = self._folder / name
        folder.mkdir()
        arguments = [
            f"--target={self.plan.target}",
            f"--report-dir={folder}",
            f"--stage={self.plan.stage}",
            "--allow-disruptive",
            f"-k={scope}",
        ]
        arguments += switching_on(fault) if fault is not None else []
        environment = {**lane.servers.environment, "XDG_STATE_HOME": str(folder / "state")}
        lane.name, lane.child = name, Child([*arguments, self.plan.suite], environment, folder / "output.txt")

    def _look(self, lane: _Lane) -> None:
        if lane.child is not None and (code := lane.child.poll()) is not None:
            lane.child, folder = None, self._folder / lane.name
            output = (folder / "output.txt").read_text(encoding="utf-8")
            try:
                self._done[lane.name] = GateRun.read(code, output, folder)
            except AssertionError:  # no verdict at all: the test that asks for this run says so, not another one
                self._done[lane.name] = GateRun(code, output, {"checks": []})


def _healthy_name(scope: str) -> str:
    return f"healthy-{hashlib.sha256(scope.encode()).hexdigest()[:8]}"


def assert_noticed(fault: Fault, pipeline: Pipeline) -> None:
    """The fault turns its primary check red, and nothing that it does not declare changes."""
    healthy = pipeline.healthy(fault)
    outcomes = healthy.outcomes()
    assert set(outcomes.values()) <= {"pass", "skip"}, f"the healthy servers must not fail\n{healthy.output}"
    spent = healthy.verdict["budget"]["requests"]
    assert spent <= (pipeline.plan.requests or spent), f"{spent} requests: more than the docs say"
    expect_noticed(fault, outcomes, pipeline.broken(fault))
