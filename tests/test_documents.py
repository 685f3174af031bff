"""Documents: every problem, each at its place, and no input that breaks the reader."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.documents import DocumentError, load_document, parse_document, validate, violations

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "kind": {"enum": ["vllm", "ollama"]},
        "list": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": False, "properties": {"url": {}}},
        },
    },
}


def problems(text: str) -> list[str]:
    try:
        return [str(problem) for problem in validate(parse_document(text, "f.yaml"), SCHEMA)]
    except DocumentError as error:
        return [str(problem) for problem in error.problems]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("nam: x\n", ["f.yaml:1:1: lacks 'name'", "f.yaml:1:1: nam: unknown key 'nam' (did you mean 'name'?)"]),
        ("name: 3\n", ["f.yaml:1:7: name: must be string, is '3'"]),
        ("name: x\nkind: vlm\n", ["f.yaml:2:7: kind: must be one of vllm, ollama; is 'vlm' (did you mean 'vllm'?)"]),
        ("name: x\nlist:\n  - ulr: 1\n", ["f.yaml:3:5: list[0].ulr: unknown key 'ulr' (did you mean 'url'?)"]),
        ("name: x\nname: y\n", ["f.yaml:2:1: key 'name' stands here twice"]),
        ("name: [\n", ["f.yaml:2:1: not valid YAML: did not find expected node content"]),
        ("\tname: x\n", ["f.yaml:1:1: not valid YAML: found character that cannot start any token"]),
        ("- 1\n", ["f.yaml:1:1: must be object, is '[1]'"]),
        ("", ["f.yaml:1:1: must be object, is 'None'"]),
    ],
)
def test_problems(text: str, wanted: list[str]) -> None:
    assert problems(text) == wanted


def test_anchors_and_merge_keys() -> None:
    document = parse_document("base: &b {a: 1, b: 2}\nc:\n  <<: *b\n  b: 3\n", "f")
    assert document.value["c"] == {"a": 1, "b": 3}


def test_a_secret_in_the_file_is_not_repeated_in_the_message() -> None:
    assert "sk-" not in "".join(problems("name: x\nkind: sk-0123456789abcdef\n"))


def test_alias_bomb_ends_soon() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(DocumentError, match="too large"):
        parse_document("\n".join(lines), "bomb")


def test_deep_nesting_is_a_problem() -> None:
    with pytest.raises(DocumentError):
        parse_document("[" * 5000, "deep")
    with pytest.raises(DocumentError, match="too deep"):
        parse_document("[" * 100_000, "overflows a C stack")
    with pytest.raises(DocumentError, match="too deep"):
        parse_document("[" * 150 + "]" * 150, "deep")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(raw)
    try:
        validate(load_document(file), SCHEMA)
    except DocumentError as error:
        assert error.problems  # noqa: PT017 (either is fine; a traceback is not)


@pytest.mark.parametrize("text", ["a: !!bool maybe", "a: !!int ''", "a: !!float x"])
def test_a_scalar_that_is_not_of_its_tag(text: str) -> None:
    with pytest.raises(DocumentError, match="not of its type"):
        parse_document(text, "f")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        load_document(tmp_path / "none.yaml")


def test_violations_of_a_plain_value() -> None:
    assert violations({"name": 1}, SCHEMA) == ["name: must be string, is '1'"]
