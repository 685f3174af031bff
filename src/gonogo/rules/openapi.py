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
    if str(document.get("openapi", "")).startswith("3.0"):
        whole = _without_nullable(whole)
    try:
        return [f"{path}: {violation}" for violation in violations(answer, whole)]
    except Exception as error:  # noqa: BLE001 (whatever the validator cannot do with it, the document is at fault)
        return [f"{path}: the document's schema cannot be used: {type(error).__name__}: {str(error)[:120]}"]


def _without_nullable(schema: Any) -> Any:  # noqa: ANN401 (any JSON)
    """OpenAPI 3.0's ``nullable`` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_without_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_nullable(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") is True else kept
