"""Nothing secret gets out."""

import pytest

from gonogo.redaction import MASK, Redactor


@pytest.mark.parametrize(
    "text",
    [
        "key sk-abcdef0123456789",
        "Authorization: Bearer abcdefgh.ijkl",
        "redis://user:hunter2@host:6379",
        "hf_abcdefgh1234",
        *[f"{name}{sign}abcdefgh1234" for name in ("sk", "hf", "gsk", "ghp", "glpat", "xoxb", "xoxp") for sign in "-_"],
        "https://sk-abcdefgh1234:hunter2@host",
    ],
)
def test_key_shapes(text: str) -> None:
    masked = Redactor().text(text)
    assert MASK in masked
    assert not any(secret in masked for secret in ("abcdef", "hunter2"))


def test_given_values_in_text_and_json() -> None:
    redactor = Redactor(["geheim", "geheim-lang"])
    assert redactor.text("x geheim-lang y") == f"x {MASK} y"
    assert redactor.json({"geheim": ["a geheim", 3]}) == {MASK: [f"a {MASK}", 3]}
    assert redactor.contains_secret("ein geheim-lang wort")
    assert not redactor.contains_secret("ein geheim wort")  # so short that it may be a word


@pytest.mark.parametrize("form", ["aB3%2FxYz%2B9Q%3D%3D", "aB3/xYz%2B9Q%3D%3D", "aB3/xYz+9Q=="])
def test_a_key_in_an_address_is_masked(form: str) -> None:
    redactor = Redactor(["aB3/xYz+9Q=="])
    assert redactor.text(f"GET https://h/v1/models?api_key={form}&a=b") == f"GET https://h/v1/models?api_key={MASK}&a=b"
    assert redactor.contains_secret(f"?api_key={form}")


def test_short_values_do_not_mask_ordinary_text() -> None:
    assert Redactor(["a", ""]).text("abc") == "abc"


def test_headers() -> None:
    assert Redactor().headers({"Authorization": "x", "accept": "y"}) == {"Authorization": MASK, "accept": "y"}
