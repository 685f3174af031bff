"""Labelled conversations: what a chatbot is asked, and what its answers should be."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, zip_longest
from typing import Any

from gonogo.documents import Document, DocumentError, Schema

ADVERSARIAL, EVALUATION = "adversarial", "evaluation"
_SHOWN = 60


@dataclass(frozen=True)
class Conversation:
    """What a user says, turn by turn; the labels are those of the last answer."""

    turns: tuple[str, ...]
    intent: str | None = None
    in_scope: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    """Texts that no field of the answer may hold, whatever their case."""
    may_refuse: bool = False
    """The message may be refused with HTTP 400, 413 or 422."""
    tags: frozenset[str] = frozenset()
    language: str = ""
    """In which the answer should be (ISO 639-1); empty: the chatbot's own."""

    @cached_property
    def key(self) -> str:
        """Ten hexadecimal digits that stand for what is said: another text is another conversation."""
        said = "\0".join(self.turns).encode("utf-8", "surrogatepass")
        return hashlib.sha256(said).hexdigest()[:10]

    @property
    def adversarial(self) -> bool:
        """Whether it is judged for its form only."""
        return ADVERSARIAL in self.tags

    @property
    def single(self) -> bool:
        """Whether it is one ordinary turn."""
        return len(self.turns) == 1 and not self.adversarial

    @cached_property
    def title(self) -> str:
        """What is said, for people: one short line of visible characters."""
        said = " / ".join(self.turns)
        said = said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"
        return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in said)


def conversations_in(documents: Iterable[Document], schema: Schema, language: str = "") -> list[Conversation]:
    """The conversations of a set's documents: of each item of a YAML set, or each line of a JSONL set.

    Args:
        documents: one for each conversation.
        schema: of a conversation.
        language: of the answers, where a conversation names none.

    Raises:
        DocumentError: a document is not of that form.
    """
    documents = list(documents)
    problems = [problem for document in documents for problem in schema.problems(document)]
    if problems:
        raise DocumentError(problems)
    return [_conversation({"language": language, **document.value}) for document in documents]


def _conversation(raw: Mapping[str, Any]) -> Conversation:
    turns = raw["turns"] if "turns" in raw else [raw["text"] * raw.get("times", 1)]
    return Conversation(
        turns=tuple(turns),
        intent=raw.get("intent"),
        in_scope=raw.get("in_scope", True),
        parameters=raw.get("parameters", {}),
        forbidden=tuple(raw.get("forbidden", ())),
        may_refuse=raw.get("may_refuse", False),
        tags=frozenset(raw.get("tags", ())),
        language=raw["language"],
    )


def balanced(conversations: Sequence[Conversation]) -> list[Conversation]:
    """The same conversations in such an order that each beginning holds some of every sort.

    A budget that ends early, or a short stage, then has asked a sample of the whole. Sorts are intents, for adversarial
    ones their tags. Conversations that stand twice in the sets are asked once.
    """
    sorts: dict[str, dict[str, Conversation]] = defaultdict(dict)
    for conversation in conversations:
        tags = ",".join(sorted(conversation.tags)) if conversation.adversarial else ""
        sort = f"{min(len(conversation.turns), 2)} {tags or conversation.intent}"
        sorts[sort].setdefault(conversation.key, conversation)
    rounds = zip_longest(*(list(sort.values()) for sort in sorts.values()))
    found = {item.key: item for item in chain.from_iterable(rounds) if item is not None}
    return list(found.values())


@dataclass(frozen=True)
class Answer:
    """What came back for one turn of a conversation; secrets in it are masked, nothing else is changed."""

    key: str
    """Of the conversation."""
    repeat: int
    """0 for the first time that the conversation was held."""
    turn: int
    said: str
    status: int
    """The HTTP status; 0 where no answer came."""
    body: str
    """Of a chat-completions endpoint: the content of the message."""
    duration_ms: float
    content_type: str = ""
    is_utf8: bool = True
    error: str = ""
    """Why no answer came."""
    repeat_with: str = ""
    """A command line that sends the message again."""
    starved: bool = False
    """None came in time, but most of that time this machine had no processor for us."""
    is_cut: bool = False
    """It ended at the limit of tokens that the target asks for, and looked well until then."""

    @property
    def our_doing(self) -> str:
        """Why it is no answer of the chatbot's: our haste, our machine; empty if it is one."""
        if self.status == 429:
            return "got HTTP 429 to the end: lower chatbot.asking.concurrency"
        return "could not be waited for: this machine had no processor for us" if self.starved else ""

    @property
    def undecided(self) -> str:
        """Why its form and its fields say nothing of the chatbot; what it holds does, where it only was cut off."""
        return self.our_doing or (
            "was cut off at our limit: raise chatbot.completions.max_tokens" if self.is_cut else ""
        )

    @property
    def answered(self) -> bool:
        """Whether the chatbot took the message."""
        return self.status == 200
