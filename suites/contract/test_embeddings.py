"""Do embeddings keep what a search over them relies on?"""

from gonogo import resources
from gonogo.documents import violations
from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_flawless, expect_kept
from gonogo.probes.embeddings import Embedder
from gonogo.rules.embeddings import cosine, norm

TEXTS = ("garantía de un coche usado", "receta de gazpacho", "horario del taller")


@check("contract.embeddings.vectors", severity="critical", covers=["C2", "C9"])
def test_embeddings_vectors(embedder: Embedder) -> None:
    """Every vector has the same dimension, only finite numbers, and a length above zero."""
    vectors = embedder.embed(TEXTS)
    seen = [(len(vector), norm(vector) > 0) for vector in vectors]
    assert seen == [(len(vectors[0]), True)] * len(TEXTS)


@check("contract.embeddings.shape", severity="major", covers=["C9"])
def test_embeddings_shape(embedder: Embedder) -> None:
    """An answer has the fields and types of the API."""
    body = embedder.post({"model": embedder.model.name, "input": list(TEXTS)}).json()
    expect_flawless(violations(body, resources.schema("embeddings")))


@check("contract.embeddings.dimensions", severity="critical", covers=["C9"])
def test_embeddings_dimensions(embedder: Embedder) -> None:
    """A vector has as many numbers as the target names: another number is another model."""
    if embedder.model.dimensions is None:
        raise NotDeclared(f"the target names no dimensions of {embedder.model.name}")
    assert len(embedder.embed(TEXTS[:1])[0]) == embedder.model.dimensions


@check("contract.embeddings.unit_norm", severity="major", covers=["C9"])
def test_embeddings_unit_norm(embedder: Embedder) -> None:
    """Every vector has the length one, where that is promised."""
    if "unit_norm" not in embedder.model.promises:
        raise NotDeclared(f"{embedder.model.name} does not promise vectors of length one")
    lengths = [round(norm(vector), 4) for vector in embedder.embed(TEXTS)]
    assert all(abs(length - 1) <= embedder.model.tolerance for length in lengths), lengths


@check("contract.embeddings.repeatable", severity="major", covers=["C9"])
def test_embeddings_repeatable(embedder: Embedder) -> None:
    """The same text has the same vector, and another text another one."""
    (first,), (again,), (other,) = (embedder.embed([text]) for text in (TEXTS[0], TEXTS[0], TEXTS[1]))
    least = 1 - embedder.model.tolerance
    told = f"cosine with itself {cosine(first, again)}, with another text {cosine(first, other)}"
    assert (cosine(first, again) >= least, cosine(first, other) < least) == (True, True), told


@check("contract.embeddings.batch_order", severity="critical", covers=["C9"])
def test_embeddings_batch_order(embedder: Embedder) -> None:
    """A batch has the vectors of its texts in their order."""
    single = [embedder.embed([text])[0] for text in TEXTS]
    alike = [round(cosine(left, right), 3) for left, right in zip(embedder.embed(TEXTS), single, strict=True)]
    assert all(value >= 1 - embedder.model.tolerance for value in alike), f"cosine of batch and single: {alike}"


@check("contract.embeddings.base64", severity="minor", covers=["C9", "C11"])
def test_embeddings_base64(embedder: Embedder) -> None:
    """In base64, which the official client asks for, a vector is the same."""
    status, coded = embedder.embed_base64(TEXTS[0])
    plain = embedder.embed(TEXTS[:1])[0]
    alike = cosine(coded, plain) if coded else 0.0
    flaws = [] if alike >= 1 - embedder.model.tolerance else [f"cosine of base64 and numbers: {alike}"]
    expect_kept("base64_embeddings", embedder.model, status, flaws)


@check("contract.embeddings.refused", severity="minor", covers=["C9", "C7"])
def test_embeddings_refused(embedder: Embedder) -> None:
    """An unknown model, no input and an input of the wrong type are refused with 400, 404 or 422."""
    flaws = []
    changes: list[dict[str, object]] = [{"input": None}, {"input": {"a": 1}}, {"input": []}]
    changes.append({"model": "gonogo-no-such-model", "input": "a"})
    for body in changes:
        status = embedder.post({"model": embedder.model.name, **body}).status
        flaws += [] if status in (400, 404, 422) else [f"{body} got HTTP {status}"]
    expect_flawless(flaws)
