"""A service against its own OpenAPI document (3.0 or 3.1): the document in, flaws out."""

from collections.abc import Iterable, Mapping
from typing import Any

from gonogo.documents import violations
from gonogo.rules.pointers import pointed


def undocumented(document: Mapping[str, Any], paths: Iterable[str]) -> list[str]:
    """The paths that the document does not hold."""
    known = document.get("paths")
    known = known if isinstance(known, dict) else {}
    return [f"{path} is not documented" for path in paths if path not in known]


def answer_flaws(document: Mapping[str, Any], path: str, answer: object) -> list[str]:
    """What a 200 answer to a POST breaks of the schema that the document gives for it; none where it gives none."""
    escaped = path.replace("~", "~0").replace("/", "~1")
    schema = pointed(document, f"/paths/{escaped}/post/responses/200/content/application~1json/schema")
    if not isinstance(schema, dict) or not schema:
        return []
    whole = {**schema, "components": document.get("components", {})}
    return [f"{path}: {violation}" for violation in violations(answer, whole)]
