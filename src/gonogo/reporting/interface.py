"""What a writer is."""

from typing import Any, Protocol

LEVELS = {"fail": "error", "warn": "warning", "inconclusive": "warning"}
"""How code scanners and pull requests call an outcome that they show; others they do not show."""


class Writer(Protocol):
    """Turns a verdict, as plain JSON with secrets masked, into the text of one file."""

    file_name: str

    def render(self, verdict: dict[str, Any]) -> str | None:
        """The file's text; None where the run holds nothing for it, and no file is written."""
