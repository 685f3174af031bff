"""Write docs/target-reference.md from the target's schema: ``uv run python -m docs.tools.target_reference``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gonogo.targets.loader import SCHEMA

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "target-reference.md"
Schema = dict[str, Any]


def render() -> str:
    """The page."""
    lines = [
        "# Target reference",
        "",
        "Generated from the target's schema by `uv run python -m docs.tools.target_reference`; do not edit.",
        "[Target files](target.md) tells what the sections are for, with examples. `[]` stands for each item of a",
        "list, `NAME` for a name of your own. A key in bold must be there.",
        "",
    ]
    sections = SCHEMA["properties"]
    plain = {name: schema for name, schema in sections.items() if not _has_keys(schema)}
    lines += ["## Keys at the top", "", *_table({"properties": plain, "required": SCHEMA["required"]})]
    for name, schema in sections.items():
        if name not in plain:
            lines += [f"## `{name}`", "", *_told(schema), *_table(_inner(schema))]
    lines += ["# Parts that several sections have", ""]
    for name, schema in SCHEMA["$defs"].items():
        if _has_keys(schema):
            lines += [f"## {name}", "", *_told(schema), *_table(_inner(schema))]
    return "\n".join(lines).rstrip() + "\n"


def _told(schema: Schema) -> list[str]:
    return [schema["description"], ""] if "description" in schema else []


def _table(schema: Schema) -> list[str]:
    rows = [f"| {' | '.join(cells)} |" for cells in _rows(schema, "")]
    return ["| key | what it takes | meaning |", "| --- | --- | --- |", *rows, ""] if rows else []


def _rows(schema: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    for name, inner in schema.get("properties", {}).items():
        key = f"{path}{name}"
        yield _key(key, required=name in schema.get("required", ())), _type(inner), _meaning(inner)
        yield from _below(inner, key)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        yield f"`{path}NAME`", _type(extra), _meaning(extra)
        yield from _below(extra, f"{path}NAME")


def _below(schema: Schema, key: str) -> Iterator[tuple[str, str, str]]:
    """The keys of what stands in place, and not in `$defs`."""
    if "$ref" not in schema:
        yield from _below(schema["items"], f"{key}[]") if "items" in schema else _rows(schema, f"{key}.")


def _key(key: str, *, required: bool) -> str:
    return f"**`{key}`**" if required else f"`{key}`"


def _inner(schema: Schema) -> Schema:
    """What has the keys: the schema itself, or that of its items."""
    items: Schema = schema.get("items", {})
    return items if "properties" in items else schema


def _has_keys(schema: Schema) -> bool:
    inner = _inner(schema)
    return "properties" in inner or isinstance(inner.get("additionalProperties"), dict)


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name, referred = schema["$ref"].rpartition("/")[2], _referred(schema)
        return f"[{name}](#{name.lower()})" if _has_keys(referred) else _type(referred)
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(filter(None, map(_type, schema[word]))))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array" or "items" in schema:
        return f"list of {_type(schema.get('items', {})) or 'anything'}"
    kinds = schema.get("type", "")
    return " or ".join(kinds) if isinstance(kinds, list) else kinds


def _meaning(schema: Schema) -> str:
    """Its description, or that of what it refers to; its bounds and its default."""
    referred = _referred(schema)
    both = {**({} if _has_keys(referred) else referred), **schema}
    parts = [both["description"].replace("|", "\\|")] if "description" in both else []
    bounds = {"minimum": "At least", "exclusiveMinimum": "Above", "maximum": "At most", "exclusiveMaximum": "Below"}
    parts += [f"{words} {both[word]:g}." for word, words in bounds.items() if word in both]
    parts += [f"`{json.dumps(both['default'])}` if absent."] if "default" in both else []
    return " ".join(parts)


def _referred(schema: Schema) -> Schema:
    """What its `$ref` leads to; nothing without one."""
    referred: Schema = SCHEMA if "$ref" in schema else {}
    for step in schema.get("$ref", "#").split("/")[1:]:
        referred = referred[step]
    return referred


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
