"""Secret values in files: keys of a known shape (the detectors of the library detect-secrets), and plain passwords."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gonogo.documents import Document, Part, Path_, Problem, Problems
from gonogo.redaction import KEY_SHAPES, Redactor, default_of, is_reference, is_secret_name
from gonogo.rules.sources import containers

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

# Detectors that go by entropy or by a word nearby report digests, names and references: they would cry wolf. What they
# are for is found by its place instead, see `plain_values`.
_GUESSING = {"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector"}
_PLACEHOLDERS = frozenset(
    "none null empty dummy fake fake-key anything not-needed not-used unused no-key sk-no-key-required changeme "
    "change-me redacted todo ollama vllm lm-studio llama.cpp".split()
)
"""What people write where a client insists on a key and the server does not."""
_ACCEPTED_LINE = re.compile(r"pragma:\s?allowlist[ -]secret")
MIN_KEY = 20
"""Shorter keys, and keys without a digit, are words: ``sk-learn-pipeline``."""
MIN_VALUE = 4
"""Shorter values are no passwords."""
_LONGEST_KEY = 400
MAX_TEXT = 1_000_000
"""Of a text of any kind; what comes after that is data."""
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
    for line in lines:
        for kind, value in shapes_in(line.text):
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
    return hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:12]


@lru_cache(maxsize=65_536)
def shapes_in(text: str) -> tuple[tuple[str, str], ...]:
    """Kind and value of each secret in a line; configuration says the same line many times."""
    if len(text) > MAX_LINE or _ACCEPTED_LINE.search(text):
        return ()
    keys = [match.group() for match in KEY_SHAPES.finditer(text)]
    found = {key: "API key" for key in keys if len(key) >= MIN_KEY and re.search(r"\d", key)}
    for detector in _detectors() if any(shape.search(text) for shape in _shapes()) else ():
        for secret in detector.analyze_line(filename="", line=text, line_number=0):
            found.setdefault(secret.secret_value, secret.type)
    return tuple(
        (kind, value)
        for value, kind in found.items()
        if not _is_placeholder(value) and not any(value != other and value in other for other in found)
    )


def secrets_told(lines: Sequence[str], redactor: Redactor) -> list[str]:
    """Lines that hold a secret of the target, or something of a key's shape; the secret itself is not shown."""
    own = sum(redactor.contains_secret(line) for line in lines)
    flaws = [f"{own} of {len(lines)} lines hold a secret of the target"] if own else []
    shaped = dict.fromkeys(f"{kind} ({fingerprint(value)})" for line in lines for kind, value in shapes_within(line))
    return flaws + [f"something of the shape of a secret: {told}" for told in list(shaped)[:5]]


def shapes_within(text: str) -> Iterator[tuple[str, str]]:
    """Kind and value of each secret in a text of any kind, long lines too."""
    for line in text[:MAX_TEXT].splitlines():
        for piece in _pieces(line):
            yield from shapes_in(piece)


def _pieces(text: str) -> Iterator[str]:
    """A long line in pieces that overlap by more than the length of a key: longer ones are not searched for shapes."""
    step = MAX_LINE - _LONGEST_KEY
    yield from (text[start : start + MAX_LINE] for start in range(0, max(1, len(text) - _LONGEST_KEY), step))


@cache
def _detectors() -> list["BasePlugin"]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class  # noqa: PLC0415 (ADR 12)

    kinds = get_mapping_from_secret_type_to_class().values()
    return [kind() for kind in kinds if kind.__name__ not in _GUESSING]


@cache
def _shapes() -> list[re.Pattern[str]]:
    """What detectors look for; most lines hold none. One expression of all would take longer."""
    return [shape for detector in _detectors() for shape in detector.denylist]


def _is_placeholder(value: str) -> bool:
    from detect_secrets.filters import heuristic  # noqa: PLC0415 (ADR 12)

    lower = value.lower()
    return (
        is_reference(value)
        or lower in _PLACEHOLDERS
        or any(word in lower for word in ("example", "your-", "your_", "xxxx", "1234567890", "[redacted]", "..."))
        or heuristic.is_templated_secret(value)
        or heuristic.is_sequential_string(value)
    )


def plain_values(document: Document, accepted: Collection[str] = ()) -> Problems:
    """Passwords, tokens and keys that stand in a document as they are, by the name of their key, variable or flag."""
    problems: Problems = []
    for part, name in _secret_values(document.root):
        value = default_of(part.text()) or part.text()
        if len(value) >= MIN_VALUE and not _is_placeholder(value) and fingerprint(value) not in accepted:
            message = f"the value of {name} stands in the file ({fingerprint(value)}): refer to a variable or a secret"
            problems.append(part.problem(message))
    return list(dict.fromkeys(problems))


def _secret_values(root: Part) -> Iterator[tuple[Part, str]]:
    """Values that are secret by the name that they have."""
    kind = root["kind"].text()
    if kind and root["apiVersion"]:
        yield from _in_manifest(root, kind)
        return
    for path, value in _scalars(root.value, ()):
        part = Part(root.document, path, value)
        name = path[-1] if path and isinstance(path[-1], str) else ""
        beside = str(_beside(root.value, path, "name")) if name == "value" else ""
        if is_secret_name(name) and (isinstance(value, str) or not name.lower().endswith("token")):
            yield part, name
        elif is_secret_name(beside):
            yield part, beside
        elif isinstance(value, str) and "=" in value:
            yield from _assigned(part)
    yield from _flags(root)


def _in_manifest(root: Part, kind: str) -> Iterator[tuple[Part, str]]:
    """Values in a Kubernetes object: of a Secret or a ConfigMap, of variables, of flags.

    Elsewhere names that sound secret name objects and keys (``secretName``, ``secretKey``, annotations).
    """
    if kind in ("Secret", "ConfigMap"):
        for section in ("data", "stringData"):
            for name, value in root[section].entries():
                if kind == "Secret" or is_secret_name(name):
                    yield value, name
    for container in containers(root, initial=True):
        for item in container["env"]:
            if is_secret_name(item["name"].text()):
                yield item["value"], item["name"].text()
        yield from _flags(container)


def _assigned(part: Part) -> Iterator[tuple[Part, str]]:
    """``NAME=value`` and ``--flag=value``."""
    name, equals, value = part.text().partition("=")
    if equals and is_secret_name(name):
        yield Part(part.document, part.path, value), name


def _flags(root: Part) -> Iterator[tuple[Part, str]]:
    """``--flag value``, as two items of a list or within a command line."""
    for path, items in _lists(root.value, root.path):
        words = [(Part(root.document, (*path, i), word), word) for i, word in enumerate(items) if isinstance(word, str)]
        for (_, flag), (part, _value) in pairwise(words):
            if flag.startswith("-") and is_secret_name(flag):
                yield part, flag
    for path, value in _scalars(root.value, root.path):
        if not isinstance(value, str) or "-" not in value:
            continue
        if " -" in value:
            for flag, word in pairwise(value.split()):
                if flag.startswith("-") and is_secret_name(flag):
                    yield Part(root.document, path, word), flag
        elif value.startswith("--"):
            yield from _assigned(Part(root.document, path, value))


def _scalars(value: object, path: Path_) -> Iterator[tuple[Path_, object]]:
    """Every text and number, and its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _scalars(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _scalars(item, (*path, i))
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield path, value


def _lists(value: object, path: Path_) -> Iterator[tuple[Path_, list[object]]]:
    """Every list and its path."""
    if isinstance(value, list):
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from _lists(item, (*path, key))


def _beside(value: Any, path: Path_, key: str) -> object:  # noqa: ANN401 (any JSON)
    """What stands under another key of the mapping that a path ends in."""
    for part in path[:-1]:
        value = value[part]
    return value.get(key) if isinstance(value, dict) else None
