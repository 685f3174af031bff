"""The suite contract on the real servers: nothing fails but what is known of their kind, and nothing known is gone."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gonogo.resources import ROOT
from gonogo.targets.endpoint_sections import profiles
from tests.calibration.conftest import GateRun
from tests.forked import run_pytest
from tests.servers.build import CannotBuildError, built_ollama
from tests.servers.processes import all_running

TARGET = ROOT / "tests" / "servers" / "real.yaml"
PARTS = {"litellm": "gateway", "llamacpp": "llamacpp", "ollama": "ollama"}
FEW = "not (502 or 503 or trickle or wrong or slow or 429-retry-after or in_time)"
"""Each request is a real model's: one of each sort of failure."""
ELSEWHERE = {
    "llama.cpp stamps each chunk anew, which shows when a second passes within the stream",  # not in every run
    "Ollama ignores tool_choice",  # the tiny model's template has no tools
    # seen with another provider behind LiteLLM: tests/calibration/test_healthy.py
    "LiteLLM's refusal of messages that cannot be read contains its stack trace",
    # seen in the suite routing: test_fallbacks_hold_with_real_servers, and targets/embedded.yaml
    "LiteLLM turns a stream that holds nothing readable into an empty answer, and does not fall back",
    "LiteLLM's own 429 does not say how long to wait",
    "with simple-shuffle LiteLLM weighs deployments by their tpm, and refuses nobody for it",
    'without a database LiteLLM refuses an unknown key with 400 "No connected db." instead of 401',
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., GateRun]]:
    """Runs the gate on Ollama, llama.cpp, and LiteLLM in front of both."""
    try:
        binary = built_ollama()
    except CannotBuildError as error:
        pytest.skip(str(error))
    folder: Path = tmp_path_factory.mktemp("real")
    with all_running(binary, folder) as variables:

        def run_on(target: Path, *arguments: str) -> GateRun:
            runs = folder / target.stem
            runs.mkdir()
            given = [f"--target={target}", f"--report-dir={runs}", "--stage=gate", "--allow-disruptive", *arguments]
            code = run_pytest(given, {**variables, "XDG_STATE_HOME": str(runs / "state")}, runs / "output.txt")
            return GateRun.read(code, (runs / "output.txt").read_text(encoding="utf-8"), runs)

        yield run_on


@pytest.fixture(scope="module")
def ran(run: Callable[..., GateRun]) -> GateRun:
    """One run of the suite contract on all three."""
    return run(TARGET, "suites/contract")


def of_part(ran: GateRun, part: str) -> list[dict[str, Any]]:
    return [check for check in ran.verdict["checks"] if re.search(rf"\[{part}[-/\]]", check["name"])]


@pytest.mark.parametrize("kind", PARTS)
def test_nothing_fails_that_is_not_known(ran: GateRun, kind: str) -> None:
    checks = of_part(ran, PARTS[kind])
    wrong = {check["name"]: check["reason"] for check in checks if check["outcome"] in ("fail", "inconclusive")}
    warned = [check["reason"] for check in checks if check["outcome"] == "warn"]
    assert wrong == {}, ran.output
    assert all(reason.startswith("known deviation: ") for reason in warned)
    assert sum(check["outcome"] == "pass" for check in checks) >= 40


@pytest.mark.parametrize("kind", PARTS)
def test_every_known_deviation_is_still_there(ran: GateRun, kind: str) -> None:
    """A deviation that a product has mended must leave its profile: it would hide its return."""
    seen = "\n".join(check["reason"] for check in of_part(ran, PARTS[kind]) if check["outcome"] == "warn")
    known = {deviation.reason for deviation in profiles()[kind].deviations}
    assert {reason for reason in known - ELSEWHERE if reason not in seen} == set(), seen


def test_fallbacks_hold_with_real_servers(run: Callable[..., GateRun]) -> None:
    """Real LiteLLM, real llama.cpp, real Ollama; attempts counted and failures made by pass-throughs before them."""
    ran = run(ROOT / "tests" / "servers" / "chain.yaml", "-k", FEW, "suites/routing/test_fallbacks.py")
    outcomes = {name: outcome for name, outcome in ran.outcomes().items() if outcome != "skip"}
    odd = {name for name, outcome in outcomes.items() if outcome != "pass"}
    wrong = [check for check in ran.verdict["checks"] if check["outcome"] in ("fail", "inconclusive")]
    assert wrong == [], ran.output
    assert len(outcomes) >= 16
    assert odd == {
        f"routing.fallback.survives[{failure}-gateway/chained-streamed]"
        for failure in ("broken-json", "empty", "error-in-200")
    }
