"""report.html: one file that a person opens, offline."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

_TEMPLATE = Path(__file__).parent / "report.html.jinja"
_ORDER = ("fail", "inconclusive", "warn", "skip", "pass")


class HtmlWriter:
    """Writes report.html."""

    file_name = "report.html"

    def render(self, verdict: dict[str, Any]) -> str:
        """The page; everything that comes from a deployment is escaped."""
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
        template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
        suites: dict[str, list[dict[str, Any]]] = {}
        for check in verdict["checks"]:
            suites.setdefault(check["suite"], []).append(check)
        for checks in suites.values():
            checks.sort(key=lambda check: (_ORDER.index(check["outcome"]), check["name"]))
        return template.render(v=verdict, suites=suites, order=_ORDER, load=_load_of(verdict))


def _load_of(verdict: dict[str, Any]) -> dict[str, Any] | None:
    """The load run's figures, from the evidence of any load check."""
    for check in verdict["checks"]:
        for observation in check["evidence"]:
            if observation["probe"] == "load":
                answer: dict[str, Any] = observation["answer"]
                return answer
    return None
