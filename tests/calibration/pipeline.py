"""Runs of the gate on scripted servers, a few at a time: most of a run is waiting for tokens."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gonogo.faults.catalogue import Fault
from tests.calibration.conftest import GateRun
from tests.calibration.forked import Child
from tests.calibration.scripted import TARGET, ScriptedServers

LANES = 3
SUITE = "suites/contract"


def scope_of(fault: Fault) -> str:
    """The part of the deployment that a fault breaks; other parts are processes of their own and cannot notice."""
    return str(fault.steps[0].get("control", ""))


@dataclass
class _Lane:
    """One set of servers, and the run that is on it."""

    servers: ScriptedServers
    name: str = ""
    child: Child | None = None


class Pipeline:
    """Runs faults in their order, ahead of the tests that ask for them."""

    def __init__(self, folder: Path, faults: Iterable[Fault]) -> None:
        self._folder = folder
        faults = list(faults)
        self._queue: list[tuple[str, Fault | None]] = [
            (scope, None) for scope in sorted({"vllm-main", *map(scope_of, faults)})
        ]
        self._queue += [(scope_of(fault), fault) for fault in faults]
        self._done: dict[str, GateRun] = {}
        self._stack = ExitStack()
        self._lanes: list[_Lane] = []

    def __enter__(self) -> Self:
        with self._stack:
            lanes = [ScriptedServers(self._folder / f"lane-{i}") for i in range(LANES)]
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

    def healthy(self, scope: str) -> GateRun:
        """The run of a scope without any fault."""
        return self._await(f"healthy-{scope}")

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
        name = fault.name if fault is not None else f"healthy-{scope}"
        folder = self._folder / name
        folder.mkdir()
        arguments = [
            f"--target={TARGET}",
            f"--report-dir={folder}",
            "--stage=gate",
            "--allow-disruptive",
            f"-k={scope}",
        ]
        arguments += [f"--fault={fault.name}"] if fault is not None else []
        environment = {**lane.servers.environment, "XDG_STATE_HOME": str(folder / "state")}
        lane.name, lane.child = name, Child([*arguments, SUITE], environment, folder / "output.txt")

    def _look(self, lane: _Lane) -> None:
        if lane.child is not None and (code := lane.child.poll()) is not None:
            folder = self._folder / lane.name
            self._done[lane.name] = GateRun.read(code, (folder / "output.txt").read_text(encoding="utf-8"), folder)
            lane.child = None
