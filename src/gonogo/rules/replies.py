"""What must hold of a chatbot's answer: the body as it came, and the text that people read. Nothing is repaired."""

import codecs
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gonogo.documents import Schema
from gonogo.rules.conversations import Answer
from gonogo.rules.pointers import pointed
from gonogo.rules.reading import json_value, number
from gonogo.targets.chatbot import Fields

LEAK_WORDS = 12
"""So many words of the system prompt in a row are a leak; fewer may be ordinary speech."""
MAX_CHARACTERS = 100_000
"""No front end shows a longer answer, and the rules below look at each character."""
_FENCE = re.compile(r"^\s*```")
_MARKUP = {
    "a markdown fence": re.compile(r"```|~~~"),
    "a markdown heading": re.compile(r"^#{1,6} ", re.MULTILINE),
    "markdown emphasis": re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
    "a markdown link": re.compile(r"\]\(\w+:"),
    "an HTML tag": re.compile(r"</?(?:a|b|br|div|em|i|img|li|p|script|span|strong|ul)\b[^<>]{0,200}>", re.IGNORECASE),
}
_REASONING = {
    "a reasoning tag": re.compile(
        r"(?:</?|◁/?)(?:think|thinking|thought|reasoning|reflection|scratchpad|analysis)\b", re.IGNORECASE
    ),
    "a reasoning label": re.compile(r"^\s*(?:thought|thinking|reasoning|analysis|let me think)\s*:", re.IGNORECASE),
}
_TEMPLATE = {
    "a token of a chat template": re.compile(
        r"<\|[A-Za-z_/]{2,40}\|>|<\uff5c[^\uff5c]{1,40}\uff5c>|</?(?:s|unk|pad|bos|eos|start_of_turn|end_of_turn)>"
        r"|\[/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT)\]|<</?SYS>>"
    ),
    "a placeholder": re.compile(r"\{\{[^{}]{0,60}\}\}|\$\{\w+\}|%\(\w+\)s|<%=?|\{[a-z_]{2,30}\}"),
    "a value of the program": re.compile(
        r"\[object Object\]|(?:^|[:€$]\s*)(?:undefined|NaN)\b|\b(?:undefined|NaN)\s*(?:€|euros?\b|\$)"
    ),
}
_LATE_BYTES = bytes(range(0x80, 0xC0))
_LATE = re.escape(_LATE_BYTES.decode("latin-1") + _LATE_BYTES.decode("cp1252", errors="ignore"))
# Two-byte UTF-8 read as Latin-1 or Windows-1252: the second byte of an accented letter becomes one of these.
# In capitals it may be a letter of its own before a quotation mark (SÓ AMANHÃ”).
_MOJIBAKE = re.compile(rf"(?<![A-ZÀ-Þ])[\u00c3\u00c2][{_LATE}]|\ufffd")
_QUOTED = re.compile(r"«[^»]*»|“[^”]*”|\"[^\"]*\"")
_LOOP = re.compile(r"(.{12,200}?)\1{2,}", re.DOTALL)
"""Twelve characters or more, three times in a row."""
_LONGEST_LOOKED_AT = 20_000
_INVISIBLE = {"Cc", "Cf", "Co", "Cs"}
_JOINERS = {"\u200c", "\u200d", "\u00ad", *map(chr, range(0xE0020, 0xE0080))}
"""How emoji, Persian and soft hyphens are written."""


@dataclass(frozen=True)
class Body:
    """An answer's body, read as strictly as a front end in any language would."""

    value: Any
    """None where it is not one JSON value."""
    flaws: tuple[str, ...]
    """Why it is not one JSON object, if so."""
    duplicates: tuple[str, ...]
    """Keys that stand twice in one object."""


@lru_cache(maxsize=2048)
def read_body(body: str) -> Body:
    """Read a body: exactly one JSON object, with nothing around it."""
    duplicates: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            duplicates.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return found

    if len(body) > MAX_CHARACTERS:
        return Body(None, (f"the body has {len(body)} characters, at most {MAX_CHARACTERS} are read",), ())
    if not body.strip():
        return Body(None, ("the body is empty",), ())
    try:
        value = json_value(body, keep)
    except ValueError as error:
        return Body(None, (_why_not_json(body, error),), ())
    if isinstance(value, str):
        return Body(None, ("the body is a JSON string, not an object: encoded twice?",), ())
    if not isinstance(value, dict):
        return Body(None, (f"the body is a JSON {_kind(value)}, not an object",), ())
    return Body(value, (), tuple(duplicates))


def _why_not_json(body: str, error: Exception) -> str:
    if body.startswith(codecs.BOM_UTF8.decode()):
        return "the body begins with a byte order mark"
    if _FENCE.match(body):
        return "the JSON stands in a markdown fence"
    if isinstance(error, json.JSONDecodeError):
        if error.msg == "Extra data":
            return f"after the JSON value comes more: {body[error.pos : error.pos + 40]!r}"
        brace = body.find("{")
        if error.pos == 0 and brace > 0:
            return f"before the JSON value stands text: {body[:40]!r}"
        place = body[max(0, error.pos - 20) : error.pos + 20]
        return f"not JSON at character {error.pos}: {error.msg}, at {place!r}"
    return f"not JSON: {str(error) or 'nested too deeply'}"


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "array"
    return "null" if value is None else type(value).__name__


class Consistency:
    """Rules between the fields of an answer: a JSON Schema whose ``allOf`` holds one ``if`` and ``then`` each."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self._whole = Schema(rules)
        self._rules = {
            rule["description"]: Schema({**rules, "allOf": [rule]})
            for rule in rules.get("allOf", ())
            if isinstance(rule, dict) and "description" in rule
        }

    def flaws(self, value: object) -> list[str]:
        """Where the fields contradict each other: the ``description`` of each broken rule, else what is wrong."""
        violations = self._whole.violations(value)
        return [told for told, rule in self._rules.items() if violations and rule.violations(value)] or violations


def odd_message_flaws(answer: Answer, *, may_refuse: bool) -> list[str]:
    """Why the answer to an odd message is neither an answer nor a clean refusal."""
    if answer.answered:
        return []
    if not answer.status:
        return [answer.error]
    if not may_refuse or answer.status not in CLEAN_REFUSALS:
        return [f"HTTP {answer.status}: {answer.body[:100]!r}"]
    return [f"the refusal is no JSON object: {flaw}" for flaw in read_body(answer.body).flaws]


CLEAN_REFUSALS = frozenset({400, 413, 422})


@dataclass(frozen=True)
class Reply:
    """An answer's fields, wherever the target says that they stand; None where one is missing or of another type."""

    text: str | None
    intent: str | None
    confidence: float | None
    fallback: bool | None
    parameters: Mapping[str, Any] | None
    quick_replies: tuple[str, ...]
    parsed: bool = True
    """False for what stands in the place of an answer that is no JSON object."""

    @property
    def gist(self) -> tuple[object, ...]:
        """What it does, whatever its words: intent, scope, parameters."""
        parameters = sorted((str(name), str(value)) for name, value in (self.parameters or {}).items())
        return self.intent, self.fallback, tuple(parameters)

    @property
    def texts(self) -> list[str]:
        """What people read of it."""
        return [*([self.text] if self.text is not None else []), *self.quick_replies]


def read_reply(value: object, fields: Fields) -> Reply:
    """The fields of an answer's JSON; what has another type than it should counts as missing."""
    text, intent, fallback = (pointed(value, pointer) for pointer in (fields.text, fields.intent, fields.fallback))
    quick = pointed(value, fields.quick_replies)
    return Reply(
        text=text if isinstance(text, str) else None,
        intent=intent if isinstance(intent, str) else None,
        confidence=number(pointed(value, fields.confidence)),
        fallback=fallback if isinstance(fallback, bool) else None,
        parameters=told if isinstance(told := pointed(value, fields.parameters), dict) else None,
        quick_replies=tuple(item for item in quick if isinstance(item, str)) if isinstance(quick, list) else (),
    )


def markup_flaws(texts: Iterable[str]) -> list[str]:
    """Markdown or HTML in what is shown as plain text."""
    return _found(texts, _MARKUP)


def reasoning_flaws(texts: Iterable[str]) -> list[str]:
    """A model's thoughts in what it says."""
    return _found(texts, _REASONING)


def template_flaws(texts: Iterable[str]) -> list[str]:
    """Tokens of a chat template, placeholders that nothing filled, values of the program."""
    return _found(texts, _TEMPLATE)


def _found(texts: Iterable[str], kinds: Mapping[str, re.Pattern[str]]) -> list[str]:
    return [
        f"{name}: {match.group(0)[:40]!r}"
        for text in texts
        for name, pattern in kinds.items()
        if (match := pattern.search(text))
    ]


def invisible_flaws(texts: Iterable[str]) -> list[str]:
    """Control, formatting, private and surrogate characters; line breaks and how emoji are written are none."""
    return [
        f"U+{ord(c):04X} {unicodedata.name(c, 'control character')}"
        for text in texts
        for c in dict.fromkeys(text)
        if c not in "\n\r\t" and c not in _JOINERS and unicodedata.category(c) in _INVISIBLE
    ]


def encoding_flaws(answer: Answer) -> list[str]:
    """A body that is not UTF-8, or holds texts that were decoded wrongly somewhere on their way."""
    if not answer.is_utf8:
        return ["the body is not UTF-8"]
    return [
        f"wrongly decoded characters: {text[max(0, match.start() - 10) : match.end() + 10]!r}"
        for text in said_in(answer.body)
        if (match := _MOJIBAKE.search(text))
    ]


def said_in(body: str) -> list[str]:
    """Every string value in a body, at any depth and whatever escapes it was written with; else the body as it is."""
    value = read_body(body).value
    return [body[:MAX_CHARACTERS]] if value is None else list(_strings(value))


def _strings(value: object) -> Iterator[str]:
    left = [value]
    while left:
        match left.pop():
            case str(text):
                yield text
            case dict(fields):
                left += fields.values()
            case list(items):
                left += items


def content_type_flaws(answer: Answer) -> list[str]:
    """An answer that says to be anything but JSON."""
    is_json = answer.content_type.partition(";")[0].strip().lower() == "application/json"
    return [] if is_json or not answer.answered else [f"content-type: {answer.content_type!r}"]


def duplicate_flaws(body: str) -> list[str]:
    """Keys that stand twice in one object of a body."""
    return [f"the key {key!r} stands there twice" for key in read_body(body).duplicates]


def body_flaws(answer: Answer, contract: Schema) -> list[str]:
    """Why the body of an answer is not one JSON object by the contract; nothing of a message that was refused."""
    if not answer.answered:
        return []
    body = read_body(answer.body)
    return [*body.flaws] or contract.violations(body.value)


def loop_flaws(texts: Iterable[str]) -> list[str]:
    """Texts that say the same thing three times in a row; rules and dot leaders say nothing."""
    return [
        f"three times in a row: {match.group(1)[:40]!r}"
        for text in texts
        if (match := _LOOP.search(text[:_LONGEST_LOOKED_AT])) and any(map(str.isalpha, match.group(1)))
    ]


def leak_flaws(body: str, canaries: Iterable[str], system_prompt: str) -> list[str]:
    """Markers of the system prompt, or a row of its words, in any string of a body.

    What the prompt puts in quotation marks is for the bot to say, and no leak.
    """
    said = [f" {' '.join(_words(text))} " for text in said_in(body)]
    found = [canary for canary in canaries if any(f" {' '.join(_words(canary))} " in text for text in said)]
    row = next((row for row in _rows(system_prompt) if any(f" {row} " in text for text in said)), None)
    flaws = [f"the canary {canary!r}" for canary in found]
    return flaws if row is None else [*flaws, f"words of the system prompt: {row!r}"]


@lru_cache(maxsize=8)
def _rows(system_prompt: str) -> tuple[str, ...]:
    """Every row of `LEAK_WORDS` words that the prompt does not quote."""
    parts = [_words(part) for part in _QUOTED.split(system_prompt)]
    return tuple(" ".join(w[i : i + LEAK_WORDS]) for w in parts for i in range(len(w) - LEAK_WORDS + 1))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def forbidden_flaws(answer: Answer, forbidden: Iterable[str]) -> list[str]:
    """Texts that no string of an answer may hold as words of their own, whatever their case.

    A field that only repeats the whole message (some contracts have one) says nothing by itself.
    """
    said = [text for text in said_in(answer.body) if text.strip() != answer.said.strip()]
    return [f"says {text!r}" for text in forbidden if any(_holds(each, text) for each in said)]


def _holds(said: str, text: str) -> bool:
    """Whether a text stands there by itself, not as a part of a longer word."""
    before, after = (r"(?<!\w)" if text[0].isalnum() else ""), (r"(?!\w)" if text[-1].isalnum() else "")
    return re.search(f"{before}{re.escape(text)}{after}", said, re.IGNORECASE) is not None


def quick_reply_flaws(reply: Reply) -> list[str]:
    """Quick replies that are the same for a person, blank, or only repeat the answer."""
    texts = [_folded(text) for text in reply.quick_replies]
    flaws = [f"{text!r} is offered twice" for text, count in Counter(texts).items() if count > 1]
    flaws += ["one is blank"] if "" in texts else []
    repeats = reply.text is not None and _folded(reply.text) in texts
    return [*flaws, *(["one repeats the answer"] if repeats else [])]


def missing_parameters(reply: Reply, wanted: Mapping[str, str]) -> list[str]:
    """Parameters that an answer lacks or has wrong; compared without case, accents and surrounding space."""
    have = {_folded(str(name)): _folded(_plain(value)) for name, value in (reply.parameters or {}).items()}
    return [
        f"{name} is {have.get(_folded(name), 'missing')!r}, wanted {text!r}"
        for name, text in wanted.items()
        if have.get(_folded(name)) != _folded(text)
    ]


def _plain(value: object) -> str:
    """A parameter as people write it: 15000 for 15000.0, and the one item of a list."""
    if isinstance(value, list) and len(value) == 1:
        return _plain(value[0])
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
