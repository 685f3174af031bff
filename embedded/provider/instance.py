"""The smallest instance of a JSON Schema: how the scripted model "enforces" structured output."""

from typing import Any

_SUPPORTED = {
    "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum", "items",
    "maxItems", "maximum", "maxLength", "minItems", "minimum", "minLength", "properties", "required", "title", "type",
}  # fmt: skip


class UnsupportedSchemaError(ValueError):
    """The schema uses a keyword that this server cannot enforce; it must be refused, never ignored."""


def instance_of(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 (any JSON)
    """An instance that is valid against the schema, always the same one.

    Raises:
        UnsupportedSchemaError: a keyword is not supported.
    """
    root = schema if root is None else root
    unknown = sorted(set(schema) - _SUPPORTED)
    if unknown:
        raise UnsupportedSchemaError(f"unsupported schema keyword: {', '.join(unknown)}")
    if "$ref" in schema:
        return instance_of(_resolve(schema["$ref"], root), root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return instance_of(schema["anyOf"][0], root)
    return _of_type(schema, root)


def _of_type(schema: dict[str, Any], root: dict[str, Any]) -> Any:  # noqa: ANN401 (any JSON)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    match kind:
        case "object":
            return {name: instance_of(sub, root) for name, sub in schema.get("properties", {}).items()}
        case "array":
            return [instance_of(schema.get("items", {"type": "string"}), root)] * max(1, schema.get("minItems", 1))
        case "string":
            return "texto".ljust(schema.get("minLength", 0), "o")[: schema.get("maxLength", 1_000_000)]
        case "integer" | "number":
            return max(schema.get("minimum", 1), min(1, schema.get("maximum", 1)))
        case "boolean":
            return True
    return None


def _resolve(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    node: Any = root
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise UnsupportedSchemaError(f"unresolvable reference: {reference}")
    return node
