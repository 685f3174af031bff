"""What a document is, the parts of it, and what can be wrong with one."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.redaction import Redactor

Path_ = tuple[str | int, ...]
"""Where in a document: keys and indices from its root."""

_KEY = "\0key"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file; line and column count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str
    warning: bool = False
    """Worth a caveat only: it does not fail a check."""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        level = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {level}{where}{self.message}"


Problems = list[Problem]


class DocumentError(Exception):
    """A document cannot be read or is invalid; `problems` has all of it."""

    def __init__(self, problems: Problems) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Document:
    """A parsed document: plain values, and the place of each."""

    file: str
    value: Any
    places: Mapping[Path_, tuple[int, int]] = field(default_factory=dict)
    """Line and column of each value; of a key under the path with ``"\\0key"`` appended."""

    @property
    def root(self) -> "Part":
        """The whole of it."""
        return Part(self, (), self.value)

    def below(self, *path: str | int) -> "Document":
        """What stands below a path as a document of its own, in the same file."""
        part, length = self.root.at(*path), len(path)
        return Document(self.file, part.value, {p[length:]: at for p, at in self.places.items() if p[:length] == path})

    def problem(self, path: Path_, message: str, *, at_key: bool = False, warning: bool = False) -> Problem:
        """A problem at a path (or at the key that leads there); where the path has no place, at its nearest parent."""
        place = self.places.get((*path, _KEY)) if at_key else None
        for length in range(len(path), -1, -1):
            place = place or self.places.get(path[:length])
        return Problem(self.file, *(place or (1, 1)), dotted(path), Redactor().text(message), warning)


@dataclass(frozen=True)
class Part:
    """A value somewhere in a document.

    It reads tolerantly: what is absent or of the wrong type counts as empty, for the schema check is what names it.
    """

    document: Document
    path: Path_
    value: Any

    def __getitem__(self, key: str) -> "Part":
        """What a key leads to; a part without a value where there is none."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return Part(self.document, (*self.path, key), found)

    def __iter__(self) -> Iterator["Part"]:
        """The items of a sequence."""
        items = self.value if isinstance(self.value, list) else ()
        return (Part(self.document, (*self.path, i), item) for i, item in enumerate(items))

    def __bool__(self) -> bool:
        """Whether there is anything: not for absent, null, false, zero and empty values."""
        return bool(self.value)

    def __contains__(self, key: str) -> bool:
        """Whether a mapping has a key, whatever stands under it."""
        return isinstance(self.value, dict) and key in self.value

    def at(self, *path: str | int) -> "Part":
        """What a path of keys and positions leads to."""
        part = self
        for key in path:
            part = part[key] if isinstance(key, str) else list(part)[key]
        return part

    def entries(self) -> Iterator[tuple[str, "Part"]]:
        """The keys and values of a mapping."""
        for key in self.value if isinstance(self.value, dict) else ():
            yield key, self[key]

    def text(self) -> str:
        """A scalar as text; empty for anything else."""
        return "" if self.value is None or isinstance(self.value, (dict, list)) else str(self.value)

    def number(self) -> float | None:
        """A number; None for anything else."""
        is_number = isinstance(self.value, (int, float)) and not isinstance(self.value, bool)
        return float(self.value) if is_number else None

    def texts(self) -> list[str]:
        """The scalars of a sequence as text."""
        return [item.text() for item in self]

    def strings(self) -> Iterator["Part"]:
        """Every string at or below this part."""
        return (leaf for leaf in self.leaves() if isinstance(leaf.value, str))

    def leaves(self) -> Iterator["Part"]:
        """Every value at or below this part that holds no others."""
        if not isinstance(self.value, (dict, list)):
            yield self
        for item in self:
            yield from item.leaves()
        for _, value in self.entries():
            yield from value.leaves()

    def problem(self, message: str, *, at_key: bool = False, warning: bool = False) -> Problem:
        """Something wrong with it."""
        return self.document.problem(self.path, message, at_key=at_key, warning=warning)


def dotted(path: Path_) -> str:
    """A path for people: ``providers[2].url``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint for a misspelt word, or nothing; `cutoff` is how alike (difflib's ratio) the two must be."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f" (did you mean {close[0]!r}?)" if close else ""
