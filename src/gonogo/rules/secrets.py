"""Secret values in files: keys of a known shape (the detectors of the library detect-secrets), and plain passwords."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.filters import heuristic
from detect_secrets.plugins.base import BasePlugin

from gonogo.documents import Document, Part, Path_, Problem, Problems
from gonogo.redaction import KEY_SHAPES
from gonogo.rules.sources import is_reference

# Detectors that go by entropy or by a word nearby report digests, names and references: they would cry wolf. What they
# are for is found by its place instead, see `plain_values`.
_GUESSING = {"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector"}
_SECRET_KEY = re.compile(
    r"(^|[_\-.])(password|passwd|secret|token|api_?key|master_key|private_key|access_key|salt_key|secret_key)$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PLACEHOLDERS = {"none", "null", "empty", "dummy", "not-needed", "changeme", "change-me", "redacted", "todo", "unused"}
_ACCEPTED_LINE = re.compile(r"pragma:\s?allowlist[ -]secret")
MIN_KEY = 20
"""Shorter keys, and keys without a digit, are words: ``sk-learn-pipeline``."""
MAX_LINE = 2000
"""Longer lines are data (a bundled file, a notebook), not something that somebody wrote."""


@dataclass(frozen=True)
class Line:
    """A line of text and where it stands."""

    file: str
    number: int
    text: str


def in_lines(lines: Iterable[Line], accepted: Collection[str] = ()) -> Problems:
    """Secrets of a known shape, and private keys; a line that says ``pragma: allowlist secret`` is passed over.

    Args:
        lines: what to look at.
        accepted: fingerprints of values that are known and revoked.
    """
    problems: Problems = []
    seen: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        if line.text not in seen:
            seen[line.text] = list(_shapes(line.text))
        for kind, value in seen[line.text]:
            mark = fingerprint(value)
            if mark not in accepted:
                column = line.text.find(value) + 1
                problems.append(Problem(line.file, line.number, max(column, 1), "", f"holds a secret: {kind} ({mark})"))
    return problems


def lines_of(text: str, file: str) -> list[Line]:
    """The lines of a text."""
    return [Line(file, number, line) for number, line in enumerate(text.splitlines(), 1)]


def fingerprint(value: str) -> str:
    """What names a secret in a report without showing it: the first 12 hex digits of its SHA256."""
    return hashlib.sha256(value.encode()).hexdigest()[:12]


def _shapes(text: str) -> Iterator[tuple[str, str]]:
    if len(text) > MAX_LINE or _ACCEPTED_LINE.search(text):
        return
    keys = [match.group() for match in KEY_SHAPES.finditer(text)]
    found = {key: "API key" for key in keys if len(key) >= MIN_KEY and re.search(r"\d", key)}
    for detector in _detectors() if any(pattern.search(text) for pattern in _any_shape()) else ():
        for secret in detector.analyze_line(filename="", line=text, line_number=0):
            found.setdefault(secret.secret_value, secret.type)
    for value, kind in found.items():
        if not _is_placeholder(value) and not any(value != other and value in other for other in found):
            yield kind, value


@cache
def _detectors() -> list[BasePlugin]:
    kinds = get_mapping_from_secret_type_to_class().values()
    return [kind() for kind in kinds if kind.__name__ not in _GUESSING]


@cache
def _any_shape() -> list[re.Pattern[str]]:
    """Everything that a detector looks for, in one expression for each set of flags: most lines need no more."""
    by_flags: dict[int, list[str]] = {}
    for detector in _detectors():
        for pattern in detector.denylist:
            by_flags.setdefault(pattern.flags, []).append(f"(?:{pattern.pattern})")
    return [re.compile("|".join(patterns), flags) for flags, patterns in by_flags.items()]


def _is_placeholder(value: str) -> bool:
    lower = value.lower()
    return (
        is_reference(value)
        or lower in _PLACEHOLDERS
        or any(word in lower for word in ("example", "your-", "your_", "xxxx", "1234567890", "[redacted]", "..."))
        or heuristic.is_templated_secret(value)
        or heuristic.is_sequential_string(value)
    )


def plain_values(document: Document, accepted: Collection[str] = ()) -> Problems:
    """Passwords, tokens and keys that stand in a document as they are, by the name of their key."""
    problems: Problems = []
    for part, name in _secret_values(document.root):
        value = part.text()
        if len(value) >= 4 and not _is_placeholder(value) and fingerprint(value) not in accepted:
            message = f"the value of {name} stands in the file ({fingerprint(value)}): refer to a variable or a secret"
            problems.append(part.problem(message))
    return list(dict.fromkeys(problems))


def _secret_values(root: Part) -> Iterator[tuple[Part, str]]:
    """Values whose key, or whose name beside them, says that they are secret; all values of a Kubernetes Secret."""
    if root["kind"].text() == "Secret":
        for section in ("data", "stringData"):
            yield from ((value, key) for key, value in root[section].entries())
    for path, value in _strings(root.value, ()):
        name, _, assigned = value.partition("=")
        if assigned and is_secret_name(name):
            yield Part(root.document, path, assigned), name
        elif path and isinstance(path[-1], str) and is_secret_name(path[-1]):
            yield Part(root.document, path, value), path[-1]
        elif path and path[-1] == "value" and is_secret_name(str(_beside(root.value, path, "name"))):
            yield Part(root.document, path, value), str(_beside(root.value, path, "name"))


def _strings(value: object, path: Path_) -> Iterator[tuple[Path_, str]]:
    """Every string and its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _strings(item, (*path, i))


def _beside(value: Any, path: Path_, key: str) -> object:  # noqa: ANN401 (any JSON)
    """What stands under another key of the mapping that a path ends in."""
    for part in path[:-1]:
        value = value[part]
    return value.get(key) if isinstance(value, dict) else None


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a key or variable of this name holds a secret: ``redis_password``, ``OPENAI_API_KEY``, ``apiKey``."""
    return bool(_SECRET_KEY.search(_CAMEL.sub("_", name)))
