"""model-change.md: what a change of the model changed in the chatbot's answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.model import WORST_FIRST
from gonogo.reporting.markdown import cell, table

_SUITE_PART = "output.change."
_WORDS = {"fail": "NO-GO", "inconclusive": "HOLD", "warn": "GO WITH CAVEATS", "pass": "GO"}


class ModelChangeWriter:
    """Writes model-change.md, where the run compared the chatbot's answers with a baseline's.

    Its word is of this change alone: the run's verdict is in the other reports, and may be worse.
    """

    file_name = "model-change.md"

    def render(self, verdict: dict[str, Any]) -> str | None:
        """The page; None where nothing was compared."""
        checks = [check for check in verdict["checks"] if check["id"].startswith(_SUITE_PART)]
        compared = next(_comparisons(checks), None)
        others = [check for check in verdict["checks"] if check["suite"] == "output" and check["severity"] != "minor"]
        outcomes = {"warn" if check["waived_by"] else check["outcome"] for check in (*checks, *others)}
        if compared is None:
            return None
        word = next((_WORDS[outcome] for outcome in WORST_FIRST if outcome in outcomes & _WORDS.keys()), "HOLD")
        name, told = verdict["binding"]["target_name"], compared["answer"]
        shown = [*checks, *(c for c in others if c not in checks and c["outcome"] in ("fail", "inconclusive", "warn"))]
        lines = [
            f"# {word}: {cell(name)} {cell(compared['subject'])}",
            "",
            f"Run `{verdict['run_id']}`, {told['prompts']} labelled prompts that both answered.",
            "",
            *table(("check", "outcome", "why"), [(c["id"], c["outcome"], c["reason"]) for c in shown]),
            "## Intents",
            "",
            "Shares of prompts whose intent is right.",
            "",
            *table(("intent", "prompts", "before", "now", "changed"), map(_intent, told["intents"])),
            f"## Changed answers ({len(told['changed'])})",
            "",
            *table(
                ("prompt", "wanted", "before", "now"),
                [(row["prompt"], row["wanted"], row["before"], row["after"]) for row in told["changed"]],
            ),
        ]
        return "\n".join(lines)


def _intent(row: Mapping[str, Any]) -> tuple[object, ...]:
    return row["intent"], row["prompts"], f"{row['before']:.1%}", f"{row['after']:.1%}", row["changed"]


def _comparisons(checks: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (seen for check in checks for seen in check["evidence"] if seen["probe"] == "comparison")
