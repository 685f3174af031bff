"""The pages that people read, and what is in them: commands, and files to be written."""

import re
from dataclasses import dataclass
from pathlib import Path

from gonogo.resources import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "reports" / "README.md", *(ROOT / "docs").glob("*.md"),
                *(path for path in (ROOT / "deploy").rglob("*") if path.suffix in {".yaml", ".yml"} or path.name == "Dockerfile")])  # fmt: skip
_PROGRAM = r"(?:uv run |uv build|pytest |pip install |python -m |locust |docker (?:build|run) |kubectl -n |[A-Z_]+=\S+ (?:uv run|pytest|locust) )"
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(rf"`({_PROGRAM}[^`]*|uv run pytest|uv build --wheel)`")
_INDENTED = re.compile(rf"^(?:    |#   )({_PROGRAM}.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command as a page has it, without the comment after it."""

    page: str
    text: str


def commands() -> list[Command]:
    """Every command of every page, each once."""
    found: dict[tuple[str, str], None] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for language, block in _FENCED.findall(text) if language == "sh" for line in block.splitlines()]
        lines += _INLINE.findall(text) + _INDENTED.findall(text)
        for line in lines:
            if command := re.sub(r"\s+#.*$", "", line).strip():
                found[str(page.relative_to(ROOT)), command] = None
    return [Command(*key) for key in found]


def files_of(page: Path) -> dict[str, str]:
    """The files that a page shows, by the name in their first line; what is to be added to one stands at its end."""
    shown: dict[str, str] = {}
    for _, block in _FENCED.findall(page.read_text(encoding="utf-8")):
        head, _, rest = block.partition("\n")
        if match := re.fullmatch(r"# (add to )?(\S+\.(?:yaml|toml|ini|py))", head):
            name = match[2]
            shown[name] = shown.get(name, "") + rest if match[1] else rest
    return shown
