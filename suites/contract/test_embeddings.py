"""Do embeddings keep what a search over them relies on?"""

from gonogo.plugin import check
from gonogo.probes.embeddings import Embedder, cosine, norm

TEXTS = ("garantía de un coche usado", "receta de gazpacho", "horario del taller")
TOLERANCE = 1e-3
"""Of a cosine or a length: batches are computed in another order than single texts."""


@check("contract.embeddings.vectors", severity="critical", covers=["C2", "C9"])
def test_embeddings_vectors(embedder: Embedder) -> None:
    """Every vector has the same dimension, only finite numbers, and a length above zero."""
    vectors = embedder.embed(TEXTS)
    seen = [(len(vector), norm(vector) > 0) for vector in vectors]
    assert seen == [(len(vectors[0]), True)] * len(TEXTS)


@check("contract.embeddings.unit_norm", severity="major", covers=["C9"])
def test_embeddings_unit_norm(embedder: Embedder) -> None:
    """Every vector has the length one, where that is promised."""
    lengths = [round(norm(vector), 4) for vector in embedder.embed(TEXTS)]
    assert "unit_norm" in embedder.model.lacks or all(abs(length - 1) <= TOLERANCE for length in lengths), lengths


@check("contract.embeddings.repeatable", severity="major", covers=["C9"])
def test_embeddings_repeatable(embedder: Embedder) -> None:
    """The same text has the same vector, and another text another one."""
    (first,), (again,), (other,) = (embedder.embed([text]) for text in (TEXTS[0], TEXTS[0], TEXTS[1]))
    assert (cosine(first, again) >= 1 - TOLERANCE, cosine(first, other) < 1 - TOLERANCE) == (True, True)


@check("contract.embeddings.batch_order", severity="critical", covers=["C9"])
def test_embeddings_batch_order(embedder: Embedder) -> None:
    """A batch has the vectors of its texts in their order."""
    single = [embedder.embed([text])[0] for text in TEXTS]
    alike = [round(cosine(left, right), 3) for left, right in zip(embedder.embed(TEXTS), single, strict=True)]
    assert all(value >= 1 - TOLERANCE for value in alike), f"cosine of batch and single: {alike}"
