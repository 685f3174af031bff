"""summary.md: what a pull request or a CI job page shows."""

from collections.abc import Iterable
from typing import Any

from gonogo.texts import first

_ICONS = {"GO": "🟢", "GO WITH CAVEATS": "🟡", "NO-GO": "🔴", "HOLD": "🟠"}
_MOST = 10


class MarkdownWriter:
    """Writes summary.md."""

    file_name = "summary.md"

    def render(self, verdict: dict[str, Any]) -> str:
        """The page: at most ten lines on why, the rest folded up."""
        demo = " — DEMO, can promote nothing" if verdict["demo"] else ""
        binding = verdict["binding"]
        counts = " · ".join(f"{count} {outcome}" for outcome, count in verdict["counts"].items() if count)
        lines = [
            f"## {_ICONS[verdict['decision']]} {verdict['decision']}{demo}",
            "",
            (
                f"Target **{cell(binding['target_name'])}** ({binding['environment']}), stage {verdict['stage']}, "
                f"run `{verdict['run_id']}`, valid until {verdict['valid_until'][:16]}Z."
            ),
            "",
            *_list(verdict["reasons"]),
            "",
            f"{counts or 'no check ran'}. Again: `{cell(verdict['command'])}`",
            "",
        ]
        unverified = [
            f"{check['name']}: {check['reason']}" for check in verdict["checks"] if check["outcome"] == "skip"
        ]
        lines += _folded(f"Not verified ({len(unverified)})", unverified)
        lines += _folded("Escalate", [f"{name}: {whom}" for name, whom in verdict["escalation"].items()])
        return "\n".join(lines)


def _folded(title: str, texts: list[str]) -> list[str]:
    """What is opened by a click where Markdown is shown; nothing without texts."""
    return [f"<details><summary>{title}</summary>", "", *_list(texts), "", "</details>", ""] if texts else []


def _list(texts: list[str]) -> list[str]:
    return [f"* {cell(text)}" for text in first(texts, _MOST)]


def cell(text: str) -> str:
    """One line that cannot break out of its place."""
    line = text.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return line[:300]


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """A table, and an empty line after it."""
    lines = (head, tuple("---" for _ in head), *rows)
    return [*(f"| {' | '.join(cell(str(value)) for value in line)} |" for line in lines), ""]
