"""Validation of a document against a JSON Schema (2020-12): every violation, at its place, in words."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from gonogo.documents.model import Document, Part, Path_, Problem, Problems, did_you_mean
from gonogo.redaction import MASK, Redactor, is_secret_name, mask_values

MAX_SHOWN = 80
_MASKED = Redactor()
"""Masks what has the shape of a key, and credentials in a URL."""
_LONGEST_S = 1e9
"""Thirty years: more overflows dates and C integers sooner or later."""
_CLOSE = 0.85
"""How alike (difflib's ratio) an unknown key must be to a known one to be taken for a misspelling of it."""


class _Suspect(Exception):  # noqa: N818 (not raised: it marks a violation as a warning)
    """Why a violation is only suspect."""


def _close_keys(_: object, wanted: object, instance: object, schema: dict[str, Any]) -> Iterator[ValidationError]:
    """The keyword ``x-close-keys``: any key may stand here, but one that is nearly a known one is suspect.

    ``true``: such a key is worth a warning. ``"error"``: it is wrong, and any other unknown key is worth a warning.
    """
    known = list(schema.get("properties", {}))
    for key in instance if wanted and isinstance(instance, dict) else ():
        hint = did_you_mean(key, known, _CLOSE) if key not in known else ""
        if hint or (wanted == "error" and key not in known):
            is_wrong = bool(hint) and wanted == "error"
            yield ValidationError(f"unknown key {key!r}{hint}", path=[key], cause=None if is_wrong else _Suspect())


_Validator: type[Validator] = extend(Draft202012Validator, {"x-close-keys": _close_keys})  # type: ignore[no-untyped-call]


class _CloseKeys:
    """The same keyword for jsonschema-rs, which only decides."""

    def __init__(self, parent_schema: dict[str, Any], value: object, schema_path: object) -> None:
        del schema_path
        self._schema, self._wanted = parent_schema, value

    def validate(self, instance: object) -> None:
        """Raise where a key is suspect."""
        for error in _close_keys(None, self._wanted, instance, self._schema):
            raise ValueError(error.message)


class Schema:
    """A JSON Schema that many documents are validated with.

    jsonschema-rs decides, two hundred times faster; what it refuses, jsonschema explains.
    """

    def __init__(self, schema: dict[str, Any], definitions: Mapping[str, dict[str, Any]] | None = None) -> None:
        """Compile.

        Args:
            schema: the schema.
            definitions: further schemas that it refers to, by their URI.
        """
        others = definitions or {}
        resources = [(uri, Resource.from_contents(other, DRAFT202012)) for uri, other in others.items()]
        self._explain = _Validator(schema, registry=Registry[Any]().with_resources(resources))
        self._decide = jsonschema_rs.validator_for(
            schema, registry=jsonschema_rs.Registry(list(others.items())), keywords={"x-close-keys": _CloseKeys}
        )

    def problems(self, document: Document) -> Problems:
        """All violations, in the order of the file."""
        return [] if self._holds(document.value) else _explained(document, self._explain)

    def violations(self, value: object) -> list[str]:
        """All violations by a plain value that has no places (an answer from the wire)."""
        return [] if self._holds(value) else _told(_explained(Document("", value), self._explain))

    def _holds(self, value: object) -> bool:
        try:
            return bool(self._decide.is_valid(value))
        except (ValueError, OverflowError):
            return False  # a number that Rust cannot hold: the slow way takes it


def validate(document: Document, schema: dict[str, Any]) -> Problems:
    """All violations of a JSON Schema, in the order of the file; for many documents make a `Schema`."""
    return _explained(document, _Validator(schema))


def _explained(document: Document, validator: Validator) -> Problems:
    errors = validator.iter_errors(document.value)
    problems = [problem for error in errors for problem in _problems_of(document, error)]
    return sorted(set(problems), key=lambda p: (p.line, p.column, p.message))


def unusable_values(document: Document) -> Problems:
    """Numbers and texts that no key can take: not finite, a time without end, a NUL character."""
    return [part.problem(why) for part in document.root.leaves() if (why := _unusable(part))]


def _unusable(part: Part) -> str:
    value, name = part.value, str(part.path[-1]) if part.path else ""
    if isinstance(value, (int, float)):
        is_time = name.endswith("_s") or name in {"seconds", "hours"}
        most = _LONGEST_S if is_time else sys.float_info.max
        limit = f" of at most {most:g}" if is_time else ""
        return "" if abs(value) <= most else f"must be a finite number{limit}"  # NaN is not, either
    return "holds a NUL character" if isinstance(value, str) and "\0" in value else ""


def violations(value: object, schema: dict[str, Any]) -> list[str]:
    """All violations of a JSON Schema by a plain value that has no places (an answer from the wire)."""
    return _told(validate(Document("", value), schema))


def _told(problems: Problems) -> list[str]:
    return [f"{problem.path}: {problem.message}" if problem.path else problem.message for problem in problems]


def _problems_of(document: Document, error: ValidationError) -> Iterator[Problem]:
    path: Path_ = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = sorted(_schema_of(error).get("properties", {}))
        for key in sorted(set(error.instance) - set(known)):
            message = f"unknown key {key!r}{did_you_mean(key, known)}"
            yield document.problem((*path, key), message, at_key=True)
    elif error.validator == "x-close-keys":
        yield document.problem(path, error.message, at_key=True, warning=isinstance(error.cause, _Suspect))
    elif error.context:
        yield from _problems_of(document, best_match(iter(error.context)) or error)
    else:
        yield document.problem(path, _explain(error))


def _schema_of(error: ValidationError) -> dict[str, Any]:
    return error.schema if isinstance(error.schema, dict) else {}


def _explain(error: ValidationError) -> str:
    if _schema_of(error).get("x-secret"):  # what stands there may be the secret itself
        return f"must be {_schema_of(error)['description']}"
    is_secret = any(is_secret_name(str(part)) for part in error.absolute_path)
    shown = MASK if is_secret else _MASKED.text(str(mask_values(error.instance)))
    shown = shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 3] + "..."
    wanted = cast("Any", error.validator_value)
    match error.validator:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            found = shown if isinstance(error.instance, (int, float)) else repr(shown)  # 2 is no '2'
            return f"must be {' or '.join(kinds)}, is {found}"
        case "enum":
            values = [str(value) for value in wanted]
            return f"must be one of {', '.join(values)}; is {shown!r}{did_you_mean(shown, values)}"
        case "required":
            missing = [key for key in wanted if key not in cast("Any", error.instance)]
            return f"lacks {', '.join(repr(key) for key in missing)}"
        case "pattern" if "description" in _schema_of(error):
            return f"{shown!r} is not {_schema_of(error)['description']}"
    return f"{shown!r} breaks {error.validator}: {str(wanted)[:MAX_SHOWN]}"
