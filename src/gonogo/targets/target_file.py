"""What every section of a target file is read with: its paths, secrets and bands, and what is wrong with it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gonogo.documents import Document, Path_, Problem
from gonogo.objectives import Band
from gonogo.targets.secrets import Secret


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
        """A path in the file: relative to it."""
        return (self._folder / text).resolve()

    def secret(self, raw: Mapping[str, str] | None, path: Path_) -> Secret | None:
        """A secret by its reference, ``env`` or ``file``; None where none is named; without a value it is a problem."""
        if raw is None:
            return None
        if "env" in raw:
            reference, value = f"${raw['env']}", self._variables.get(raw["env"], "")
            if not value:
                self.problem(path, f"the secret's environment variable {raw['env']} is not set: export it first")
        else:
            reference, value = f"file:{raw['file']}", ""
            try:
                value = self.path(raw["file"]).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self.problem(path, f"the secret's file {raw['file']} cannot be read: {error}")
        secret = Secret(reference, value)
        self.secrets.append(secret)
        return secret

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
        if not all(math.isfinite(value) for value in raw.values()):
            self.problem(path, "must be finite numbers")
        return Band(float(warn), float(fail), above=bool(above))
