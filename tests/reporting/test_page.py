"""report.html in a real Chromium: clicks, search, links, speed, accessibility; without a net."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from gonogo.loadtest.charting import charted
from gonogo.model import Binding, CheckInfo, CheckResult, Outcome, Permission, Severity, SkipKind, Verdict
from gonogo.objectives import Band
from gonogo.probes.browser import BROWSERS
from gonogo.redaction import Redactor
from gonogo.reporting import write_all
from gonogo.targets.load import LoadObjective
from gonogo.verdict import judge
from tests.loadtest.test_record import record
from tests.reporting.test_writers import HOSTILE, MOMENT

CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (Debian has it)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM)
        with found:
            yield found


@pytest.fixture
def tab(browser: Any) -> Iterator[Page]:
    context = browser.new_context(offline=True, viewport={"width": 1100, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert errors == []


def seen(body: str, subject: str = "POST http://x/v1/chat") -> dict[str, Any]:
    request = {"body": "{}"}
    return {
        "probe": "http",
        "subject": subject,
        "duration_ms": 1.5,
        "request": request,
        "answer": {"status": 200, "body": body},
        "repeat": f"curl {subject}",
    }


def result(name: str, outcome: str, evidence: tuple[Any, ...] = (), reason: str = "") -> CheckResult:
    info = CheckInfo(f"contract.a.{name}", f"It does {name}", Severity.CRITICAL, Permission.LIVE, ("C1",), smoke=True)
    skip = SkipKind.NOT_DECLARED if outcome == "skip" else None
    return CheckResult(info, f"suites/x.py::{name}", Outcome(outcome), "gw/chat", reason, skip, 12.5, evidence, ())


RESULTS = [
    result("stream", "fail", (seen('{"a": 1, "b": 2}'), seen('{"a": 1, "b": 3}')), f"the answers differ {HOSTILE}"),
    result("health", "pass", (seen("ok", "GET http://x/health"),)),
    result("tools", "skip", reason="not declared"),
    result("slow", "warn", reason="inside its band"),
]


def drill() -> dict[str, Any]:
    """A drill in which one of five requests was lost."""
    samples = [[0.0, 10.0, True], [0.5, 12.0, True], [1.0, 0.0, False], [1.5, 30.0, True], [2.0, 11.0, True]]
    steps = [("step", 0.8, "deploy a bad image"), ("trigger", 1.1, "noticed by errors"), ("step", 1.2, "roll back")]
    return {
        "probe": "drill",
        "subject": "bad-image (G1)",
        "duration_ms": 2000.0,
        "request": {"samples": samples},
        "answer": {
            "noticed_by": "errors", "notice_s": 0.3, "outage_s": 0.5, "lost": 1, "requests": 5, "recovered": True,
            "clean_up": "", "differences": [], "failed_step": "", "failures": ["HTTP 502"], "found": {"recovery_s": 0.7},
            "timeline": [{"at_s": at_s, "what": what, "kind": kind} for kind, at_s, what in steps],
        },
    }  # fmt: skip


def written(folder: Path, results: list[CheckResult], **fields: Any) -> str:
    digest = "0" * 64
    verdict = Verdict(
        run_id="r1", stage="gate", demo=False, judgement=judge(results, ()), started=MOMENT, finished=MOMENT, valid_until=MOMENT,
        binding=Binding("shop", "staging", digest, digest, None, {}, None, "0.1.0"), budget={"requests": 3, "tokens": 0, "seconds": 1.5},
    )  # fmt: skip
    write_all(replace(verdict, **fields), Redactor([]), folder)
    return (folder / "report.html").as_uri()


def shown(tab: Page) -> list[str]:
    """The names of the checks that can be seen."""
    return [str(name) for name in tab.locator("details[data-check]:not(.hidden) > summary code").all_inner_texts()]


def test_the_reason_is_seen_at_once_and_the_evidence_after_two_clicks(tab: Page, tmp_path: Path) -> None:
    tab.goto(written(tmp_path, RESULTS))
    assert tab.locator("h1").inner_text() == "NO-GO"
    assert tab.get_by_text("the answers differ").first.is_visible()
    failed = tab.locator("details[data-check]").first
    difference = failed.get_by_text("the answer before").inner_text().splitlines()
    assert [line for line in difference if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        '- "b": 2',
        '+ "b": 3',
    ]
    health = tab.locator("[id='contract.a.health[gw/chat]']")
    assert health.locator("pre").count() == 0
    health.locator("summary").first.click()
    health.get_by_text("http: GET http://x/health").click()
    expect(health.get_by_text("curl GET http://x/health")).to_be_visible()
    expect(health.locator("pre").last).to_contain_text('"body": "ok"')


def test_a_drill_has_its_picture_in_the_report_and_on_a_page_of_its_own(tab: Page, tmp_path: Path) -> None:
    report = written(tmp_path, [result("drilled", "pass", (drill(),))])
    for address in (report, (tmp_path / "drills.html").as_uri()):
        tab.goto(address)
        tab.get_by_role("link", name="bad-image (G1)").click()
        picture = tab.get_by_role("img", name="Latency of every request over 2.0 seconds; failed ones above")
        expect(picture).to_be_visible()
        assert picture.locator("circle").count() == 5
        expect(tab.get_by_text("noticed by errors", exact=True).last).to_be_visible()
        expect(tab.get_by_text("Lost: HTTP 502")).to_be_visible()


def test_search_and_outcomes_leave_out_the_rest(tab: Page, tmp_path: Path) -> None:
    tab.goto(written(tmp_path, RESULTS))
    assert (len(shown(tab)), tab.locator("#told").inner_text()) == (4, "4 of 4 checks")
    tab.keyboard.press("/")
    tab.keyboard.type("TOOLS declared")
    assert shown(tab) == ["contract.a.tools[gw/chat]"]
    tab.keyboard.press("Escape")
    tab.get_by_label("pass", exact=True).uncheck()
    assert [name for name in shown(tab) if "health" in name] == []
    tab.get_by_label("Search").fill("no such thing")
    assert (shown(tab), tab.locator("#told").inner_text()) == ([], "0 of 4 checks")
    assert not tab.locator("#suite-contract").is_visible()


def test_a_link_leads_to_its_check_even_if_it_is_filtered_away(tab: Page, tmp_path: Path) -> None:
    page = written(tmp_path, RESULTS)
    tab.goto(f"{page}#contract.a.health%5Bgw/chat%5D")
    assert tab.locator("[id='contract.a.health[gw/chat]']").get_attribute("open") is not None
    tab.get_by_label("Search").fill("tools")
    tab.evaluate("location.hash = 'contract.a.slow%5Bgw/chat%5D'")
    tab.wait_for_function("document.getElementById('contract.a.slow[gw/chat]').open")
    assert len(shown(tab)) == 4


def test_nothing_of_a_deployment_becomes_a_part_of_the_page(tab: Page, tmp_path: Path) -> None:
    evil = '</script><script>document.title = "owned"</script><img src=x onerror=\'document.title = "owned"\'>'
    tab.goto(written(tmp_path, [result("evil", "fail", (seen(evil, evil),), evil)]))
    tab.locator("details[data-check] > details > summary").first.click()
    expect(tab.locator("details[data-check] > details pre").last).to_contain_text("onerror")
    assert tab.title() == "NO-GO · shop · gonogo"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab: Page, tmp_path: Path, scheme: Any) -> None:
    run = charted(record(), [LoadObjective("latency_ms", Band(100, 200), 0.95)])
    tab.emulate_media(color_scheme=scheme)
    tab.goto(written(tmp_path, [*RESULTS, result("drilled", "pass", (drill(),))], load=run))
    tab.locator("details[data-check]").nth(1).locator("summary").click()
    tab.locator("details[data-check] > details > summary").first.click()
    expect(tab.locator("details[data-check] > details pre").first).to_be_visible()
    found = Axe().run(tab).response["violations"]
    assert [
        (flaw["id"], flaw["impact"], [node["html"][:200] for node in flaw["nodes"][:3]])
        for flaw in found
        if flaw["impact"] in {"serious", "critical"}
    ] == []


def test_two_thousand_checks_with_20_mb_of_evidence_open(tab: Page, tmp_path: Path) -> None:
    """What it takes is measured by bench/report.py; here only that all of it is there and can be found."""
    body = json.dumps({"text": "x" * 9000})
    many = [
        result(f"n{i}", "pass" if i % 50 else "fail", (seen(body),), "" if i % 50 else "broken") for i in range(2000)
    ]
    page = written(tmp_path, many)
    assert (tmp_path / "report.html").stat().st_size > 18_000_000
    tab.goto(page)
    assert tab.locator("#told").inner_text() == "2000 of 2000 checks"
    tab.get_by_label("Search").fill("n1999")
    tab.wait_for_function("document.querySelector('#told').textContent === '1 of 2000 checks'")
    assert shown(tab) == ["contract.a.n1999[gw/chat]"]


def test_it_prints_without_its_tools(tab: Page, tmp_path: Path) -> None:
    tab.goto(written(tmp_path, RESULTS))
    tab.emulate_media(media="print")
    assert not tab.locator(".tools").is_visible()
    assert tab.get_by_text("the answers differ").first.is_visible()
