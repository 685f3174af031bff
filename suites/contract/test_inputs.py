"""Is every message read, whatever is in it?"""

import pytest

from gonogo import resources
from gonogo.errors import InconclusiveError
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat, ChatAnswer
from gonogo.rules.refusals import form_flaws

CHARACTERS = {
    "accents": "¿Cuánto cuesta el coche pequeño? Ñandú, pingüino, œuvre.",
    "emoji": "🚗💨 👩‍🔧 🇪🇸 ❤️‍🔥 precio?",
    "scripts": "汽车 السيارة автомобиль αυτοκίνητο 자동차",
    "controls": "tab\\there \u0001\u001f\u007f \u200b\u202eolleh\u202c \ufeff",
    "combining": "e\u0301 n\u0303 " + "a\u0300\u0301\u0302\u0303\u0304",
    "quotes": '"comillas" \'simples\' \\barra\\ {"a": [1, 2]} </s> <|im_end|> {{x}}',
}
LONG_LINE = "palabra " * 250
"""2000 characters without a line break: within any context window of today."""
TURNS = 40


def _tokens(answer: ChatAnswer) -> int:
    tokens = (answer.usage or {}).get("prompt_tokens")
    if not isinstance(tokens, int):
        raise InconclusiveError("the answer does not tell how many tokens were read (usage.prompt_tokens)")
    return tokens


@check("contract.input.characters", severity="major", covers=["C8"])
@pytest.mark.parametrize("kind", CHARACTERS)
def test_input_characters(chat: Chat, nonce: str, kind: str) -> None:
    """Any character can be asked with: accents, emoji, scripts, controls, quotes."""
    answer = chat.ask(f"{CHARACTERS[kind]} [{nonce}]", max_tokens=4)
    expect_flawless([] if answer.status == 200 else [f"HTTP {answer.status}: {answer.http.text[:200]}"])


@check("contract.input.long_line", severity="major", covers=["C8", "C7"])
def test_input_long_line(chat: Chat, nonce: str) -> None:
    """A very long line is read to its end: it costs more prompt tokens than a short one."""
    short, long = (_tokens(chat.complete(f"[{nonce}] {text}", max_tokens=1)) for text in ("palabra", LONG_LINE))
    assert long >= short + 200, f"prompt tokens: {short} for a word, {long} for 250"


@check("contract.input.many_messages", severity="major", covers=["C8"])
def test_input_many_messages(chat: Chat, nonce: str) -> None:
    """Every message of a long conversation is read: it costs more prompt tokens than its last message."""
    roles = ["user" if i % 2 == 0 else "assistant" for i in range(TURNS + 1)]
    messages = [{"role": role, "content": f"Turno {i} [{nonce}]"} for i, role in enumerate(roles)]
    last, all_of_them = (_tokens(chat.complete(m, max_tokens=1)) for m in (messages[-1:], messages))
    assert all_of_them >= last + TURNS, f"prompt tokens: {last} for the last message, {all_of_them} for {TURNS + 1}"


@check("contract.input.system_message", severity="major", covers=["C8"])
def test_input_system_message(chat: Chat, prompt: str) -> None:
    """The system message is read: a longer one costs more prompt tokens."""
    user = {"role": "user", "content": prompt}
    texts = (
        "Sé breve.",
        "Responde siempre en una sola frase y con cortesía. " * 8,
    )  # templates may have one of their own
    short, long = (_tokens(chat.complete([{"role": "system", "content": text}, user], max_tokens=1)) for text in texts)
    assert long >= short + 30, f"prompt tokens: {short} with a short system message, {long} with a long one"


@check("contract.input.parts", severity="minor", covers=["C8"])
def test_input_parts(chat: Chat, prompt: str) -> None:
    """A content given in parts is the same content: it costs the same prompt tokens."""
    parts = [{"type": "text", "text": prompt}]
    plain, in_parts = (_tokens(chat.complete([{"role": "user", "content": c}], max_tokens=1)) for c in (prompt, parts))
    assert plain == in_parts, f"prompt tokens: {plain} as a text, {in_parts} in parts"


@check("contract.input.empty_content", severity="minor", covers=["C8"])
def test_input_empty_content(chat: Chat) -> None:
    """An empty message is answered, or refused in the API's form."""
    answer = chat.ask("", max_tokens=2)
    flaws = [] if answer.status in (200, 400, 422) else [f"HTTP {answer.status}"]
    if answer.status != 200:
        flaws += form_flaws(answer.http.text, resources.schema(chat.endpoint.error_form))
    expect_flawless(flaws)
