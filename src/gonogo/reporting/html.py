"""report.html: one file that a person opens, offline: verdict and reasons first, the evidence two clicks away."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from gonogo.model import WORST_FIRST
from gonogo.reporting.drills import drills_of
from gonogo.reporting.history import compared
from gonogo.reporting.pages import HERE, page
from gonogo.reporting.plots import pictures_of
from gonogo.texts import first

_MOST_DIFF_LINES = 200
_MOST_DIFF_CHARACTERS = 4000


class HtmlWriter:
    """Writes report.html."""

    file_name = "report.html"

    def render(self, verdict: dict[str, Any]) -> str:
        """The page; everything that comes from a deployment is escaped.

        Evidence stands in the page as JSON, and becomes part of it when a check is opened: a page with 20 MB of it is
        there as soon as one without.
        """
        suites: dict[str, list[dict[str, Any]]] = {}
        for check in verdict["checks"]:
            suites.setdefault(check["suite"], []).append(check)
        for checks in suites.values():
            checks.sort(key=lambda check: (WORST_FIRST.index(check["outcome"]), check["name"]))
        return page(
            "report.html.jinja",
            v=verdict,
            suites=suites,
            order=WORST_FIRST,
            load=verdict["load"],
            pictures=pictures_of(verdict["load"]) if verdict["load"] else [],
            drills=drills_of(verdict),
            script=(HERE / "report.js").read_text(encoding="utf-8"),
            sides=sides_of,
            changed=compared(verdict, verdict["before"]),
        )


def sides_of(check: Mapping[str, Any]) -> str:
    """How the last two answers to the same kind of request differ, for a check that failed; empty where they do not."""
    if check["outcome"] != "fail":
        return ""
    answers = [seen for seen in check["evidence"] if seen["probe"] == "http" and seen["request"].get("body")]
    if len(answers) < 2 or answers[-1]["subject"] != answers[-2]["subject"]:
        return ""
    before, after = (_lines(seen["answer"].get("body", "")) for seen in answers[-2:])
    lines = list(difflib.unified_diff(before, after, "the answer before", "the last answer", lineterm="", n=2))
    return "\n".join(first(lines, _MOST_DIFF_LINES))


def _lines(body: str) -> list[str]:
    """A body line by line; JSON a value a line."""
    try:
        body = json.dumps(json.loads(body), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        body = body[:_MOST_DIFF_CHARACTERS]
    return body.splitlines()
