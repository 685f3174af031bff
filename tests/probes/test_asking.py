"""A set is asked within its budget, taken up again where it was left, and given up where nobody answers."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.errors import BudgetExhaustedError, InconclusiveError
from gonogo.probes.asking import hold, plan_of, read_held
from gonogo.rules.conversations import Answer, Conversation
from gonogo.targets.chatbot import Asking

SET = [Conversation((f"prompt {i}",), "precio") for i in range(20)]


def talker(asked: list[str], status: int = 200, pause_s: float = 0.0) -> Callable[[Conversation, int], list[Answer]]:
    def talk(conversation: Conversation, repeat: int) -> list[Answer]:
        time.sleep(pause_s)
        asked.append(f"{conversation.turns[0]}/{repeat}")
        return [
            Answer(conversation.key, repeat, i, said, status, "{}", 1.0, error="" if status else "refused")
            for i, said in enumerate(conversation.turns)
        ]

    return talk


def test_every_prompt_once_and_some_again(tmp_path: Path) -> None:
    asked: list[str] = []
    asking = Asking(concurrency=4, repeats=3, repeated=5)
    plan = plan_of([*SET, Conversation(("odd",), tags=frozenset({"adversarial"}))], asking)
    held = hold(plan, talker(asked), asking, tmp_path / "a.jsonl", "bot")
    assert len(asked) == len(held.answers) == 21 + 2 * 5
    assert sum(name.endswith("/2") for name in asked) == 5
    assert (held.not_asked, held.why) == (0, "")
    kept = read_held(tmp_path / "a.jsonl")
    assert (kept.subject, kept.held) == ("bot", held)


@pytest.mark.parametrize(
    ("asking", "pause_s", "most", "why"),
    [
        (Asking(requests=7), 0.0, 7, "the budget of 7 messages is used up"),
        (Asking(money=1.0, price_per_message=0.2), 0.0, 5, "the budget of 5 messages is used up"),
        (Asking(concurrency=1, seconds=0.05), 0.02, 6, "the budget of 0.05 s is used up"),
    ],
)
def test_the_budget_ends_it(tmp_path: Path, asking: Asking, pause_s: float, most: int, why: str) -> None:
    asked: list[str] = []
    held = hold([(item, 0) for item in SET], talker(asked, pause_s=pause_s), asking, tmp_path / "a.jsonl", "bot")
    assert 0 < len(asked) <= most
    assert (held.not_asked, held.why) == (len(SET) - len(asked), why)


def test_turns_count_as_messages(tmp_path: Path) -> None:
    asked: list[str] = []
    talks = [Conversation((f"{i}", "b", "c")) for i in range(5)]
    hold([(item, 0) for item in talks], talker(asked), Asking(requests=8), tmp_path / "a.jsonl", "bot")
    assert len(asked) == 2


def test_it_gives_up_where_nobody_answers(tmp_path: Path) -> None:
    asked: list[str] = []
    held = hold([(item, 0) for item in SET], talker(asked, 0), Asking(concurrency=1), tmp_path / "a.jsonl", "bot")
    assert (len(asked), held.why) == (8, "8 in a row got no answer, or HTTP 429")
    assert {answer.error for answer in held.answers} == {"refused"}


def test_no_more_at_a_time_than_allowed(tmp_path: Path) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def talk(conversation: Conversation, repeat: int) -> list[Answer]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1
        return [Answer(conversation.key, repeat, 0, "", 200, "{}", 1.0)]

    hold([(item, 0) for item in SET], talk, Asking(concurrency=3), tmp_path / "a.jsonl", "bot")
    assert 1 < most <= 3


def test_what_cannot_be_sent_ends_it(tmp_path: Path) -> None:
    def talk(conversation: Conversation, repeat: int) -> list[Answer]:
        raise InconclusiveError("the name does not resolve here")

    with pytest.raises(InconclusiveError, match="does not resolve"):
        hold([(item, 0) for item in SET], talk, Asking(), tmp_path / "a.jsonl", "bot")


def test_an_ended_run_is_taken_up_again(tmp_path: Path) -> None:
    first: list[str] = []
    plan = [(item, 0) for item in SET]
    hold(plan, talker(first), Asking(requests=12), tmp_path / "first.jsonl", "bot")
    whole = (tmp_path / "first.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"  # as a killed run leaves it: no last line, and the one before it half written
    cut.write_text("".join(whole[:-2]) + whole[-2][:40], encoding="utf-8")
    earlier = read_held(cut).held
    again: list[str] = []
    failed = [Answer(SET[0].key, 0, 0, "", 0, "", 1.0, error="reset")]  # not answered: asked again
    kept = [answer for answer in earlier.answers if answer.key != SET[0].key]
    held = hold(plan, talker(again), Asking(), tmp_path / "second.jsonl", "bot", [*kept, *failed])
    assert len(earlier.answers) == 11
    assert len(again) == len(SET) - len(kept)
    assert {answer.key for answer in held.answers} == {item.key for item in SET}
    assert (held.not_asked, held.earlier) == (0, len(kept))
    assert read_held(tmp_path / "second.jsonl").held.earlier == len(kept)


def test_what_was_answered_before_the_runs_budget_ended_is_kept(tmp_path: Path) -> None:
    asked: list[str] = []

    def talk(conversation: Conversation, repeat: int) -> list[Answer]:
        if len(asked) >= 10:
            raise BudgetExhaustedError("the run's budget of 10 requests is used up")
        return talker(asked)(conversation, repeat)

    held = hold([(item, 0) for item in SET], talk, Asking(concurrency=1), tmp_path / "a.jsonl", "bot")
    assert (len(held.answers), held.not_asked) == (10, 10)
    assert held.why == "the run's budget of 10 requests is used up"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no file of answers"),
        ('{"format": 99, "subject": "bot"}\n', "written by another version"),
        ('{"format": 1, "subject": "bot"}\n{"key": 1}\n', "is no file of answers"),
        ('{"a": }\n{"b": 1}\n', "is no file of answers"),
        ('{"format": 1, "subject": "bot", "began": "soon"}\n', "is no file of answers"),
    ],
)
def test_what_is_no_file_of_answers(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InconclusiveError, match=message):
        read_held(file)


def test_lone_surrogates_and_line_separators_survive(tmp_path: Path) -> None:
    item = Conversation(("\ud83d \u2028 \x85",))
    held = hold([(item, 0)], talker([]), Asking(), tmp_path / "a.jsonl", "bot")
    assert read_held(tmp_path / "a.jsonl").held == held
    assert json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8").split("\n")[1])["said"] == item.turns[0]
