"""The mutator: what it writes otherwise, and nothing else."""

import ast

import pytest

from bench.mutation.__main__ import Mutant, rounds_of
from bench.mutation.mutants import Change, judgements, mutated, turned
from gonogo.resources import ROOT

CHECK = '''
def test_a(x):
    """ñ: offsets are bytes."""
    if not x:
        raise NotDeclared("no fail")
    assert x.name is not None
    expect_field(x)
    assert x.good, f"is {x}"
    expect_flawless([*rules(x), "é"])
    x.drill.expect_performed()
    raise AssertionError("always")
'''


def test_each_judgement_is_switched_off_and_what_it_asks_is_still_worked_out() -> None:
    changes = judgements(CHECK)
    assert [change.was.split("(")[0] for change in changes] == [
        'assert x.good, f"is {x}"', "expect_flawless", "x.drill.expect_performed", "raise AssertionError",
    ]  # fmt: skip
    text = mutated(CHECK, changes)
    ast.parse(text)
    assert "(x.good)" in text
    assert '(([*rules(x), "é"]), )' in text
    assert 'raise NotDeclared("no fail")' in text
    assert "assert x.name is not None" in text
    assert "expect_field(x)" in text
    assert "expect_performed" not in text
    assert "raise AssertionError" not in text


@pytest.mark.parametrize(
    ("line", "otherwise"),
    [
        ("return a < b", {"(a <= b)", "None"}),
        ("return a + 1", {"(a - 1)", "(1 + 1)", "None"}),
        ("return a and not b", {"(a or not b)", "bool(b)", "None"}),
        ("return [x for x in a if x.ok]", {"(not (x.ok))", "None"}),
        ("return b if a else True", {"(not (a))", "False", "None"}),
        ("if a(): pass", {"(not (a()))"}),
    ],
)
def test_what_decides_is_turned(line: str, otherwise: set[str]) -> None:
    text = f"def f(a, b):\n    {line}\n"
    changes = turned(text)
    assert {change.text for change in changes} == otherwise
    for change in changes:
        ast.parse(mutated(text, [change]))


@pytest.mark.parametrize("file", ["objectives", "verdict", "stream"])
def test_every_mutant_of_the_modules_is_python(file: str) -> None:
    text = (ROOT / "src" / "gonogo" / f"{file}.py").read_text(encoding="utf-8")
    changes = turned(text)
    assert len(changes) > 30
    for change in changes:
        other = mutated(text, [change])
        assert other != text
        ast.parse(other)


def test_in_one_round_each_check_is_silenced_once() -> None:
    change = Change(1, "f", 0, 1, "", "")
    one, two, both = (Mutant("a.py", change, checks) for checks in [("a",), ("b",), ("a", "b")])
    assert rounds_of([one, two, both, one]) == [[one, two], [both], [one]]
