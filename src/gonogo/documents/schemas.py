"""Validation of a document against a JSON Schema (2020-12): every violation, at its place, in words."""

from collections.abc import Iterator
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from gonogo.documents.model import Document, Path_, Problem, Problems, did_you_mean

MAX_SHOWN = 80
_CLOSE = 0.85
"""How alike (difflib's ratio) an unknown key must be to a known one to be taken for a misspelling of it."""


def _close_keys(_: object, wanted: bool, instance: object, schema: dict[str, Any]) -> Iterator[ValidationError]:
    """The keyword ``x-close-keys``: any key may stand here, but one that is nearly a known one is suspect."""
    known = list(schema.get("properties", {}))
    for key in instance if wanted and isinstance(instance, dict) else ():
        hint = did_you_mean(key, known, _CLOSE) if key not in known else ""
        if hint:
            yield ValidationError(f"unknown key {key!r}{hint}", path=[key])


_Validator: type[Validator] = extend(Draft202012Validator, {"x-close-keys": _close_keys})  # type: ignore[no-untyped-call]


def validate(document: Document, schema: dict[str, Any] | Validator) -> Problems:
    """All violations of a JSON Schema, in the order of the file."""
    validator = _Validator(schema) if isinstance(schema, dict) else schema
    problems = [problem for error in validator.iter_errors(document.value) for problem in _problems_of(document, error)]
    return sorted(set(problems), key=lambda p: (p.line, p.column, p.message))


def violations(value: object, schema: dict[str, Any]) -> list[str]:
    """All violations of a JSON Schema by a plain value that has no places (an answer from the wire)."""
    return [
        f"{problem.path}: {problem.message}" if problem.path else problem.message
        for problem in validate(Document("", value), schema)
    ]


def _problems_of(document: Document, error: ValidationError) -> Iterator[Problem]:
    path: Path_ = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = sorted(_schema_of(error).get("properties", {}))
        for key in sorted(set(error.instance) - set(known)):
            message = f"unknown key {key!r}{did_you_mean(key, known)}"
            yield document.problem((*path, key), message, at_key=True)
    elif error.validator == "x-close-keys":
        yield document.problem(path, error.message, at_key=True, warning=True)
    elif error.context:
        yield from _problems_of(document, best_match(iter(error.context)) or error)
    else:
        yield document.problem(path, _explain(error))


def _schema_of(error: ValidationError) -> dict[str, Any]:
    return error.schema if isinstance(error.schema, dict) else {}


def _explain(error: ValidationError) -> str:
    if _schema_of(error).get("x-secret"):  # what stands there may be the secret itself
        return f"must be {_schema_of(error)['description']}"
    shown, wanted = str(error.instance), cast("Any", error.validator_value)
    shown = shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 3] + "..."
    match error.validator:
        case "type":
            return f"must be {' or '.join([wanted] if isinstance(wanted, str) else wanted)}, is {shown!r}"
        case "enum":
            values = [str(value) for value in wanted]
            return f"must be one of {', '.join(values)}; is {shown!r}{did_you_mean(shown, values)}"
        case "required":
            missing = [key for key in wanted if key not in cast("Any", error.instance)]
            return f"lacks {', '.join(repr(key) for key in missing)}"
        case "pattern" if "description" in _schema_of(error):
            return f"{shown!r} is not {_schema_of(error)['description']}"
    return error.message[:300]
