"""Two formats that are not YAML: environment files (``NAME=value``) and Ollama's Modelfile."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dotenv.parser import parse_stream

from gonogo.documents.model import _KEY, Document, DocumentError, Path_, Problem, Problems


def parse_environment(text: str, name: str) -> Document:
    """Parse an environment file: a mapping of names to text.

    Raises:
        DocumentError: a line is not ``NAME=value``, or a name is set twice.
    """
    values: dict[str, str] = {}
    places: dict[Path_, tuple[int, int]] = {(): (1, 1)}
    problems: Problems = []
    for binding in parse_stream(io.StringIO(text)):
        lead = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:lead].count("\n")
        if binding.error:
            problems.append(Problem(name, line, 1, "", "is not NAME=value"))
        elif binding.key is not None:
            if binding.key in values:
                problems.append(Problem(name, line, 1, binding.key, f"{binding.key} is set twice: the last one wins"))
            values[binding.key] = binding.value or ""
            places[binding.key, _KEY] = (line, 1)
            column = binding.original.string.lstrip().find("=") + 2
            places[(binding.key,)] = (line, max(column, 1))
    if problems:
        raise DocumentError(problems)
    return Document(name, values, places)


@dataclass(frozen=True)
class _Instruction:
    name: str
    value: str
    line: int
    column: int


# The instructions of https://docs.ollama.com/modelfile; their names take any case.
_ONCE = ("from", "template", "system", "adapter", "license", "renderer", "parser", "requires")
_KNOWN = (*_ONCE, "parameter", "message")
_TRIPLE = '"""'


def parse_modelfile(text: str, name: str) -> Document:
    """Parse a Modelfile: instructions by lower-case name, parameters by name, messages and ``stop`` as lists.

    Raises:
        DocumentError: an instruction is unknown or without a value, or a quotation does not end.
    """
    value: dict[str, Any] = {}
    places: dict[Path_, tuple[int, int]] = {(): (1, 1)}
    problems: Problems = []
    for item in _instructions(text, name, problems):
        key = item.name.lower()
        if key not in _KNOWN:
            problems.append(Problem(name, item.line, 1, "", f"unknown instruction {item.name[:40]!r}"))
        elif not item.value:
            problems.append(Problem(name, item.line, 1, key, "has no value"))
        elif key in _ONCE:
            value[key] = item.value
            places[(key,)] = (item.line, item.column)
        else:
            _add(value, places, item)
    if problems:
        raise DocumentError(problems)
    return Document(name, value, places)


def _add(value: dict[str, Any], places: dict[Path_, tuple[int, int]], item: _Instruction) -> None:
    """Add a parameter or a message."""
    first, _, rest = item.value.partition(" ")
    rest = rest.strip()
    path: Path_
    if item.name.lower() == "message":
        messages = value.setdefault("message", [])
        messages.append({"role": first, "content": rest})
        path = ("message", len(messages) - 1)
    elif first == "stop":
        stops = value.setdefault("parameter", {}).setdefault("stop", [])
        stops.append(rest.strip('"'))
        path = ("parameter", "stop", len(stops) - 1)
    else:
        value.setdefault("parameter", {})[first] = _scalar(rest)
        path = ("parameter", first)
    places[path] = places[*path, _KEY] = (item.line, item.column)


def _scalar(text: str) -> Any:  # noqa: ANN401 (a number, a truth value or text)
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d{0,18}\.\d{1,18}", text) else text


def _before_quotation(word: str, rest: str) -> tuple[str, str]:
    """What stands before a value that may be quoted: of MESSAGE its role."""
    role, space, text = rest.partition(" ")
    return (f"{role} ", text.strip()) if word.lower() == "message" and space else ("", rest)


def _instructions(text: str, name: str, problems: Problems) -> Iterator[_Instruction]:
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        word, rest = [*stripped.split(maxsplit=1), ""][:2]
        lead, rest = _before_quotation(word, rest)
        opening = next((quote for quote in (_TRIPLE, '"') if rest.startswith(quote)), "")
        content = rest[len(opening) :]
        while opening and opening not in content:
            following = next(lines, None)
            if following is None:
                problems.append(
                    Problem(name, number, 1, word.lower(), f"the quotation that opens with {opening} never ends")
                )
                break
            content += "\n" + following[1]
        value = lead + (content.partition(opening)[0] if opening else rest)
        yield _Instruction(word, value, number, line.find(rest) + 1 if rest else 1)
