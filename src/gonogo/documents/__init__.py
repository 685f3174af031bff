"""Files that remember where everything stands, and their validation against a JSON Schema.

Every problem is reported, not only the first, each as ``file:line:column: path: what is wrong (did you mean ...)``.
Hostile input (deep nesting, alias bombs, invalid UTF-8, huge files) is a problem, never a traceback.

Forbidden here: network, and knowledge of any particular document.
"""

from gonogo.documents.json_files import load_lines, parse_json, refuse_constant
from gonogo.documents.model import Document, DocumentError, Part, Path_, Problem, Problems, did_you_mean, dotted
from gonogo.documents.reader import (
    load_document,
    load_documents,
    map_strings,
    parse_document,
    parse_documents,
    read_text,
)
from gonogo.documents.schemas import Schema, unusable_values, validate, violations
from gonogo.documents.settings import parse_environment, parse_modelfile

__all__ = [
    "Document",
    "DocumentError",
    "Part",
    "Path_",
    "Problem",
    "Problems",
    "Schema",
    "did_you_mean",
    "dotted",
    "load_document",
    "load_documents",
    "load_lines",
    "map_strings",
    "parse_document",
    "parse_documents",
    "parse_environment",
    "parse_json",
    "parse_modelfile",
    "read_text",
    "refuse_constant",
    "unusable_values",
    "validate",
    "violations",
]
