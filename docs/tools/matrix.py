"""Write the calibration matrix: ``uv run python -m docs.tools.matrix FILE`` with what the calibration has left in FILE.

GONOGO_FAULTS=all GONOGO_MATRIX=FILE uv run pytest tests/calibration
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from docs.tools.check_reference import read_catalog
from gonogo.faults.catalogue import Fault, all_faults

ROOT = Path(__file__).parent.parent.parent
PAGE, PICTURE = ROOT / "docs" / "matrix.md", ROOT / "docs" / "matrix.png"
NOT_TRIED, UNCHANGED, PRIMARY, CASCADE = range(4)
COLOURS = ("#ffffff", "#d8dee4", "#cf222e", "#fb8f44")
_CAPTION = (
    "Faults down, checks across: red where the fault's own check fails, orange where a declared cascade follows, grey "
    "where a check looked and stayed as it was"
)
Line = Mapping[str, Any]


def read(file: Path) -> dict[str, Line]:
    """The last line of each fault: one that was run again counts as it was then.

    Raises:
        SystemExit: a fault was not noticed as it says; the calibration has failed, and there is no matrix.
    """
    faults, lines = all_faults(), {}
    for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        lines[line["fault"]] = line
    for name, line in lines.items():
        allowed = {faults[name].primary, *faults[name].cascades}
        if faults[name].primary not in line["failed"] or not allowed.issuperset(line["changed"]):
            sys.exit(f"{name} was not noticed as it says: {line['changed']}")
    return lines


def render(lines: Mapping[str, Line], checks: Sequence[str], day: str) -> str:
    """The page."""
    faults = sorted(all_faults().values(), key=lambda fault: (fault.primary, fault.name))
    tried = {check for line in lines.values() for check in line["tried"]}
    missing = [fault.name for fault in faults if fault.name not in lines]
    pairs = sum(len(line["tried"]) for line in lines.values())
    turned = sum(len(line["changed"]) for line in lines.values())
    told = [
        "# Calibration matrix",
        "",
        f"Of {day}, by `GONOGO_FAULTS=all GONOGO_MATRIX=matrix.jsonl uv run pytest tests/calibration` and",
        "`uv run python -m docs.tools.matrix matrix.jsonl`; do not edit.",
        "",
        f"{len(lines)} of {len(faults)} faults were switched on, one at a time, on a healthy deployment;",
        f"{len(tried)} of {len(checks)} checks looked: {pairs} pairs of a fault and a check. Each fault made its",
        f"check fail; {turned} pairs changed at all, each of them declared, and {pairs - turned} stayed as they were.",
        "A fault is tried on the part of the suites that can notice it.",
        "",
        f"![{_CAPTION}](matrix.png)",
        "",
        f"Not run: {', '.join(f'`{name}`' for name in missing) or 'none'}.",
        "",
        "| fault | makes fail | follows | checks that looked |",
        "| --- | --- | --- | --- |",
        *(_row(fault, lines[fault.name]) for fault in faults if fault.name in lines),
    ]
    return "\n".join(told) + "\n"


def _row(fault: Fault, line: Line) -> str:
    follows = ", ".join(f"`{check}`" for check in line["changed"] if check != fault.primary)
    return f"| `{fault.name}` | `{fault.primary}` | {follows} | {len(line['tried'])} |"


def cells(lines: Mapping[str, Line], checks: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.int8]]":
    """What each fault (down) did to each check (across)."""
    faults = sorted((all_faults()[name] for name in lines), key=lambda fault: (fault.primary, fault.name))
    place = {check: i for i, check in enumerate(checks)}
    found = np.full((len(faults), len(checks)), NOT_TRIED, dtype=np.int8)
    for row, fault in enumerate(faults):
        line = lines[fault.name]
        for kind, names in ((UNCHANGED, line["tried"]), (CASCADE, line["changed"]), (PRIMARY, [fault.primary])):
            found[row, [place[name] for name in names if name in place]] = kind
    return found


def draw(lines: Mapping[str, Line], checks: Sequence[str], file: Path) -> None:
    """The picture."""
    from matplotlib.colors import ListedColormap  # noqa: PLC0415 (half a second of everyone that imports this module)
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(11, 12), dpi=110, layout="constrained")
    axes = figure.subplots()
    colours = ListedColormap(COLOURS)
    image = cells(lines, checks)
    axes.imshow(image, cmap=colours, vmin=0, vmax=len(COLOURS) - 1, aspect="auto", interpolation="nearest")
    suites = [check.partition(".")[0] for check in checks]
    firsts = [suites.index(suite) for suite in dict.fromkeys(suites)]
    axes.set_xticks(firsts, list(dict.fromkeys(suites)), rotation=60, ha="right", fontsize=8)
    axes.set_xlabel("checks, by suite")
    axes.set_ylabel("faults, by the check that they make fail")
    figure.savefig(file, metadata={"Software": None})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found, known = read(Path(sys.argv[1])), [entry["id"] for entry in read_catalog()]
    PAGE.write_text(render(found, known, datetime.now(UTC).date().isoformat()), encoding="utf-8")
    draw(found, known, PICTURE)
