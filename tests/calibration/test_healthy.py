"""The healthy deployment is never refused, and a dying one always is."""

import os
import re
import threading
import time
from pathlib import Path

from gonogo.faults.actors import actor_of
from gonogo.fixtures.embedded import TARGET, EmbeddedDeployment
from gonogo.targets.loader import load_target
from tests.calibration.conftest import RunGate
from tests.calibration.pipeline import is_thorough

HINDERED = r"the load run is not valid: |; undecided|the gateway adds .* interval "
"""How a load check says that it could not be decided here: the generator starved, or the figures vary too much."""


def test_the_whole_gate_with_workers(run_gate: RunGate, embedded: EmbeddedDeployment) -> None:
    """Of the suites contract and routing their quick checks: all of them run on real servers, in tests/servers."""
    few = "smoke or (not contract and not routing and not drills) or (drills and (redis or quality or restore))"
    scope = [] if is_thorough() else [f"-k={few}"]
    ran = run_gate("--stage=gate", "--allow-disruptive", "-n", "2", *scope)
    # beside other tests the servers may be slow, and what is slow under load rightly fails
    not_passed = {
        check["name"]: check["reason"]
        for check in ran.verdict["checks"]
        if (check["outcome"] == "fail" and not check["id"].startswith("load."))
        or (check["outcome"] == "inconclusive" and not re.search(HINDERED, check["reason"]))
    }
    supervised = Path(embedded.environment["EMBEDDED_STATE"]) / "logs" / "supervisord.log"
    # what failed comes first: of a long message CI keeps the beginning
    assert not not_passed, f"{not_passed}\n{supervised.read_text(encoding='utf-8')[-4000:]}\n{ran.output}"
    warned = [c for c in ran.verdict["checks"] if c["outcome"] == "warn" and not c["id"].startswith("load.")]
    assert {check["reason"].splitlines()[0][:16] for check in warned} == {"known deviation:"}
    loads = {outcome for name, outcome in ran.outcomes().items() if name.startswith("load.")}
    assert loads & {"pass", "warn", "fail", "inconclusive"}, "no load check ran"
    wanted = (1, "NO-GO") if "fail" in loads else (6, "HOLD") if "inconclusive" in loads else (0, "GO WITH CAVEATS")
    assert (ran.exit_code, ran.verdict["decision"]) == wanted, ran.output


def test_oncall_is_quick_and_reads_only(run_gate: RunGate) -> None:
    began = time.monotonic()
    ran = run_gate("--stage=oncall")
    assert (ran.exit_code, ran.verdict["stage"]) == (0, "oncall"), ran.output
    assert {check["permission"] for check in ran.verdict["checks"]} <= {"live", "static"}
    for area in ("quality", "approval queue", "audit", "watching"):
        assert re.search(rf"^{area} +pass", ran.output, re.MULTILINE), ran.output
    assert time.monotonic() - began < 60  # hangs are found here; its figure is in bench/


def test_a_gateway_that_dies_during_the_run(run_gate: RunGate, embedded: EmbeddedDeployment, tmp_path: Path) -> None:
    os.environ.update(embedded.environment)
    from datetime import UTC, datetime  # noqa: PLC0415

    target = load_target(TARGET, datetime.now(UTC).date())
    assert target.actor is not None
    actor = actor_of(target.actor)

    def stop_soon() -> None:
        while not list(tmp_path.glob("2*/selected.json")):
            time.sleep(0.05)
        time.sleep(1.5)
        actor.stop("gateway")

    thread = threading.Thread(target=stop_soon)
    thread.start()
    ran = run_gate("--stage=ci", "--deselect=suites/load", "suites/artifacts", "suites/contract", "suites/security")
    thread.join()
    embedded.reset()
    outcomes = set(ran.outcomes().values())
    assert (ran.exit_code, ran.verdict["decision"]) == (1, "NO-GO")
    assert {"pass", "fail"} <= outcomes
    assert any("cannot connect" in check["reason"] for check in ran.verdict["checks"])
    assert "Traceback" not in ran.output
