"""How often does the healthy deployment not pass? ``uv run python -m bench.false_alarms fast 300`` or ``whole 20``.

``... whole 20 -- COMMAND`` lets a command keep the machine busy, a little nicer than the gate; a loop follows it.

* fast: the suites of files and of contracts on the scripted servers, the gate in forked processes, two at a time;
* whole: the gate's default run on the embedded deployment.

In each run the checks come in a random order, every third one has two workers (``-n 2``), and a process that does
nothing but count keeps a core busy. A fail is a false alarm; inconclusive is one too, unless the load generator says
that it was starved. The bound is the exact one-sided one at 95 % (Clopper and Pearson 1934): where none was one, about
three divided by the runs.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gonogo.fixtures.embedded import TARGET, EmbeddedDeployment
from gonogo.objectives import exact_interval
from gonogo.resources import ROOT
from tests.calibration.conftest import GateRun
from tests.calibration.scripted import TARGET as SCRIPTED
from tests.calibration.scripted import ScriptedServers
from tests.forked import Child

KEPT = ROOT / "docs" / "false-alarms.json"
LANES = 2
STARVED = "the generator was starved"
WITH_WORKERS_EVERY = 3
BOTH_SIDES = 0.1
"""The error level of a two-sided interval, of which one side is the bound at 95 %."""
_QUICK = ("suites/contract", "suites/artifacts", "suites/config", "-k=not test_model_remote")
"""The scripted registry names a store that nobody serves."""
_BUSY = """
import subprocess, sys
if sys.argv[1:]:
    subprocess.run(["nice", "-n", "5", *sys.argv[1:]])
while True:
    pass
"""
Tried = Iterator[tuple[int, GateRun]]


def options(number: int, folder: Path) -> list[str]:
    """The options of one run."""
    shuffled = ["-p", "bench.shuffled", f"--report-dir={folder / str(number)}"]
    return [*shuffled, "-n", "2"] if number % WITH_WORKERS_EVERY == 0 else shuffled


def own(number: int, folder: Path) -> dict[str, str]:
    """The variables of one run."""
    return {"SHUFFLED_BY": str(number), "XDG_STATE_HOME": str(folder / "state")}


def fast(runs: int, folder: Path) -> Tried:
    """The quick suites on the scripted servers, a lane each."""
    lanes = [ScriptedServers(folder / f"lane-{i}") for i in range(LANES)]
    numbers = itertools.count()
    with lanes[0], lanes[1]:
        waiting: dict[int, tuple[int, Child]] = {}
        for _ in range(runs):
            while len(waiting) < LANES:
                lane, number = next(i for i in range(LANES) if i not in waiting), next(numbers)
                arguments = [f"--target={SCRIPTED}", *options(number, folder), *_QUICK]
                (folder / str(number)).mkdir()
                environment = {**lanes[lane].environment, **own(number, folder)}
                waiting[lane] = number, Child(arguments, environment, folder / f"{number}.txt")
            yield _first_done(waiting, folder)
        for _, child in waiting.values():
            child.end()


def _first_done(waiting: dict[int, tuple[int, Child]], folder: Path) -> tuple[int, GateRun]:
    while True:
        for lane, (number, child) in waiting.items():
            if (code := child.poll()) is not None:
                del waiting[lane]
                output = (folder / f"{number}.txt").read_text(encoding="utf-8")
                return number, GateRun.read(code, output, folder / str(number))
        time.sleep(0.02)


def whole(runs: int, folder: Path) -> Tried:
    """The gate's default run on the embedded deployment."""
    deployment = EmbeddedDeployment()
    try:
        for number in range(runs):
            deployment.reset()
            environment = {**os.environ, **deployment.environment, **own(number, folder)}
            done = subprocess.run(
                [sys.executable, "-m", "pytest", f"--target={TARGET}", *options(number, folder)],
                cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            yield number, GateRun.read(done.returncode, done.stdout + done.stderr, folder / str(number))
    finally:
        deployment.stop()


@contextmanager
def busy_core(words: Sequence[str]) -> Iterator[None]:
    """Somebody else computes: a command, and then a loop."""
    process = subprocess.Popen([sys.executable, "-c", _BUSY, *words], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def measure(tried: Tried) -> dict[str, object]:
    """Count runs and checks by what became of them; each check that is not in order is printed, progress beside it."""
    runs, alarms, starved, checks = 0, 0, 0, Counter[str]()
    for number, run in tried:
        runs += 1
        wrong = [check for check in run.verdict["checks"] if check["outcome"] in ("fail", "inconclusive")]
        hungry = [check for check in wrong if STARVED in check["reason"]]
        checks.update(check["outcome"] for check in run.verdict["checks"])
        starved += bool(hungry)
        alarms += len(wrong) > len(hungry)
        print(f"run {number}: exit {run.exit_code}, {run.verdict['decision']}", file=sys.stderr, flush=True)
        for check in wrong:
            print(
                f"run {number}: {check['outcome']}: {check['name']}: {check['reason'].splitlines()[0][:300]}",
                flush=True,
            )
    bound = exact_interval(alarms, runs, BOTH_SIDES)[1]
    found = {"day": datetime.now(UTC).date().isoformat(), "runs": runs, "alarms": alarms, "starved": starved,
             "bound_95": round(bound, 5), "checks": dict(sorted(checks.items()))}  # fmt: skip
    print(told(found))
    return found


def told(found: Mapping[str, Any]) -> str:
    """The figures of a kind, for people."""
    alarms, runs, starved, bound = (found[name] for name in ("alarms", "runs", "starved", "bound_95"))
    rate = f"a rate of at most {bound:.2%} (95 %)"
    return f"{alarms} of {runs} runs raised a false alarm: {rate}; {starved} were starved"


def kept() -> dict[str, Any]:
    """What was measured last, by kind."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


def main(arguments: Sequence[str]) -> None:
    """Measure, and keep the figures."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # what keeps the core busy ends with us
    kinds: Mapping[str, Callable[[int, Path], Tried]] = {"fast": fast, "whole": whole}
    match arguments:
        case [kind, runs, *rest] if kind in kinds and runs.isdigit() and rest[:1] in ([], ["--"]):
            with tempfile.TemporaryDirectory(prefix="gonogo-alarms-") as folder, busy_core(rest[1:]):
                found = measure(kinds[kind](int(runs), Path(folder)))
        case _:
            sys.exit(__doc__)
    KEPT.write_text(json.dumps({**kept(), kind: found}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
