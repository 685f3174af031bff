"""summary.md: what a pull request or a CI job page shows."""

from collections.abc import Iterable
from typing import Any

_ICONS = {"GO": "🟢", "GO WITH CAVEATS": "🟡", "NO-GO": "🔴", "HOLD": "🟠"}
_MOST = 10


class MarkdownWriter:
    """Writes summary.md."""

    file_name = "summary.md"

    def render(self, verdict: dict[str, Any]) -> str:
        """The page."""
        demo = " — DEMO, can promote nothing" if verdict["demo"] else ""
        binding = verdict["binding"]
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
            "| outcome | checks |",
            "| --- | --- |",
            *(f"| {outcome} | {count} |" for outcome, count in verdict["counts"].items()),
            "",
        ]
        unverified = [check for check in verdict["checks"] if check["outcome"] == "skip"]
        if unverified:
            lines += ["Not verified:", "", *_list([f"{c['name']}: {c['reason']}" for c in unverified]), ""]
        if verdict["escalation"]:
            lines += ["Escalate:", "", *_list([f"{k}: {v}" for k, v in verdict["escalation"].items()]), ""]
        return "\n".join(lines)


def _list(texts: list[str]) -> list[str]:
    shown = [f"* {cell(text)}" for text in texts[:_MOST]]
    return [*shown, f"* … and {len(texts) - _MOST} more"] if len(texts) > _MOST else shown


def cell(text: str) -> str:
    """One line that cannot break out of its place."""
    line = text.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return line[:300]


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """A table, and an empty line after it."""
    lines = (head, tuple("---" for _ in head), *rows)
    return [*(f"| {' | '.join(cell(str(value)) for value in line)} |" for line in lines), ""]
