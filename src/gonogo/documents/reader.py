"""From the text of a YAML file to documents."""

import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import yaml

from gonogo.documents.model import _KEY, Document, DocumentError, Path_, Problem, Problems, dotted

MAX_BYTES = 20_000_000
MAX_NODES = 2_000_000
MAX_ITEMS = 1_000_000
"""Lines and commas: a file of many more nodes would take gigabytes."""
MAX_DEPTH = 100
# Other scalars (dates, binary) stay text: what they mean is for the schema to say.
_TEXT_TAG = "tag:yaml.org,2002:str"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}
_DEEP_LINE = re.compile(rf"^[ ?:-]{{{MAX_DEPTH // 2},}}", re.MULTILINE)
_LOADER = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader


def load_document(file: Path, shown_as: str | None = None) -> Document:
    """Read a file that holds one document.

    Raises:
        DocumentError: the file is missing, too large, not UTF-8, not YAML, has duplicate keys, nests too deep, or
            holds several documents.
    """
    name = shown_as or str(file)
    return parse_document(read_text(file, name), name)


def load_documents(file: Path, shown_as: str | None = None) -> list[Document]:
    """Read a file that may hold several documents; empty ones are left out.

    Raises:
        DocumentError: as `load_document`.
    """
    name = shown_as or str(file)
    return parse_documents(read_text(file, name), name)


def read_text(file: Path, name: str) -> str:
    """The text of a file, without its byte order mark.

    Raises:
        DocumentError: the file is missing, too large or not UTF-8.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DocumentError([Problem(name, 1, 1, "", f"larger than {MAX_BYTES} bytes")])
        content = file.read_bytes()
    except OSError as error:
        raise DocumentError([Problem(name, 1, 1, "", f"cannot be read: {error.strerror}")]) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        hint = " (it looks like UTF-16: save it as UTF-8)" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise DocumentError([Problem(name, line, column, "", f"is not UTF-8 (byte {error.start}){hint}")]) from error


def parse_document(text: str, name: str) -> Document:
    """Parse text that holds one document; `name` stands in messages.

    Raises:
        DocumentError: as `load_document`.
    """
    documents = parse_documents(text, name)
    if len(documents) > 1:
        second = documents[1]
        line, column = second.places[()]
        message = "a second document begins here: this file must hold one (is the --- meant?)"
        raise DocumentError([Problem(name, line, column, "", message)])
    return documents[0] if documents else Document(name, None, {(): (1, 1)})


def parse_documents(text: str, name: str) -> list[Document]:
    """Parse text that may hold several documents; `name` stands in messages.

    Raises:
        DocumentError: as `load_documents`.
    """
    try:
        _refuse_length(text)
        _refuse_depth(text)
        nodes = [node for node in yaml.compose_all(text, Loader=_LOADER) if node is not None]
        if "&" in text and "*" in text:
            _refuse_expansion(nodes)
        builders = [_Builder(name, node) for node in nodes]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        hint = _tab_hint(text, line, column)
        raise DocumentError([Problem(name, line, column, "", f"not valid YAML: {error.problem}{hint}")]) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise DocumentError([Problem(name, *place, "", f"not valid YAML: {error.reason}")]) from error
    except (yaml.YAMLError, RecursionError, ValueError, KeyError, IndexError) as error:
        raise DocumentError([Problem(name, 1, 1, "", f"not valid YAML: {error or type(error).__name__}")]) from error
    problems = [problem for builder in builders for problem in builder.problems]
    if problems:
        raise DocumentError(problems)
    empty_scalars = ("", "null", "~")  # what lies between two --- lines with nothing between them
    return [
        Document(name, builder.value, builder.places)
        for builder, node in zip(builders, nodes, strict=True)
        if len(nodes) == 1 or not (isinstance(node, yaml.ScalarNode) and node.value in empty_scalars)
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


def _refuse_length(text: str) -> None:
    if text.count(",") + text.count("\n") > MAX_ITEMS:
        raise yaml.YAMLError(f"more than {MAX_ITEMS} items")


def _refuse_depth(text: str) -> None:
    """Count the depth by events first: composing a document that nests too deep would overflow the C stack.

    What is indented less than that and has fewer brackets cannot nest so deep, and is spared the second reading.
    """
    if text.count("[") + text.count("{") < MAX_DEPTH and not _DEEP_LINE.search(text):
        return
    steps = (
        isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        for event in yaml.parse(text, Loader=_LOADER)
    )
    if any(depth > MAX_DEPTH for depth in accumulate(steps)):
        raise yaml.YAMLError("nested too deep")


def _refuse_expansion(nodes: list[yaml.Node]) -> None:
    """Count what the aliases would expand to, without expanding: a bomb of nine lines stands for billions of nodes."""
    sizes: dict[int, int] = {}
    for node in nodes:
        _expanded_size(node, sizes)
    if sum(sizes[id(node)] for node in nodes) > MAX_NODES:
        raise yaml.YAMLError("too large once its aliases are expanded")


def _expanded_size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """The number of nodes at and below a node, each alias counted as often as it stands."""
    if id(node) not in sizes:
        sizes[id(node)] = MAX_NODES + 1  # while it is being counted: an anchor that contains itself never ends
        sizes[id(node)] = min(1 + sum(_expanded_size(child, sizes) for child in _children(node)), MAX_NODES + 1)
    return sizes[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from (key, value)


def _tab_hint(text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    at = lines[line - 1] if line <= len(lines) else ""
    tab = re.match(r"[ ]*\t", at) or at[column - 1 : column] == "\t"
    return " (a tab: YAML is indented with spaces)" if tab else ""


class _Builder:
    """Turns a YAML node into plain values and keeps their places."""

    def __init__(self, name: str, node: yaml.Node) -> None:
        self._name = name
        self._scalars = yaml.constructor.SafeConstructor()
        self.places: dict[Path_, tuple[int, int]] = {}
        self.problems: Problems = []
        self.value = self._build(node, ())

    def _build(self, node: yaml.Node, path: Path_) -> Any:  # noqa: ANN401 (any JSON)
        self.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, i)) for i, item in enumerate(node.value)]
        if node.tag == _TEXT_TAG or node.tag not in _PLAIN_TAGS:
            return str(node.value)
        try:
            return self._scalars.construct_object(node)
        except (ValueError, KeyError, IndexError) as error:
            told = str(error).partition(":")[0]
            self.problems.append(Problem(self._name, *self.places[path], dotted(path), f"not of its type: {told}"))
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self._merge(value_node, path)
                continue
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in result:
                message = f"key {key!r} stands here twice (before in line {self.places[*path, key, _KEY][0]})"
                self.problems.append(Problem(self._name, *place, dotted(path), message))
            result[key] = self._build(value_node, (*path, key))
            self.places[*path, key, _KEY] = place
        return {**merged, **result}

    def _merge(self, node: yaml.Node, path: Path_) -> dict[str, Any]:
        here = self.places[path]
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in reversed(parts):  # an earlier part wins over a later one
            value = self._build(part, path)
            if not isinstance(value, dict):
                place = (part.start_mark.line + 1, part.start_mark.column + 1)
                self.problems.append(Problem(self._name, *place, dotted(path), "<< must name a mapping"))
            merged |= value if isinstance(value, dict) else {}
        self.places[path] = here
        return merged
