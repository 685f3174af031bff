"""What every section of a target file is read with: its paths, secrets and bands, and what is wrong with it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gonogo.documents import Document, Part, Path_, Problem, Problems
from gonogo.objectives import Band
from gonogo.targets.secrets import Secret

_LARGEST = 1e12
"""More than any limit, duration or count that makes sense, and less than what overflows a date or a C integer."""


def unusable_values(document: Document) -> Problems:
    """Numbers and texts that no key can take: not finite, too large, a NUL character, an address that is none."""
    return [part.problem(why) for part in _leaves(document.root) if (why := _unusable(part.value))]


def _leaves(part: Part) -> Iterator[Part]:
    if isinstance(part.value, dict):
        for _, inner in part.entries():
            yield from _leaves(inner)
    elif isinstance(part.value, list):
        for inner in part:
            yield from _leaves(inner)
    else:
        yield part


def _unusable(value: object) -> str:
    if isinstance(value, (int, float)) and not abs(value) <= _LARGEST:  # NaN is not, either
        return f"must be a finite number of at most {_LARGEST:g}"
    if not isinstance(value, str):
        return ""
    if "\0" in value:
        return "holds a NUL character"
    if value.startswith(("http://", "https://", "redis://", "rediss://")):
        try:
            urlsplit(value).port  # noqa: B018 (asking for it is what tells)
        except ValueError as error:
            return f"is no URL: {error}"
    return ""


class TargetFile:
    """A target file while it is read; problems that its schema cannot see are gathered."""

    def __init__(self, document: Document, folder: Path, variables: Mapping[str, str]) -> None:
        self._document, self._folder, self._variables = document, folder, variables
        self.problems: list[Problem] = []
        self.secrets: list[Secret] = []

    @property
    def value(self) -> dict[str, Any]:
        """All of it, as its schema says; variables are put in."""
        found: dict[str, Any] = self._document.value
        return found

    def problem(self, path: Path_, message: str) -> None:
        """Something is wrong at a place of the file."""
        self.problems.append(self._document.problem(path, message))

    def path(self, text: str) -> Path:
        """A path in the file: relative to it; ``~`` is the home folder."""
        return (self._folder / os.path.expanduser(text)).resolve()  # noqa: PTH111 (pathlib's fails at an unknown ~user)

    def secret(self, raw: Mapping[str, str] | None, path: Path_) -> Secret | None:
        """A secret by its reference, ``env`` or ``file``; None where none is named; without a value it is a problem."""
        if raw is None:
            return None
        if "env" in raw:
            reference, value = f"${raw['env']}", self._variables.get(raw["env"], "").strip()
            if not value:
                self.problem(path, f"the secret's environment variable {raw['env']} is not set: export it first")
        else:
            reference, value = f"file:{raw['file']}", self._text_of(raw["file"], path)
        if not value.isprintable() or not (path[-1] == "password" or value.isascii()):
            self.problem(path, f"the secret of {reference} has characters that no header can carry")
        secret = Secret(reference, value)
        self.secrets.append(secret)
        return secret

    def _text_of(self, name: str, path: Path_) -> str:
        """What a secret's file holds; nothing, which is a problem, where it cannot be read."""
        try:
            value = self.path(name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.problem(path, f"the secret's file {name} cannot be read: {error}")
            return ""
        if not value:
            self.problem(path, f"the secret's file {name} is empty")
        return value

    def file(self, text: str, path: Path_) -> Path:
        """A file that must be there, relative to the target file."""
        found = self.path(text)
        if not found.is_file():
            self.problem(path, f"there is no file {text!r}")
        return found

    def folder(self, text: str, path: Path_) -> Path:
        """A folder that must be there, relative to the target file."""
        found = self.path(text)
        if not found.is_dir():
            self.problem(path, f"there is no folder {text!r}")
        return found

    def share_band(self, raw: Mapping[str, float], path: Path_, *, above: bool) -> Band:
        """A band over a share; one that no share can break, or every one breaks, is a problem as well.

        Args:
            raw: its bounds.
            path: where it stands.
            above: large values are bad; else small ones.
        """
        band, side = self.band(raw, path), "above" if above else "below"
        if band.above is not above:
            self.problem(path, f"needs warn_{side} or fail_{side}, or both: the other side is the good one")
        elif not all(0 <= bound < 1 if above else 0 < bound <= 1 for bound in raw.values()):
            limits = "at least 0 and under 1" if above else "over 0 and at most 1"
            self.problem(path, f"is a share: {limits} (0.05 for 5 %)")
        return band

    def band(self, raw: Mapping[str, float], path: Path_) -> Band:
        """A band by its bounds, ``warn_`` and ``fail_``, ``above`` or ``below``; what contradicts is a problem."""
        above = {key for key in raw if key.endswith("above")}
        if above and len(above) != len(raw):
            self.problem(path, "mixes _above and _below: use one side")
        side = "above" if above else "below"
        warn = raw.get(f"warn_{side}", raw.get(f"fail_{side}", 0.0))
        fail = raw.get(f"fail_{side}", warn if f"warn_{side}" not in raw else float("inf") if above else float("-inf"))
        if (fail < warn) if above else (fail > warn):
            self.problem(path, f"fail_{side} lies on the passing side of warn_{side}")
        return Band(float(warn), float(fail), above=bool(above))
