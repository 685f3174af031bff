"""YAML and JSON documents that remember where everything stands, and their validation against a JSON Schema.

Every problem is reported, not only the first, each as ``file:line:column: path: what is wrong (did you mean ...)``.
Hostile input (deep nesting, alias bombs, invalid UTF-8, huge files) is a problem, never a traceback.

Forbidden here: network, and knowledge of any particular document.
"""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from gonogo.redaction import Redactor

MAX_BYTES = 20_000_000
MAX_NODES = 2_000_000
MAX_DEPTH = 100

Path_ = tuple[str | int, ...]
"""Where in a document: keys and indices from its root."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file; line and column count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.message}"


class DocumentError(Exception):
    """A document cannot be read or is invalid; `problems` has all of it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Document:
    """A parsed document: plain values, and the place of each."""

    file: str
    value: Any
    places: dict[Path_, tuple[int, int]]
    """Line and column of each value; of a key under the path with ``"\\0key"`` appended."""

    def problem(self, path: Path_, message: str, *, at_key: bool = False) -> Problem:
        """A problem at a path (or at the key that leads there); where the path has no place, at its nearest parent."""
        place = self.places.get((*path, "\0key")) if at_key else None
        for length in range(len(path), -1, -1):
            place = place or self.places.get(path[:length])
        return Problem(self.file, *(place or (1, 1)), dotted(path), Redactor().text(message))


def load_document(file: Path, shown_as: str | None = None) -> Document:
    """Read a YAML or JSON file (JSON is read as the YAML subset that it is).

    Raises:
        DocumentError: the file is missing, too large, not UTF-8, not YAML, has duplicate keys, or nests too deep.
    """
    name = shown_as or str(file)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DocumentError([Problem(name, 1, 1, "", f"larger than {MAX_BYTES} bytes")])
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DocumentError([Problem(name, 1, 1, "", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise DocumentError([Problem(name, 1, 1, "", f"is not UTF-8 (byte {error.start})")]) from error
    return parse_document(text, name)


def parse_document(text: str, name: str) -> Document:
    """Parse the text of a YAML or JSON document; `name` stands in messages.

    Raises:
        DocumentError: as `load_document`.
    """
    try:
        _refuse_depth(text)
        node = yaml.compose(text, Loader=_LOADER)
        builder = _Builder(name)
        value = builder.build(node, (), 0) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise DocumentError([Problem(name, line, column, "", f"not valid YAML: {error.problem}")]) from error
    except (yaml.YAMLError, RecursionError, ValueError, KeyError, IndexError) as error:
        raise DocumentError([Problem(name, 1, 1, "", f"not valid YAML: {error or type(error).__name__}")]) from error
    if builder.problems:
        raise DocumentError(builder.problems)
    return Document(name, value, builder.places)


# Other scalars (dates, binary) stay text: what they mean is for the schema to say.
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}


_LOADER = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader


def _refuse_depth(text: str) -> None:
    """Count the depth by events first: composing a document that nests too deep would overflow the C stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError("nested too deep")


class _Builder:
    """Turns YAML nodes into plain values and keeps their places."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._scalars = yaml.constructor.SafeConstructor()
        self._count = 0
        self.places: dict[Path_, tuple[int, int]] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: Path_, depth: int) -> Any:  # noqa: ANN401 (any JSON)
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            raise yaml.YAMLError("nested too deep, or too large once its aliases are expanded")
        self.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        if node.tag not in _PLAIN_TAGS:
            return str(node.value)
        try:
            return self._scalars.construct_object(node)
        except (ValueError, KeyError, IndexError) as error:
            self.problems.append(Problem(self._name, *self.places[path], dotted(path), f"not of its type: {error}"))
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path_, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self._merge(value_node, path, depth)
                continue
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in result:
                self.problems.append(Problem(self._name, *place, dotted(path), f"key {key!r} stands here twice"))
            result[key] = self.build(value_node, (*path, key), depth + 1)
            self.places[(*path, key, "\0key")] = place
        return {**merged, **result}

    def _merge(self, node: yaml.Node, path: Path_, depth: int) -> dict[str, Any]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in reversed(parts):  # an earlier part wins over a later one
            value = self.build(part, path, depth + 1)
            merged |= value if isinstance(value, dict) else {}
        return merged


def dotted(path: Path_) -> str:
    """A path for people: ``providers[2].url``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def validate(document: Document, schema: dict[str, Any]) -> list[Problem]:
    """All violations of a JSON Schema (2020-12), in the order of the file."""
    errors = Draft202012Validator(schema).iter_errors(document.value)
    problems = [problem for error in errors for problem in _problems_of(document, error)]
    return sorted(set(problems), key=lambda p: (p.line, p.column, p.message))


def violations(value: object, schema: dict[str, Any]) -> list[str]:
    """All violations of a JSON Schema by a plain value that has no places (an answer from the wire)."""
    document = Document("", value, {})
    return [
        f"{problem.path}: {problem.message}" if problem.path else problem.message
        for problem in validate(document, schema)
    ]


def map_strings(document: Document, change: Callable[[str, Path_], str]) -> Document:
    """The document with `change` applied to every string value."""

    def walk(value: Any, path: Path_) -> Any:  # noqa: ANN401 (any JSON)
        if isinstance(value, str):
            return change(value, path)
        if isinstance(value, dict):
            return {key: walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*path, i)) for i, item in enumerate(value)]
        return value

    return Document(document.file, walk(document.value, ()), document.places)


def did_you_mean(word: str, known: list[str]) -> str:
    """A hint for a misspelt word, or nothing."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _problems_of(document: Document, error: ValidationError) -> Iterator[Problem]:
    path: Path_ = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = sorted(_schema_of(error).get("properties", {}))
        for key in sorted(set(error.instance) - set(known)):
            message = f"unknown key {key!r}{did_you_mean(key, known)}"
            yield document.problem((*path, key), message, at_key=True)
    elif error.context:
        yield from _problems_of(document, best_match(iter(error.context)) or error)
    else:
        yield document.problem(path, _explain(error))


def _schema_of(error: ValidationError) -> dict[str, Any]:
    return error.schema if isinstance(error.schema, dict) else {}


def _explain(error: ValidationError) -> str:
    if _schema_of(error).get("x-secret"):  # what stands there may be the secret itself
        return f"must be {_schema_of(error)['description']}"
    shown, wanted = str(error.instance), cast("Any", error.validator_value)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    match error.validator:
        case "type":
            return f"must be {' or '.join([wanted] if isinstance(wanted, str) else wanted)}, is {shown!r}"
        case "enum":
            values = [str(value) for value in wanted]
            return f"must be one of {', '.join(values)}; is {shown!r}{did_you_mean(shown, values)}"
        case "required":
            missing = [key for key in wanted if key not in cast("Any", error.instance)]
            return f"lacks {', '.join(repr(key) for key in missing)}"
        case "pattern" if "description" in _schema_of(error):
            return f"{shown!r} is not {_schema_of(error)['description']}"
    return error.message[:300]
