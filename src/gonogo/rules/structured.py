"""Structured output: schemas that no answer meets by chance, and what an answer breaks of them."""

from typing import Any

from gonogo.documents import violations
from gonogo.rules.reading import json_value

SCHEMA_KINDS = ("nested", "list", "unicode", "pattern", "bounds")
NONSENSE_SCHEMA = {"type": "object", "properties": {"a": {"type": "no-such-type"}}, "required": ["a"]}
"""No JSON Schema: a server that enforces schemas must refuse it."""


def improbable_schema(kind: str, mark: str) -> dict[str, Any]:
    """A schema of a kind, with a mark in it that was never used before.

    ``nested`` has constants two objects deep, ``list`` an array of bounded length, ``unicode`` a constant of four
    scripts, ``pattern`` a regular expression, ``bounds`` a number between limits; all forbid further properties.
    """
    level = {"type": "string", "enum": ["zq-low", "zq-high"]}
    match kind:
        case "nested":
            return _object(outer=_object(mark=_constant(mark), level=level))
        case "list":
            item = _object(mark=_constant(mark), level=level)
            return _object(items={"type": "array", "items": item, "minItems": 2, "maxItems": 2})
        case "unicode":
            return _object(mark=_constant(f"ñandú 🚗 {mark} 漢字 عربى"))
        case "pattern":
            return _object(plate={"type": "string", "pattern": "^[0-9]{4}-ZQX$"})
        case "bounds":
            return _object(kilometres={"type": "integer", "minimum": 777_000, "maximum": 777_999})
    raise ValueError(f"no kind of schema: {kind!r}")


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "additionalProperties": False, "required": list(properties), "properties": properties,
    }  # fmt: skip


def _constant(text: str) -> dict[str, Any]:
    return {"type": "string", "enum": [text]}


def schema_request(schema: dict[str, Any]) -> dict[str, Any]:
    """The `response_format` that asks for a schema."""
    return {"type": "json_schema", "json_schema": {"name": "probe", "strict": True, "schema": schema}}


def json_flaws(text: str, schema: dict[str, Any]) -> list[str]:
    """What a whole text breaks: it must be one JSON value of the schema, without anything around it."""
    try:
        value = json_value(text)
    except ValueError:
        return [f"not JSON: {text[:80]!r}"]
    return violations(value, schema)
