"""The suite routing through a real Toxiproxy: connections that are refused, reset, silent, slow and sliced."""

from pathlib import Path

import httpx
import pytest
import yaml

from tests.calibration.conftest import GateRun
from tests.calibration.routed import PROVIDERS, TARGET, RoutedServers
from tests.forked import run_pytest
from tests.servers.build import CannotBuildError, built_toxiproxy

CHECKS = (
    "(test_fallback_survives and (refused or reset or silent or slow or trickle))"
    " or (test_outage and (stopped or slow)) or (test_pool_survives and refused)"
)


def with_proxies(folder: Path) -> Path:
    """The routed target, its parts behind Toxiproxy and without any other means to break them."""
    target = yaml.safe_load(TARGET.read_text(encoding="utf-8"))
    target["toxiproxy"] = {"url": "${ROUTED_TOXIPROXY_URL}"}
    for provider in target["providers"]:
        provider |= {"proxy": provider["name"]}
        provider.pop("service")
    target["cache"] = {"url": target["cache"]["url"], "proxy": "redis", "flushable": True}
    file = folder / "toxic.yaml"
    file.write_text(yaml.safe_dump(target), encoding="utf-8")
    return file


def test_the_suite_holds_behind_toxiproxy(tmp_path: Path) -> None:
    try:
        program = built_toxiproxy()
    except CannotBuildError as error:
        pytest.skip(str(error))
    with RoutedServers(tmp_path / "servers", program) as servers:
        arguments = [f"--target={with_proxies(tmp_path)}", f"--report-dir={tmp_path}", "--stage=gate"]
        given = {**servers.environment, "XDG_STATE_HOME": str(tmp_path / "state")}
        code = run_pytest(
            [*arguments, "--allow-disruptive", "-k", CHECKS, "suites/routing"], given, tmp_path / "output.txt"
        )
        ran = GateRun.read(code, (tmp_path / "output.txt").read_text(encoding="utf-8"), tmp_path)
        left = httpx.get(f"{servers.environment['ROUTED_TOXIPROXY_URL']}/proxies", timeout=10).json()

    outcomes = {name: outcome for name, outcome in ran.outcomes().items() if outcome != "skip"}
    wrong = {name: outcome for name, outcome in outcomes.items() if outcome != "pass"}
    assert wrong == {}, ran.output
    for failure in ("refused", "reset", "silent", "slow-first-byte", "trickle"):
        assert any(f"survives[{failure}-" in name for name in outcomes), failure
    assert {"routing.outage.survived[stopped-whole]", "routing.outage.survived[slow-whole]"} <= set(outcomes)
    assert {name: (proxy["enabled"], proxy["toxics"]) for name, proxy in left.items()} == dict.fromkeys(
        (*PROVIDERS, "redis"), (True, [])
    )
