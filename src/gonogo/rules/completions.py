"""Completions of the OpenAI dialect (https://platform.openai.com/docs/api-reference/chat): plain JSON in, flaws out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gonogo.rules.reading import json_value, mapping, number, objects

CLOCKS_APART_S = 3600
"""How far a server's clock may be from ours: more than an hour is a wrong clock or a stale answer."""
_VERSION_MARKS = "-:@."


def choices_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The choices of a completion or of a chunk; those that are no objects are left out."""
    return objects(body.get("choices"))


def text_of(choice: Mapping[str, Any]) -> str:
    """The text of a whole completion's choice; empty where it has none."""
    content = mapping(choice.get("message")).get("content")
    return content if isinstance(content, str) else ""


def finish_reasons_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Why each choice ended, where it says so."""
    reasons = [choice.get("finish_reason") for choice in choices_of(body)]
    return tuple(reason for reason in reasons if isinstance(reason, str) and reason)


def is_cut_off(text: str, reason: object) -> bool:
    """Whether a JSON text ended at its limit of tokens while it still looked well: more of it might have been right."""
    if reason != "length" or text.lstrip()[:1] not in ("", "{"):
        return False
    try:
        json_value(text)
    except ValueError:
        return True
    return False  # it is whole, and blanks or nothing came after it


def identity_flaws(bodies: Sequence[Mapping[str, Any]], now_s: float) -> list[str]:
    """What is wrong with ids and creation times of several completions: each has an id of its own, created now."""
    ids = [body.get("id") for body in bodies]
    flaws = [f"the id is {identifier!r}" for identifier in ids if not (isinstance(identifier, str) and identifier)]
    if not flaws and len(set(map(str, ids))) < len(ids):
        flaws.append(f"several completions have the id {ids[0]!r}")
    times = [body.get("created") for body in bodies]
    wrong = [t for t in times if (at_s := number(t)) is None or abs(at_s - now_s) > CLOCKS_APART_S]
    return [*flaws, *(f"created is {created!r}, which is not now ({now_s:.0f})" for created in wrong)]


def same_model(told: object, names: Iterable[str]) -> bool:
    """Whether an answer's `model` is one of these names: itself, with a path before it, or as one of its versions."""
    if not isinstance(told, str) or not told:
        return False
    return any(
        told == name
        or told.endswith(f"/{name}")
        or name.endswith(f"/{told}")
        or (told.startswith(name) and told[len(name)] in _VERSION_MARKS)
        for name in names
    )


def is_listed(name: str, listed: Iterable[object]) -> bool:
    """Whether a model is among these names; Ollama lists ``llama3`` as ``llama3:latest``."""
    return not {name, f"{name}:latest"}.isdisjoint(map(str, listed))


_MOST_TOKENS = 10**9
"""More than any answer costs: whoever tells more would use up, or give back, the run's budget with a word."""


def tokens_told(usage: Mapping[str, Any] | None) -> int | None:
    """What a completion cost, as its server tells it; None where it tells nothing that can be."""
    told = (usage or {}).get("total_tokens")
    is_count = isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= _MOST_TOKENS
    return told if is_count else None


def usage_flaws(usage: object, limit: int) -> list[str]:
    """What is wrong with a completion's usage: whole numbers that add up, within the limit of generated tokens."""
    if not isinstance(usage, dict):
        return [f"usage is {usage!r}"]
    prompt, generated, total = (usage.get(f"{name}_tokens") for name in ("prompt", "completion", "total"))
    if not all(
        isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in (prompt, generated, total)
    ):
        return [f"usage is {usage}: counts are whole numbers"]
    assert isinstance(prompt, int)
    assert isinstance(generated, int)
    flaws = [] if total == prompt + generated else [f"total_tokens is {total}, not {prompt} + {generated}"]
    flaws += [] if prompt > 0 else ["prompt_tokens is 0"]
    return flaws if generated <= limit else [*flaws, f"{generated} tokens were generated, the limit is {limit}"]


def logprob_flaws(choice: Mapping[str, Any]) -> list[str]:
    """What is wrong with a choice whose tokens' log probabilities were asked for."""
    tokens = mapping(choice.get("logprobs")).get("content")
    if not isinstance(tokens, list) or not tokens:
        return [f"logprobs.content is {tokens!r}"]
    values = [mapping(token).get("logprob") for token in tokens]
    flaws = [f"a logprob is {value!r}" for value in values if (as_number := number(value)) is None or as_number > 0]
    return flaws if choice.get("finish_reason") else [*flaws, "the finish_reason is lost"]
