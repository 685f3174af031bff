"""Our figures on Locust's page: its own percentiles are rounded to two digits, and know no time to first token."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, request
from locust.env import Environment

from gonogo.objectives import Decided

_KEY = "gonogo"


def show(environment: Environment, so_far: Callable[[], Sequence[tuple[str, Decided]]]) -> None:
    """Add a tab with each objective, and what would be decided now."""
    web_ui = environment.web_ui
    if web_ui is None or (app := web_ui.app) is None:
        return
    columns = {"name": "Objective", "outcome": "Decision", "text": "Measured"}
    web_ui.template_args |= {
        "extended_tabs": [{"title": "gonogo", "key": _KEY}],
        "extended_tables": [{"key": _KEY, "structure": [{"key": k, "title": title} for k, title in columns.items()]}],
    }

    @app.after_request
    def extend(response: Response) -> Response:
        if request.path != "/stats/requests" or not response.is_json:
            return response
        rows: list[dict[str, Any]] = [
            {"name": name, "safe_name": name, "outcome": decided.outcome.upper(), "text": decided.text}
            for name, decided in so_far()
        ]
        told = {**(response.get_json() or {}), "extended_stats": [{"key": _KEY, "data": rows}]}
        response.set_data(app.json.dumps(told))
        return response
