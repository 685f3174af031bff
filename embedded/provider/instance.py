"""The smallest instance of a JSON Schema: how the scripted model "enforces" structured output."""

import re
from collections.abc import Callable
from typing import Any

_SUPPORTED = {
    "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum", "items",
    "maxItems", "maximum", "maxLength", "minItems", "minimum", "minLength", "pattern", "properties", "required",
    "title", "type",
}  # fmt: skip


class UnsupportedSchemaError(ValueError):
    """The schema uses a keyword that this server cannot enforce; it must be refused, never ignored."""


def instance_of(
    schema: dict[str, Any],
    root: dict[str, Any] | None = None,
    *,
    ignored: frozenset[str] = frozenset(),
    lenient: bool = False,
) -> Any:  # noqa: ANN401 (any JSON)
    """An instance that is valid against the schema, always the same one.

    `ignored` keywords do not count; a `lenient` server takes types that do not exist.

    Raises:
        UnsupportedSchemaError: a keyword or a type is not supported.
    """
    root = schema if root is None else root
    unknown = sorted(set(schema) - _SUPPORTED)
    if unknown:
        raise UnsupportedSchemaError(f"unsupported schema keyword: {', '.join(unknown)}")
    if "$ref" in schema:
        return instance_of(_resolve(schema["$ref"], root), root, ignored=ignored, lenient=lenient)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return instance_of(schema["anyOf"][0], root, ignored=ignored, lenient=lenient)
    kept = {key: value for key, value in schema.items() if key not in ignored}
    return _of_type(kept, lambda sub: instance_of(sub, root, ignored=ignored, lenient=lenient), lenient=lenient)


def _of_type(  # noqa: PLR0911 (one for each type)
    schema: dict[str, Any], make: Callable[[dict[str, Any]], Any], *, lenient: bool
) -> Any:  # noqa: ANN401 (any JSON)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    match kind:
        case "object":
            return {name: make(sub) for name, sub in schema.get("properties", {}).items()}
        case "array":
            return [make(schema.get("items", {"type": "string"}))] * max(1, schema.get("minItems", 1))
        case "string" if "pattern" in schema:
            return _matching(schema["pattern"])
        case "string":
            return "texto".ljust(schema.get("minLength", 0), "o")[: schema.get("maxLength", 1_000_000)]
        case "integer" | "number":
            return max(schema.get("minimum", 1), min(1, schema.get("maximum", 1)))
        case "boolean":
            return True
        case "null":
            return None
    if lenient:
        return None
    raise UnsupportedSchemaError(f"no type is called {str(kind)[:40]!r}")


_PIECE = re.compile(r"\[(\w)-\w\](?:\{(\d+)\})?|([\w-])")


def _matching(pattern: str) -> str:
    """A text that a simple pattern matches: plain characters and ranges like [0-9], counted like {4}."""
    inner = pattern.removeprefix("^").removesuffix("$")
    if not re.fullmatch(f"(?:{_PIECE.pattern})*", inner):
        raise UnsupportedSchemaError(f"unsupported pattern: {pattern[:80]}")
    return "".join(m[3] or m[1] * int(m[2] or 1) for m in _PIECE.finditer(inner))


def _resolve(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    node: Any = root
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise UnsupportedSchemaError(f"unresolvable reference: {reference}")
    return node
