"""Asking a whole conversation set: many at a time, within a budget, every answer kept in a file as it comes."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TextIO

from gonogo import resources
from gonogo.documents import Document, DocumentError, Schema, load_document, load_lines
from gonogo.errors import BudgetExhaustedError, InconclusiveError
from gonogo.probes.patience import TOO_MANY
from gonogo.rules.conversations import Answer, Conversation, conversations_in
from gonogo.targets.chatbot import Asking

_GIVE_UP_AFTER = 8
"""So many conversations in a row without an answer: the chatbot is down or has enough, and the rest would only wait."""
_FORMAT = 1

Talk = Callable[[Conversation, int], list[Answer]]


@dataclass(frozen=True)
class Held:
    """The answers to a set, and why some of it was not asked."""

    answers: tuple[Answer, ...]
    not_asked: int = 0
    """Conversations (with their repetitions) that were planned and not held."""
    why: str = ""
    earlier: int = 0
    """How many of the answers an earlier run has kept."""


Plan = Sequence[tuple[Conversation, int]]
"""Conversations to hold, each with the number of its repetition, in this order."""


def read_set(file: Path) -> list[Conversation]:
    """The conversations of a set: a file of JSON lines, or a YAML file with `conversations` and their `language`.

    Raises:
        DocumentError: it cannot be read, or is not of that form.
    """
    if file.suffix == ".jsonl":
        return conversations_in(load_lines(file), _schema())
    document = load_document(file)
    items = list(document.root["conversations"])
    if not items:
        raise DocumentError([document.problem((), "has no list under `conversations`")])
    documents = [Document(str(file), item.value, {(): document.places.get(item.path, (1, 1))}) for item in items]
    return conversations_in(documents, _schema(), document.root["language"].text())


@cache
def _schema() -> Schema:
    return Schema(resources.schema("conversation"))


def plan_of(conversations: Sequence[Conversation], asking: Asking) -> Plan:
    """Every conversation once; then the first single turns in scope again, as often as the target says."""
    repeated = [item for item in conversations if item.single and item.in_scope][: asking.repeated]
    again = [(item, repeat) for repeat in range(1, asking.repeats) for item in repeated]
    return [*((item, 0) for item in conversations), *again]


def hold(  # noqa: PLR0913, PLR0917 (what an asking consists of)
    plan: Plan,
    talk: Talk,
    asking: Asking,
    file: Path,
    subject: str,
    earlier: Iterable[Answer] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Held:
    """Hold the planned conversations, `asking.concurrency` at a time, and write each answer to `file` as it comes.

    Args:
        plan: what to hold.
        talk: holds one conversation.
        asking: the budget.
        file: JSON lines; what a run leaves that was ended in the middle can be taken up again.
        subject: of whom it is asked; stands in the file's first line.
        earlier: answers of a run before; conversations that it held to their end are not held again.
        say: told now and then how far it is.

    Raises:
        InconclusiveError: a message could not be sent; what was answered before is in the file.
    """
    by_hold: dict[tuple[str, int], list[Answer]] = {}
    for answer in earlier:
        by_hold.setdefault((answer.key, answer.repeat), []).append(answer)
    kept = [by_hold[item.key, repeat] for item, repeat in plan if _is_whole(by_hold.get((item.key, repeat)), item)]
    have = {(answers[0].key, answers[0].repeat) for answers in kept}
    todo = [(item, repeat) for item, repeat in plan if (item.key, repeat) not in have]
    with file.open("w", encoding="utf-8") as out:
        head = {"format": _FORMAT, "subject": subject, "began": datetime.now(UTC).isoformat()}
        out.write(json.dumps(head) + "\n")
        for answers in kept:
            _write(out, answers)
        held, why = _hold_all(todo, talk, asking, out, say)
        end = {"not_asked": len(todo) - len(held), "why": why, "earlier": sum(map(len, kept))}
        out.write(json.dumps(end) + "\n")
    found = tuple(answer for answers in (*kept, *held) for answer in answers)
    return Held(found, len(todo) - len(held), why, sum(map(len, kept)))


def _is_whole(answers: list[Answer] | None, conversation: Conversation) -> bool:
    return answers is not None and len(answers) == len(conversation.turns) and all(a.answered for a in answers)


def _hold_all(
    todo: Plan, talk: Talk, asking: Asking, out: TextIO, say: Callable[[str], None]
) -> tuple[list[list[Answer]], str]:
    """Hold all, until the budget ends or nobody answers any more; what was begun is waited for."""
    held: list[list[Answer]] = []
    with ThreadPoolExecutor(asking.concurrency) as pool:
        holding = _Holding(todo, talk, asking, pool)
        try:
            while holding.goes_on():
                for answers in holding.ended():
                    _write(out, answers)
                    held.append(answers)
                say(f"{len(held)} of {len(todo)} conversations")
        finally:
            holding.stop()
    return held, holding.why


class _Holding:
    """Conversations, many at a time, and why no more of them begin."""

    def __init__(self, todo: Plan, talk: Talk, asking: Asking, pool: Executor) -> None:
        self.why = ""
        self._talk, self._asking, self._pool = talk, asking, pool
        self._waiting, self._running = deque(todo), set[Future[list[Answer]]]()
        self._ends, self._messages_left, self._in_vain = time.monotonic() + asking.seconds, asking.most_messages, 0
        self._stopped = threading.Event()

    def goes_on(self) -> bool:
        """Begin as many as may be; whether any is being held."""
        while self._waiting and not self.why and len(self._running) < self._asking.concurrency:
            conversation, repeat = self._waiting[0]
            if len(conversation.turns) > self._messages_left:
                self.why = f"the budget of {self._asking.most_messages} messages is used up"
            else:
                self._waiting.popleft()
                self._messages_left -= len(conversation.turns)
                self._running.add(self._pool.submit(self._hold, conversation, repeat))
        return bool(self._running)

    def ended(self) -> Iterator[list[Answer]]:
        """The answers of those that have ended by now, or within a second.

        Raises:
            InconclusiveError: a message could not be sent.
        """
        done, self._running = wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                answers = future.result()
            except BudgetExhaustedError as error:
                self.why = str(error)
                continue
            got_one = any(answer.status and answer.status != TOO_MANY for answer in answers)
            self._in_vain = 0 if got_one else self._in_vain + 1
            yield answers
        self.why = self.why or self._why_enough()

    def stop(self) -> None:
        """Hold none of those that have not begun."""
        self._stopped.set()

    def _hold(self, conversation: Conversation, repeat: int) -> list[Answer]:
        return [] if self._stopped.is_set() else self._talk(conversation, repeat)

    def _why_enough(self) -> str:
        if time.monotonic() > self._ends:
            return f"the budget of {self._asking.seconds:g} s is used up"
        return f"{self._in_vain} in a row got no answer, or HTTP 429" if self._in_vain >= _GIVE_UP_AFTER else ""


def _write(out: TextIO, answers: Iterable[Answer]) -> None:
    out.writelines(json.dumps(asdict(answer)) + "\n" for answer in answers)
    out.flush()


@dataclass(frozen=True)
class AnswerFile:
    """What a file of answers holds."""

    subject: str
    began: datetime
    held: Held


def read_held(file: Path) -> AnswerFile:
    """Read a file of answers; of one that a run left which was ended in the middle, whatever is whole.

    Raises:
        InconclusiveError: it cannot be read, or is none.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InconclusiveError(f"the answers cannot be read: {error}") from error
    lines = [line for line in text.split("\n")[:-1] if line.strip()]  # what has no line's end was cut off
    try:
        head, *rest = map(json.loads, lines)
        if head["format"] != _FORMAT:
            raise InconclusiveError(f"{file}: written by another version (format {head['format']})")
        end = rest.pop() if rest and "not_asked" in rest[-1] else {"not_asked": 0, "why": ""}
        held = Held(tuple(Answer(**{**line, "body": str(line["body"])}) for line in rest), **end)
        return AnswerFile(str(head["subject"]), datetime.fromisoformat(head["began"]), held)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InconclusiveError(f"{file} is no file of answers: {error!r}") from error
