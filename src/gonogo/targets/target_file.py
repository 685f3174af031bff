"""What every section of a target file is read with: its paths, secrets and bands, and what is wrong with it."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gonogo.documents import Document, Path_, Problem, did_you_mean, dotted
from gonogo.objectives import Band
from gonogo.targets.resolving import VARIABLE, path_from
from gonogo.targets.secrets import Secret

_PASSWORD = re.compile(r"(?:https?|rediss?)://[^\s/?#@]*?:([^\s/?#@]+)@|rediss?://\S*[?&]password=([^&#\s]+)")
"""In an address."""


def _passwords_in(document: Document) -> Iterator[Secret]:
    """The passwords that stand in addresses, so that nothing that is written shows them."""
    for part in document.root.strings():
        for found in _PASSWORD.finditer(part.value):
            written = found[1] or found[2]
            for password in {written, unquote(written)}:
                yield Secret(f"the password in {dotted(part.path)}", password)


class TargetFile:
    """A target file while it is read; problems that its schema cannot see are gathered."""

    def __init__(self, document: Document, written: Document, folder: Path, variables: Mapping[str, str]) -> None:
        """Begin.

        Args:
            document: with every variable in place.
            written: the same without.
            folder: where it lies.
            variables: the environment.
        """
        self._document, self._written, self._folder, self._variables = document, written, folder, variables
        self.problems: list[Problem] = []
        self.secrets: list[Secret] = list(_passwords_in(document))

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
        return path_from(self._folder, text)

    def secret(self, raw: Mapping[str, str] | None, path: Path_) -> Secret | None:
        """A secret by its reference, ``env`` or ``file``; None where none is named; without a value it is a problem."""
        if raw is None:
            return None
        if "env" in raw and VARIABLE.search(str(self._written.root.at(*path, "env").value)):
            self.problem(path, "takes the name of a variable, not what stands in it: {env: NAME}, without a $")
            return Secret("", "")  # what stands in it may be the secret
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

    def expect_known(self, what: str, name: str, known: Collection[str], path: Path_) -> None:
        """A name at a place of the file is one of those that are known."""
        if name not in known:
            self.problem(path, f"no {what} is called {name!r}{did_you_mean(name, known)}")

    def base_url(self, text: str, path: Path_) -> str:
        """The address of what has its paths below ``/v1``, without a slash at its end; one that ends there is wrong."""
        url = text.rstrip("/")
        if url.endswith("/v1"):
            self.problem(path, "ends with /v1, which is added to it: leave it away")
        return url

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
