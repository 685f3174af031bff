"""Are the model files what the registry says, and were they really evaluated?"""

from gonogo.documents import Document, Problems
from gonogo.fixtures.static import Shelf
from gonogo.plugin import check, expect_none, flaws_of
from gonogo.probes.remote import RemoteStore
from gonogo.rules import registry as rules
from gonogo.rules.registry import Bounds, ModelRegistry, Version
from gonogo.rules.schemas import violations_of


@check("artifacts.registry.schema", severity="critical", covers=["D1", "A4"], permission="static", smoke=True)
def test_registry_schema(registry_document: Document) -> None:
    """The model registry is valid against its schema."""
    expect_none(violations_of("registry", [registry_document]))


@check("artifacts.registry.one_production", severity="critical", covers=["A4"], permission="static", smoke=True)
def test_registry_one_production(registry: ModelRegistry) -> None:
    """Exactly one version of each model is in production."""
    expect_none(rules.not_one_production(registry))


@check("artifacts.registry.states", severity="major", covers=["A4"], permission="static", smoke=True)
def test_registry_states(registry: ModelRegistry) -> None:
    """Every version's history ends in its present state and takes allowed steps only; a rolled-back one says so."""
    expect_none(rules.dishonest_states(registry))


@check("artifacts.registry.last_known_good", severity="major", covers=["A4"], permission="static", smoke=True)
def test_registry_last_known_good(registry: ModelRegistry, shelf: Shelf) -> None:
    """The last known good version of each model is registered, was not rolled back, and its file is there."""
    expect_none(rules.no_way_back(registry) or shelf.missing_files(registry.last_known_good()))


@check("artifacts.model.well_formed", severity="critical", covers=["A1"], permission="static", smoke=True)
def test_model_well_formed(registry: ModelRegistry, shelf: Shelf) -> None:
    """Every registered model file is a well-formed GGUF of the registered architecture and quantisation."""
    headers = {version.name: (version, shelf.header(version)) for version in registry.versions()}
    expect_none([p for version, header in headers.values() for p in rules.other_header(version, header)])


@check("artifacts.model.tokenizer", severity="critical", covers=["A1"], permission="static", smoke=True)
def test_model_tokenizer(registry: ModelRegistry, shelf: Shelf) -> None:
    """Every model file's tokenizer has as many tokens as its embedding has rows, and as the registry says."""
    headers = [(version, shelf.header(version)) for version in registry.versions()]
    expect_none([problem for version, header in headers for problem in rules.other_tokenizer(version, header)])


@check("artifacts.model.digest", severity="critical", covers=["A2"], permission="static", smoke=True)
def test_model_digest(registry: ModelRegistry, shelf: Shelf) -> None:
    """Every model file has the SHA256 and the size that the registry records."""
    seen = [(version, *shelf.digest(version)) for version in registry.versions()]
    expect_none([problem for version, sha256, size in seen for problem in rules.other_bytes(version, sha256, size)])


@check("artifacts.evaluation.schema", severity="critical", covers=["D1", "A3"], permission="static", smoke=True)
def test_evaluation_schema(registry: ModelRegistry, shelf: Shelf) -> None:
    """Every production model's evaluation record is valid against its schema."""
    records = [shelf.evaluation(version) for version in registry.versions("production")]
    expect_none(violations_of("evaluation", records))


@check("artifacts.evaluation.passed", severity="critical", covers=["A3"], permission="static", smoke=True)
def test_evaluation_passed(registry: ModelRegistry, shelf: Shelf, thresholds: Bounds) -> None:
    """The production model's evaluation is of this very file, says GO, and its figures satisfy every threshold."""
    records = [(shelf.evaluation(version), version) for version in registry.versions("production")]
    expect_none([problem for record, version in records for problem in rules.not_earned(record, version, thresholds)])


@check("artifacts.model.remote", severity="major", covers=["A5"])
def test_model_remote(stored: list[Version], store: RemoteStore, shelf: Shelf) -> None:
    """Every model that is said to lie at a hub or in an object store lies there, with the same digest."""

    def look(version: Version) -> Problems:
        return rules.other_copy(version, store.look(version.remote(), shelf.file(version)))

    expect_none(flaws_of(map(look, stored)))
