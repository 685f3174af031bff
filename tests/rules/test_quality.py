"""Rates, comparisons, and the sets that they are made of."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gonogo import resources
from gonogo.documents import DocumentError, load_lines
from gonogo.model import Outcome
from gonogo.objectives import Band, decide_drop
from gonogo.probes.asking import read_set
from gonogo.rules.conversations import Answer, Conversation, balanced
from gonogo.rules.quality import (
    NOTHING,
    Asked,
    Pair,
    accuracy_drop,
    by_intent,
    evaluation_subset,
    gathered,
    macro_f1,
    macro_f1_drop,
    paired,
    passing_drop,
)
from gonogo.rules.replies import Reply
from gonogo.targets.chatbot import Asking, Fields

FOLDER = resources.folder("fixtures") / "conversations"


def reply(intent: str, *, fallback: bool = False, **parameters: str) -> Reply:
    return Reply("Hola", intent, 0.9, fallback, parameters, ())


def asked(wanted: str, *said: str, number: int = 0) -> Asked:
    return Asked(Conversation((f"{wanted} {number}",), wanted), tuple(map(reply, said)))


def shipped(name: str) -> list[Conversation]:
    return read_set(next(FOLDER.glob(f"{name}.*")))


def test_the_shipped_sets_are_what_the_documents_say() -> None:
    cars, odd, english = shipped("cars-es"), shipped("adversarial-es"), shipped("cars-en")
    assert sum(item.single for item in cars) >= 200
    assert sum(len(item.turns) > 1 for item in cars) >= 30
    assert sum(item.single and not item.in_scope for item in cars) >= 60
    assert len(odd) >= 60
    assert all(item.adversarial for item in odd)
    assert {"injection", "json", "unicode", "rtl", "languages", "emoji", "code", "sql", "length"} <= {
        tag for item in odd for tag in item.tags
    }
    assert sum(item.single for item in english) >= 40
    for conversations in (cars, odd, english):
        assert Counter(item.key for item in conversations).most_common(1)[0][1] == 1


def test_a_beginning_of_a_balanced_set_holds_some_of_every_sort() -> None:
    cars = shipped("cars-es")
    mixed = balanced([*cars, *shipped("adversarial-es")])
    assert sorted(item.key for item in mixed) == sorted({item.key for item in mixed})
    singles = [item for item in mixed if item.single]
    assert {item.intent for item in singles[:9]} == {item.intent for item in cars if item.intent}
    assert balanced([cars[0], cars[0]]) == [cars[0]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a", "turns": ["a", "b"]}', "breaks oneOf"),
        ('{"text": "a", "intnt": "x"}', "unknown key 'intnt' (did you mean 'intent'?)"),
        ('{"intent": "x"}', "lacks"),
        ('{"text": "a", "tags": ["A"]}', "breaks pattern"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(f'{{"text": "Hola"}}\n\n{line}\n', encoding="utf-8")
    with pytest.raises(DocumentError) as error:
        read_set(file)
    assert f"{file}:3:1: " in str(error.value)
    assert message in str(error.value)


def test_lines_that_are_not_json_are_all_told(tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text('{"text": }\n{"text": "Hola"}\n{"text"\n', encoding="utf-8")
    with pytest.raises(DocumentError) as error:
        load_lines(file)
    assert [problem.line for problem in error.value.problems] == [1, 3]


def test_k_of_n() -> None:
    item = asked("precio", "precio", "precio", "cita")
    assert item.mostly(item.has_intent, Asking(repeats=3, agree=2))
    assert not item.mostly(item.has_intent, Asking(repeats=3, agree=3))
    assert asked("precio", "precio").mostly(item.has_intent, Asking())  # asked once: that one answer counts
    assert item.intent == "precio"
    assert item.accuracy == pytest.approx(2 / 3)
    assert item.is_usual(reply("precio"))
    broken = Asked(item.conversation, (NOTHING, NOTHING, NOTHING))
    assert not broken.mostly(broken.is_usual, Asking())


def test_only_json_objects_to_the_last_turn_have_fields() -> None:
    talk = Conversation(("Hola", "¿Precio?"), "precio")
    first = Answer(talk.key, 0, 0, "Hola", 200, '{"intent": "saludo"}', 1.0)
    last = replace(first, turn=1, body='{"intent": "precio"}')
    for broken in ([first], [first, replace(last, status=500)], [first, replace(last, body="prosa")]):
        assert gathered([talk], broken, Fields())[0].replies == (NOTHING,)
    assert gathered([talk], [last, first], Fields())[0].intent == "precio"
    assert gathered([talk], [replace(first, status=429)], Fields()) == []
    assert gathered([talk], [], Fields()) == []


def test_macro_f1_by_hand() -> None:
    # a: 2 wanted, 1 said, 1 right: 2/3; b: 1 wanted, 2 said, 1 right: 2/3
    assert macro_f1(["a", "a", "b"], ["a", "b", "b"], ["a", "b"])(np.ones((1, 3))) == pytest.approx(2 / 3)
    assert macro_f1(["a", "b"], ["c", "c"], ["a", "b"])(np.ones((1, 2))) == 0
    assert macro_f1(["a"], ["a"], ["a", "b"])(np.ones((1, 1))) == 1  # what nobody wanted or said is no mistake


def test_macro_f1_of_what_is_drawn() -> None:
    """Each row says how often each prompt counts: as if it stood there that often."""
    wanted, said = ["a", "a", "b", "c"], ["a", "b", "b", "a"]
    draws = [[2, 0, 1, 1], [0, 3, 1, 0], [4, 0, 0, 0]]
    drawn = [[i for i, times in enumerate(row) for _ in range(times)] for row in draws]
    each = [macro_f1([wanted[i] for i in of], [said[i] for i in of], ["a", "b"])(np.ones((1, 4)))[0] for of in drawn]
    assert list(macro_f1(wanted, said, ["a", "b"])(np.array(draws, dtype=float))) == pytest.approx(each)


def pairs(before: str, after: str, count: int, intent: str = "precio") -> list[Pair]:
    return [Pair(asked(intent, before, number=i), asked(intent, after, number=i)) for i in range(count)]


BAND = Band(0.02, 0.05)


def test_the_same_answers_pass_where_there_are_enough() -> None:
    same = pairs("precio", "precio", 200)
    assert decide_drop(200, accuracy_drop(same), BAND).outcome is Outcome.PASS
    assert decide_drop(40, accuracy_drop(same[:40]), BAND).outcome is Outcome.INCONCLUSIVE
    assert "at least 30 are needed" in decide_drop(29, accuracy_drop(same[:29]), BAND).text


def test_a_drop_fails_and_a_gain_passes() -> None:
    right, wrong = pairs("precio", "precio", 180), pairs("precio", "cita", 20)
    mixed = [*right, *wrong]
    assert decide_drop(200, accuracy_drop(mixed), BAND).outcome is Outcome.FAIL
    assert decide_drop(200, passing_drop(mixed), BAND).outcome is Outcome.FAIL
    gained = [Pair(pair.after, pair.before) for pair in mixed]
    assert decide_drop(200, accuracy_drop(gained), BAND).outcome is Outcome.PASS
    few = [*pairs("precio", "precio", 194), *pairs("precio", "cita", 6)]
    assert decide_drop(200, accuracy_drop(few), BAND).outcome is Outcome.INCONCLUSIVE


def test_a_rare_intent_that_is_lost_shows_in_macro_f1() -> None:
    mixed = [*pairs("precio", "precio", 190), *pairs("saludo", "precio", 10, "saludo")]
    assert accuracy_drop(mixed)(np.ones((1, 200))) == pytest.approx(0.05)
    assert macro_f1_drop(mixed)(np.ones((1, 200))) > 0.4


def test_the_error_of_a_comparison_stays_under_its_level() -> None:
    """Two runs of equal quality (each prompt right at random, nine times of ten) are rarely told apart."""
    import random  # noqa: PLC0415

    failed = 0
    for seed in range(60):
        numbers = random.Random(seed)
        said = [["precio" if numbers.random() < 0.9 else "cita" for _ in range(2)] for _ in range(200)]
        noisy = [Pair(asked("precio", before), asked("precio", after)) for before, after in said]
        failed += decide_drop(200, accuracy_drop(noisy), Band(0.0, 0.0)).outcome is Outcome.FAIL
    assert failed <= 60 * 0.025 + 3 * (60 * 0.025 * 0.975) ** 0.5  # one side of a 95 % interval, and three deviations


def test_pairs_are_by_what_was_said() -> None:
    before, after = (
        [asked("precio", "precio"), asked("cita", "cita")],
        [asked("cita", "precio"), asked("venta", "venta")],
    )
    (pair,) = paired(before, after)
    assert pair.changed
    assert by_intent([pair]) == [{"intent": "cita", "prompts": 1, "before": 1.0, "after": 0.0, "changed": 1}]
    assert evaluation_subset([pair]) == []
