"""Are the model files what the registry says, and were they really evaluated?"""

from gonogo.plugin import check
from gonogo.probes.files import Files, RegisteredModel

Registry = tuple[RegisteredModel, ...]


@check("artifacts.model.well_formed", severity="critical", covers=["A1"], permission="static", smoke=True)
def test_model_well_formed(registry: Registry, files: Files) -> None:
    """Every registered model file is a well-formed GGUF of the registered architecture and quantisation."""
    versions = [version for model in registry for version in model.versions]
    headers = {version.name: files.gguf_header(version.file) for version in versions}
    seen = {name: (header.architecture, header.quantization) for name, header in headers.items()}
    assert seen == {version.name: (version.architecture, version.quantization) for version in versions}


@check("artifacts.model.digest", severity="critical", covers=["A2"], permission="static", smoke=True)
def test_model_digest(registry: Registry, files: Files) -> None:
    """Every model file has the SHA256 and the size that the registry records."""
    versions = [version for model in registry for version in model.versions]
    seen = {version.name: files.digest(version.file) for version in versions}
    assert seen == {version.name: (version.sha256, version.size_bytes) for version in versions}


@check("artifacts.evaluation.passed", severity="critical", covers=["A3"], permission="static", smoke=True)
def test_evaluation_passed(registry: Registry, files: Files) -> None:
    """The production model's evaluation is of this very file, says GO, and its figures satisfy its thresholds."""
    records = [files.evaluation(v) for model in registry for v in model.versions if v.status == "production"]
    assert [flaw for record in records for flaw in record.flaws()] == []


@check("artifacts.registry.one_production", severity="critical", covers=["A4"], permission="static", smoke=True)
def test_registry_one_production(registry: Registry) -> None:
    """Exactly one version of each model is in production."""
    in_production = {model.name: len(model.in_status("production")) for model in registry}
    assert in_production == dict.fromkeys(in_production, 1)


@check("artifacts.registry.last_known_good", severity="major", covers=["A4"], permission="static", smoke=True)
def test_registry_last_known_good(registry: Registry) -> None:
    """The last known good version of each model is registered, was not rolled back, and its file is there."""
    good = {model.name: model.good_version() for model in registry}
    ready = {n: v is not None and v.file.is_file() and v.status != "rolled-back" for n, v in good.items()}
    assert ready == dict.fromkeys(ready, True)
