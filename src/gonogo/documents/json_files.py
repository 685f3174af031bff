"""JSON files: YAML reads some of JSON otherwise (``1e-05``, escaped emoji), so it only finds the places."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gonogo.documents.model import Document, DocumentError, Path_, Problem
from gonogo.documents.reader import parse_document, read_text


class _DuplicateKeyError(ValueError):
    """An object has a key twice."""


class _Places(Mapping[Path_, tuple[int, int]]):
    """The places of a JSON text, found when the first one is asked for: most files have nothing to complain about."""

    def __init__(self, text: str, name: str) -> None:
        self._text, self._name = text, name
        self._found: Mapping[Path_, tuple[int, int]] | None = None

    def _places(self) -> Mapping[Path_, tuple[int, int]]:
        if self._found is None:
            try:
                self._found = parse_document(self._text, self._name).places
            except DocumentError:  # JSON that YAML cannot read: the file is told, without a line
                self._found = {}
        return self._found

    def __getitem__(self, path: Path_) -> tuple[int, int]:
        return self._places()[path]

    def __iter__(self) -> Iterator[Path_]:
        return iter(self._places())

    def __len__(self) -> int:
        return len(self._places())


def parse_json(text: str, name: str) -> Document:
    """Parse a JSON text; `name` stands in messages.

    Raises:
        DocumentError: it is not JSON, nests too deep, or an object has a key twice.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise DocumentError([Problem(name, error.lineno, error.colno, "", f"not JSON: {error.msg}")]) from error
    except _DuplicateKeyError as error:
        parse_document(text, name)  # raises with the place, if YAML can read it
        raise DocumentError([Problem(name, 1, 1, "", str(error))]) from error
    except (ValueError, RecursionError) as error:
        told = "nested too deep" if isinstance(error, RecursionError) else str(error).partition(":")[0]
        raise DocumentError([Problem(name, 1, 1, "", f"not JSON: {told}")]) from error
    return Document(name, value, _Places(text, name))


def load_lines(file: Path) -> list[Document]:
    """Read a file of JSON lines, one document each; empty lines are left out.

    Raises:
        DocumentError: the file cannot be read, or lines of it are not JSON: every such line is told.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for number, line in enumerate(read_text(file, str(file)).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line, str(file)).value
        except DocumentError as error:
            problems += [replace(problem, line=number) for problem in error.problems]
        else:
            documents.append(Document(str(file), value, {(): (number, 1)}))
    if problems:
        raise DocumentError(problems)
    return documents


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DuplicateKeyError(f"a key of {sorted(found)[:5]} stands there twice")
    return found


def refuse_constant(constant: str) -> None:
    """For ``json.loads``: Python alone takes NaN and Infinity.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{constant} is not JSON")
