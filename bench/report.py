"""How soon report.html with 2,000 checks and 20 MB of evidence is there: ``uv run python -m bench.report``."""

import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from gonogo.model import Binding, CheckInfo, CheckResult, Outcome, Permission, Severity, Verdict
from gonogo.probes.browser import BROWSERS
from gonogo.redaction import Redactor
from gonogo.reporting import write_all
from gonogo.verdict import judge
from tests.reporting.test_writers import MOMENT

CHECKS, EVIDENCE_BYTES, LOOKS = 2000, 20_000_000, 5


def verdict() -> Verdict:
    """One check in fifty fails."""
    body = json.dumps({"text": "x" * (EVIDENCE_BYTES // CHECKS - 300)})
    answer = {"status": 200, "body": body}
    seen: dict[str, Any] = {"probe": "http", "subject": "POST http://x/v1/chat", "duration_ms": 1.0, "request": {}}
    results = []
    for i in range(CHECKS):
        info = CheckInfo(f"contract.a.n{i}", "It answers", Severity.MAJOR, Permission.LIVE, ("C1",), smoke=False)
        outcome = Outcome.PASS if i % 50 else Outcome.FAIL
        evidence = ({**seen, "answer": answer, "repeat": "curl http://x"},)
        results.append(CheckResult(info, f"suites/x.py::n{i}", outcome, "gw", "broken", None, 1.0, evidence, ()))
    digest = "0" * 64
    binding = Binding("bench", "staging", digest, digest, None, {}, None, "0")
    return Verdict("r1", "gate", False, judge(results, ()), binding, MOMENT, MOMENT, MOMENT)


def main() -> None:
    """Write it, open it a few times, open a check, search."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        began = time.perf_counter()
        write_all(verdict(), Redactor([]), folder)
        page = folder / "report.html"
        print(
            f"all files written in {time.perf_counter() - began:.1f} s; the page has {page.stat().st_size / 1e6:.1f} MB"
        )
        program = next((found for browser in BROWSERS if (found := shutil.which(browser))), None)
        with playwright.chromium.launch(executable_path=program) as browser:
            figures: dict[str, list[float]] = {"open": [], "open a check": [], "search": []}
            for _ in range(LOOKS):
                tab = browser.new_page()
                began = time.perf_counter()
                tab.goto(page.as_uri(), wait_until="load")
                figures["open"].append(time.perf_counter() - began)
                began = time.perf_counter()
                tab.locator("details[data-check]:not([open]) > summary").first.click()
                tab.locator("details[data-check][data-built] > details").first.wait_for()
                figures["open a check"].append(time.perf_counter() - began)
                began = time.perf_counter()
                tab.get_by_label("Search").fill("n1999")
                tab.get_by_text("1 of 2000 checks").wait_for()
                figures["search"].append(time.perf_counter() - began)
                tab.close()
        for what, seconds in figures.items():
            print(f"{what}: median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s")


if __name__ == "__main__":
    main()
