"""Pages of HTML: everything that comes from a deployment is escaped, and the style stands inside."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent


def page(template: str, **told: object) -> str:
    """A page of its own, from a template beside this file."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data"] = _data
    return environment.get_template(template).render(style=(HERE / "report.css").read_text(encoding="utf-8"), **told)


def _data(value: object) -> str:
    """JSON inside of a script element: nothing in it can end the element, or begin another one."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
