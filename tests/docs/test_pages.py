"""The pages are true: what is generated is up to date, examples are fed to the rules, links lead somewhere."""

import re
from datetime import date
from pathlib import Path

import pytest

from bench.__main__ import PAGE, kept_sections
from docs.tools import target_reference
from gonogo.faults.catalogue import all_faults
from gonogo.model import CheckInfo, CheckResult, Outcome, Permission, Severity, SkipKind, Waiver
from gonogo.resources import ROOT
from gonogo.verdict import judge

EXAMPLES = re.findall(r"^\| ([^|]+) \| (GO|GO WITH CAVEATS|NO-GO|HOLD) \|$",
                      (ROOT / "docs" / "verdict.md").read_text(encoding="utf-8").partition("## Examples")[2], re.MULTILINE)  # fmt: skip
MARKDOWN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "reports" / "README.md"])


def test_the_target_reference_is_up_to_date() -> None:
    written = target_reference.PAGE.read_text(encoding="utf-8")
    assert written == target_reference.render(), "uv run python -m docs.tools.target_reference"


@pytest.mark.parametrize(("found", "verdict"), EXAMPLES)
def test_the_examples_of_verdicts_are_what_the_rules_say(found: str, verdict: str) -> None:
    results, required, interrupted, waivers = [], [], "", []
    for number, part in enumerate(found.split(", ") if found != "nothing" else []):
        if part == "required suite without a check":
            required.append("monitoring")
        elif part == "interrupted":
            interrupted = "Ctrl-C"
        else:
            severity, outcome, *detail = part.split(" ", 2)
            kind = SkipKind(detail[0].strip("()").replace(" ", "-")) if outcome == "skip" else None
            info = CheckInfo(
                f"contract.example.n{number}", "t", Severity(severity), Permission.LIVE, ("C1",), smoke=False
            )
            results.append(CheckResult(info, str(number), Outcome(outcome), reason="r", skip_kind=kind))
            waivers += [Waiver(info.check_id, "r", "o", date(2030, 1, 1))] if detail == ["(waived)"] else []
    assert judge(results, required, waivers, interrupted).decision == verdict


def test_the_matrix_is_of_these_faults() -> None:
    """It is made now and then: what has come since is named, what is gone or makes another check fail is an error."""
    text = (ROOT / "docs" / "matrix.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", text, re.MULTILINE))
    primary = {fault.name: fault.primary for fault in all_faults().values()}
    assert rows.items() <= primary.items(), "uv run python -m docs.tools.matrix"
    assert len(rows) > 0.95 * len(primary)
    assert set(rows.values()) == set(primary.values())


def test_the_bench_report_tells_what_is_kept() -> None:
    page, sections = PAGE.read_text(encoding="utf-8"), kept_sections()
    assert sections
    assert all(section in page for section in sections.values()), "run python -m bench --kept"


def test_there_are_examples_of_each_verdict() -> None:
    assert {verdict for _, verdict in EXAMPLES} == {"GO", "GO WITH CAVEATS", "NO-GO", "HOLD"}
    assert len(EXAMPLES) > 12


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.exists(), link
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), link


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
