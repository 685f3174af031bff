"""All figures in one report: ``uv run python -m bench [NAME ...]`` writes docs/bench-report.md.

``--list`` tells the names; ``--kept`` measures nothing, and writes the page.

Parts that are not named stay in the report as they were measured before; those that take an hour keep their own
figures (docs/false-alarms.json, docs/mutation.json), and the report tells them whoever measured them.

Each part is a program of its own, so that one that fails spoils no other. Machines are shared and noisy: run it on one
that does nothing else, and compare ratios, not seconds, between machines.
"""

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import false_alarms
from bench.mutation import __main__ as mutation
from gonogo.resources import ROOT

PAGE = ROOT / "docs" / "bench-report.md"


@dataclass(frozen=True)
class Part:
    """Some figures, and what measures them."""

    name: str
    what: str
    words: tuple[str, ...]
    kept: Callable[[], str] | None = None
    """What its command has kept, for people."""

    @property
    def command(self) -> str:
        """How to repeat it."""
        return f"uv run python -m {' '.join(self.words)}"


def alarms(kind: str) -> str:
    """False alarms as they were counted last; empty if they never were."""
    found = false_alarms.kept().get(kind)
    return f"{false_alarms.told(found)}; {found['day']}" if found else ""


def mutants(*parts: str) -> str:
    """Of which mutants it was noticed last that they are there."""
    return "\n".join(mutation.told(part) for part in parts if part in mutation.kept())


PARTS = (
    Part("figures", "The default run, files only, what the plugin adds to a check", ("bench.figures",)),
    Part("static", "Large configurations, digests", ("bench.static",)),
    Part("contract", "The suite contract", ("bench.contract",)),
    Part("routing", "The suite routing on the embedded LiteLLM", ("bench.routing",)),
    Part("output", "The suite output", ("bench.output",)),
    Part("cluster", "The suite cluster on 500 pods", ("bench.cluster",)),
    Part("report", "The report of 2,000 checks", ("bench.report",)),
    Part("load", "The load generator against a server that knows its own schedule", ("bench.load",)),
    Part("deciding", "Decisions under load: errors, and time to decide (a simulation)", ("bench.deciding",)),
    Part("alarms", "False alarms of the quick suites", ("bench.false_alarms", "fast", "300"), lambda: alarms("fast")),
    Part(
        "alarms-whole", "False alarms of the whole gate", ("bench.false_alarms", "whole", "20"),
        lambda: alarms("whole"),
    ),
    Part(
        "mutation", "Mutation of objectives, verdict and stream", ("bench.mutation", "modules"),
        lambda: mutants(*mutation.MODULES),
    ),
    Part(
        "mutation-suites", "Mutation of the suites", ("bench.mutation", "suites", "matrix.jsonl"),
        lambda: mutants("suites"),
    ),
)  # fmt: skip


def measure(part: Part) -> str:
    """Run a part; its section of the page."""
    print(f"{part.name}: {part.command}", flush=True)
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", *part.words], cwd=ROOT, capture_output=True, text=True, check=False)
    told = (done.stdout + (done.stderr[-2000:] if done.returncode else "")).rstrip()
    print(told, flush=True)
    failed = f"; it ended with {done.returncode}" if done.returncode else ""
    took_s, now = time.monotonic() - began, datetime.now(UTC)
    took = f"`{part.command}` on {machine()}, {now:%Y-%m-%d %H:%M} UTC, {took_s:.0f} s{failed}."
    return section(part, took, told)


def section(part: Part, how: str, told: str) -> str:
    """A part of the page."""
    return "\n".join([f"## {part.what}", "", how, "", "```", told, "```", ""])


def kept_sections() -> dict[str, str]:
    """The sections of parts that keep their figures, by name."""
    told = {part: part.kept() for part in PARTS if part.kept is not None}
    return {
        part.name: section(part, f"`{part.command}`, as it was measured last.", text)
        for part, text in told.items()
        if text
    }


def measured_before(page: str) -> dict[str, str]:
    """The sections of a page, by the parts' names."""
    known = "|".join(re.escape(part.what) for part in PARTS)
    _, *pieces = re.split(rf"^## ({known})$", page, flags=re.MULTILINE)
    texts = dict(zip(pieces[::2], pieces[1::2], strict=True))
    return {part.name: f"## {part.what}{texts[part.what].rstrip()}\n" for part in PARTS if part.what in texts}


def machine() -> str:
    """What it was measured on."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores ({model or platform.machine()}), Python {platform.python_version()}"


def write_page(measured: Mapping[str, str]) -> None:
    """Write the page: what was measured now, what is kept, and what was measured before."""
    before = measured_before(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    sections = {**before, **measured, **kept_sections()}
    head = "# Bench report\n\nBy `uv run python -m bench`; do not edit.\n"
    PAGE.write_text("\n".join([head, *(sections[p.name] for p in PARTS if p.name in sections)]), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Measure the parts that are named, or all of them."""
    if arguments == ["--list"]:
        print("\n".join(f"{part.name:15} {part.what}" for part in PARTS))
        return
    if arguments == ["--kept"]:
        write_page({})
        return
    known = {part.name: part for part in PARTS}
    if unknown := set(arguments) - set(known):
        sys.exit(f"no such part: {', '.join(sorted(unknown))}. There are: {', '.join(known)}")
    for name in arguments or known:
        write_page({name: measure(known[name])})  # what is measured is kept, whatever follows


if __name__ == "__main__":
    main(sys.argv[1:])
