"""Is structured output enforced, and refused where it cannot be?"""

from typing import Any

import pytest

from gonogo.errors import InWarningBand, Unsupported
from gonogo.plugin import check, expect_flawless, expect_kept
from gonogo.probes.chat import Chat, ChatAnswer
from gonogo.rules.completions import is_cut_off
from gonogo.rules.structured import NONSENSE_SCHEMA, SCHEMA_KINDS, improbable_schema, json_flaws, schema_request

ROOM = 300
"""Tokens for an answer that must not be cut off."""


def _whole(answer: ChatAnswer) -> ChatAnswer:
    """An answer that was not cut off while it still looked well.

    Raises:
        Unsupported: it was.
    """
    if any(is_cut_off(answer.text, reason) for reason in answer.finish_reasons):
        raise Unsupported(f"the answer was cut off at {ROOM} tokens: nothing can be told")
    return answer


@check("contract.json.schema_enforced", severity="critical", covers=["C6"])
@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_json_schema_enforced(chat: Chat, nonce: str, kind: str) -> None:
    """A JSON Schema that no answer meets by chance is enforced."""
    schema = improbable_schema(kind, nonce)
    answer = _whole(chat.ask(f"Describe un coche. [{nonce}]", response_format=schema_request(schema), max_tokens=ROOM))
    expect_kept("json_schema", chat.model, answer.status, json_flaws(answer.text, schema))


@check("contract.json.streamed", severity="critical", covers=["C6", "C4"])
def test_json_streamed(chat: Chat, nonce: str) -> None:
    """A JSON Schema is enforced in a stream too, and every character of its text arrives."""
    schema = improbable_schema("unicode", nonce)
    question = f"Describe un coche. [{nonce}]"
    answer = _whole(chat.ask(question, stream=True, response_format=schema_request(schema), max_tokens=ROOM))
    expect_kept("json_schema", chat.model, answer.status, json_flaws(answer.text, schema))


@check("contract.json.object", severity="major", covers=["C6"])
def test_json_object(chat: Chat, prompt: str) -> None:
    """JSON mode answers with one JSON object, also where the prompt does not say so."""
    # not at temperature 0, where a small model may repeat itself until its server stops it
    parameters: dict[str, Any] = {"response_format": {"type": "json_object"}, "max_tokens": ROOM, "temperature": 0.7}
    answer = _whole(chat.ask(prompt, **parameters))
    if answer.status == 400 and chat.ask(f"{prompt} (JSON)", **parameters).status == 200:
        raise InWarningBand("JSON mode is refused unless the word JSON stands in the prompt, as OpenAI's own API does")
    expect_kept("json_object", chat.model, answer.status, json_flaws(answer.text, {"type": "object"}))


@check("contract.json.nonsense_refused", severity="major", covers=["C6"])
def test_json_nonsense_refused(chat: Chat, prompt: str) -> None:
    """A schema that is none is refused, not ignored."""
    status = chat.ask(prompt, response_format=schema_request(NONSENSE_SCHEMA), max_tokens=4).status
    expect_flawless([] if status in (400, 422) else [f"answered with HTTP {status}"])
