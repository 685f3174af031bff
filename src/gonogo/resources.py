"""Where the data that ships with gonogo lies: inside the package; in a checkout by a link to its root."""

import json
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent
ROOT = _PACKAGE.parent.parent
"""The checkout's root; meaningless in an installed wheel."""


def folder(name: str) -> Path:
    """The shipped folder ``fixtures``, ``load`` or ``suites``: in a checkout, where its link leads."""
    return (_PACKAGE / name).resolve()


def conversation_sets() -> dict[str, Path]:
    """The shipped sets of conversations, by name."""
    return {path.stem: path for path in (folder("fixtures") / "conversations").iterdir()}


def schema(name: str) -> dict[str, Any]:
    """A JSON Schema from ``fixtures/schemas``, by its name without ending."""
    loaded: dict[str, Any] = json.loads((folder("fixtures") / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    return loaded
