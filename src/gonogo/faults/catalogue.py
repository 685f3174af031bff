"""The named faults under ``fixtures/faults``: what each breaks and which check must notice."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from gonogo import resources
from gonogo.documents import DocumentError, Schema, load_document
from gonogo.targets.loader import SCHEMA as TARGET_SCHEMA


@dataclass(frozen=True)
class Fault:
    """A defect that can be switched on by name."""

    name: str
    title: str
    source: str
    """A public issue where it was seen, or ``own``."""
    primary: str
    """The check that must fail."""
    cascades: tuple[str, ...]
    """Checks that may fail or turn inconclusive with it. Nothing else may change."""
    steps: tuple[dict[str, Any], ...]
    """What to do, in order; see `gonogo.faults.injection`."""
    target: str = "embedded"
    """The target that it is calibrated on: the embedded deployment, or a sample like ``kind-d``."""


@cache
def all_faults() -> dict[str, Fault]:
    """Every shipped fault by name.

    Raises:
        DocumentError: a fault file is invalid, or a name is used twice.
    """
    schema = Schema(resources.schema("faults"), {TARGET_SCHEMA["$id"]: TARGET_SCHEMA})  # a step is one of a target's
    faults: dict[str, Fault] = {}
    for file in sorted((resources.folder("fixtures") / "faults").glob("*.yaml")):
        document = load_document(file)
        problems = schema.problems(document)
        if problems:
            raise DocumentError(problems)
        for i, raw in enumerate(document.value["faults"]):
            if raw["name"] in faults:
                raise DocumentError([document.problem(("faults", i, "name"), f"{raw['name']} is used twice")])
            faults[raw["name"]] = Fault(
                name=raw["name"],
                title=raw["title"],
                source=raw.get("source", "own"),
                primary=raw["primary"],
                cascades=tuple(raw.get("cascades", ())),
                steps=tuple(raw["inject"]),
                target=raw.get("target", document.value.get("target", "embedded")),
            )
    return faults


def faults_of(check_id: str) -> list[str]:
    """The faults whose primary check this is."""
    return sorted(fault.name for fault in all_faults().values() if fault.primary == check_id)
