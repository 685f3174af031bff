"""The calibration matrix: made of what each fault left, and of nothing that was not noticed as it says."""

import json
from pathlib import Path

import pytest

from docs.tools import matrix
from gonogo.faults.catalogue import all_faults

FAULT = all_faults()["no-auth"]


def line(**told: list[str]) -> str:
    found = {"fault": FAULT.name, "target": FAULT.target, "failed": [FAULT.primary], "changed": [FAULT.primary]}
    return json.dumps({**found, "tried": [FAULT.primary, "contract.models.listed"], **told}) + "\n"


def test_a_fault_and_the_checks_that_looked(tmp_path: Path) -> None:
    (tmp_path / "left.jsonl").write_text(line(), encoding="utf-8")
    lines = matrix.read(tmp_path / "left.jsonl")
    page = matrix.render(lines, [FAULT.primary, "contract.models.listed"], "2026-01-01")
    assert f"| `{FAULT.name}` | `{FAULT.primary}` |  | 2 |" in page
    assert "2 pairs of a fault and a check" in page
    cells = matrix.cells(lines, ["contract.models.listed", FAULT.primary, "config.file.schema"])
    assert cells.tolist() == [[matrix.UNCHANGED, matrix.PRIMARY, matrix.NOT_TRIED]]
    matrix.draw(lines, [FAULT.primary], tmp_path / "matrix.png")
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_the_last_line_of_a_fault_counts(tmp_path: Path) -> None:
    (tmp_path / "left.jsonl").write_text(line(failed=[]) + line(), encoding="utf-8")
    assert set(matrix.read(tmp_path / "left.jsonl")) == {FAULT.name}


@pytest.mark.parametrize("told", [{"failed": []}, {"changed": [FAULT.primary, "contract.models.listed"]}])
def test_what_was_not_noticed_as_it_says_makes_no_matrix(told: dict[str, list[str]], tmp_path: Path) -> None:
    (tmp_path / "left.jsonl").write_text(line(**told), encoding="utf-8")
    with pytest.raises(SystemExit, match=f"{FAULT.name} was not noticed"):
        matrix.read(tmp_path / "left.jsonl")
