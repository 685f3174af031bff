"""Documents: every problem, each at its place, and no input that breaks the reader."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.documents import (
    DocumentError,
    load_document,
    parse_document,
    parse_documents,
    parse_environment,
    parse_json,
    parse_modelfile,
    validate,
    violations,
)

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
        ("name: 3\n", ["f.yaml:1:7: name: must be string, is 3"]),
        ("name: x\nkind: vlm\n", ["f.yaml:2:7: kind: must be one of vllm, ollama; is 'vlm' (did you mean 'vllm'?)"]),
        ("name: x\nlist:\n  - ulr: 1\n", ["f.yaml:3:5: list[0].ulr: unknown key 'ulr' (did you mean 'url'?)"]),
        ("name: x\nname: y\n", ["f.yaml:2:1: key 'name' stands here twice (before in line 1)"]),
        ("name: [\n", ["f.yaml:2:1: not valid YAML: did not find expected node content"]),
        (
            "\tname: x\n",
            [
                "f.yaml:1:1: not valid YAML: found character that cannot start any token"
                " (a tab: YAML is indented with spaces)"
            ],
        ),
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


def test_deep_nesting_is_a_problem() -> None:
    with pytest.raises(DocumentError):
        parse_document("[" * 5000, "deep")
    with pytest.raises(DocumentError, match="too deep"):
        parse_document("[" * 100_000, "overflows a C stack")
    with pytest.raises(DocumentError, match="too deep"):
        parse_document("[" * 150 + "]" * 150, "deep")


@settings(max_examples=200)
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
    assert violations({"name": 1}, SCHEMA) == ["name: must be string, is 1"]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"\xef\xbb\xbfname: x\n", []),
        ("name: x\n".encode("utf-16"), ["f.yaml:1:1: is not UTF-8 (byte 0) (it looks like UTF-16: save it as UTF-8)"]),
        (b"a: 1\nb: \xff\n", ["f.yaml:2:4: is not UTF-8 (byte 8)"]),
        (b"a: 1\n---\nb: 2\n", ["f.yaml:3:1: a second document begins here: this file must hold one (is the --- meant?)"]),
        (b"a: \x07\n", ["f.yaml:1:4: not valid YAML: control characters are not allowed"]),
        (b"base: 3\nc:\n  <<: 3\n", ["f.yaml:3:7: c: << must name a mapping"]),
        (b"- &a [*a]\n", ["f.yaml:1:1: not valid YAML: too large once its aliases are expanded"]),
        (b"n: " + b"9" * 5000 + b"\n", ["f.yaml:1:4: n: not of its type: Exceeds the limit (4300 digits) for integer string conversion"]),
    ],
)  # fmt: skip
def test_unusual_files(tmp_path: Path, content: bytes, wanted: list[str]) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(content)
    try:
        load_document(file, "f.yaml")
        found = []
    except DocumentError as error:
        found = [str(problem) for problem in error.problems]
    assert found == wanted


def test_an_alias_bomb_is_refused_without_being_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    with pytest.raises(DocumentError, match="too large once its aliases are expanded"):
        parse_document("\n".join(lines), "bomb")


def test_several_documents_keep_their_places() -> None:
    first, second = parse_documents("a: 1\n---\n---\nb:\n  c: 2\n", "f")
    assert (first.value, second.value) == ({"a": 1}, {"b": {"c": 2}})
    assert str(second.root.at("b", "c").problem("wrong")) == "f:5:6: b.c: wrong"


def test_a_key_that_is_nearly_a_known_one_is_warned_of() -> None:
    schema = {"type": "object", "x-close-keys": True, "properties": {"request_timeout": {}}}
    found = validate(parse_document("request_timeot: 3\nanything_else: 4\n", "f"), schema)
    assert [str(p) for p in found] == [
        "f:1:1: warning: request_timeot: unknown key 'request_timeot' (did you mean 'request_timeout'?)"
    ]


def test_environment_file() -> None:
    document = parse_environment("# a comment\nA=1\nexport B='two words'\nC=\n", "f.env")
    assert document.value == {"A": "1", "B": "two words", "C": ""}
    assert str(document.root["B"].problem("wrong")) == "f.env:3:10: B: wrong"
    with pytest.raises(DocumentError, match=r"f.env:2:1: A: A is set twice"):
        parse_environment("A=1\nA=2\n", "f.env")
    with pytest.raises(DocumentError, match=r"f.env:2:1: is not NAME=value"):
        parse_environment("A=1\n'no end\n", "f.env")


def test_modelfile() -> None:
    text = 'FROM a:1\n# c\nPARAMETER num_ctx 10\nPARAMETER stop "<x>"\nSYSTEM """\nHola.\n"""\nMESSAGE user hola\n'
    document = parse_modelfile(text, "Modelfile")
    assert document.value == {
        "from": "a:1",
        "parameter": {"num_ctx": 10, "stop": ["<x>"]},
        "system": "\nHola.\n",
        "message": [{"role": "user", "content": "hola"}],
    }
    assert str(document.root.at("parameter", "num_ctx").problem("wrong")) == "Modelfile:3:11: parameter.num_ctx: wrong"
    with pytest.raises(DocumentError, match=r"Modelfile:1:1: unknown instruction 'FORM'"):
        parse_modelfile("FORM x\n", "Modelfile")
    with pytest.raises(DocumentError, match="never ends"):
        parse_modelfile('FROM x\nSYSTEM """a\n', "Modelfile")


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_readers(content: bytes) -> None:
    text = content.decode("utf-8", errors="replace")
    for parse in (parse_document, parse_documents, parse_environment, parse_json, parse_modelfile):
        try:
            parse(text, "f")
        except DocumentError as error:
            assert error.problems  # noqa: PT017 (either is fine; a traceback is not)


def test_a_section_that_later_versions_may_extend() -> None:
    schema = {"type": "object", "x-close-keys": "error", "properties": {"fallbacks": {}}}
    found = validate(parse_document("fallbaks: 3\nnew_thing: 4\nfallbacks: []\n", "f"), schema)
    assert [(p.path, p.warning) for p in found] == [("fallbaks", False), ("new_thing", True)]


def test_json_is_read_as_json() -> None:
    document = parse_json('{"rate": 1e-05,\n "emoji": "\\ud83d\\ude80", "a": {"b": 1}}', "f.json")
    assert document.value == {"rate": 1e-05, "emoji": "🚀", "a": {"b": 1}}
    assert str(parse_json('{"a":\n {"b": 1}}', "f.json").root.at("a", "b").problem("wrong")) == "f.json:2:8: a.b: wrong"
    for text, wanted in (
        ('{"a": 1,\n // no\n "b": 2}', "f.json:2:2: not JSON: Expecting property name enclosed in double quotes"),
        ('{"a": 1, "a": 2}', "f.json:1:10: key 'a' stands here twice (before in line 1)"),
        ('{"a": NaN}', "f.json:1:1: not JSON: NaN is not JSON"),
        ("[" * 200_000, "f.json:1:1: not JSON: nested too deep"),
    ):
        with pytest.raises(DocumentError) as raised:
            parse_json(text, "f.json")
        assert str(raised.value) == wanted


def test_a_modelfile_with_tabs_and_long_messages() -> None:
    text = 'FROM\tx\nMESSAGE user """\nhola\n"""\nPARAMETER temperature .7\n'
    value = parse_modelfile(text, "Modelfile").value
    assert (value["from"], value["parameter"]) == ("x", {"temperature": 0.7})
    assert value["message"] == [{"role": "user", "content": "hola"}]


def test_many_items_are_refused_before_they_are_read() -> None:
    with pytest.raises(DocumentError, match="more than 1000000 items"):
        parse_document("[" + "1," * 1_000_001 + "]", "f")
