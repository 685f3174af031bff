"""Embeddings of texts, and the arithmetic that compares them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.errors import EndpointFailedError
from gonogo.probes.http import Http
from gonogo.targets.model import ChatModel, Endpoint

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Embedder:
    """The embeddings of one model at one endpoint."""

    endpoint: Endpoint
    model: ChatModel
    http: Http

    def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """The vectors of a batch, by their index.

        Raises:
            EndpointFailedError: refused, or not of the API's form.
        """
        answer = self.http.post("/v1/embeddings", {"model": self.model.name, "input": list(texts)})
        body = answer.json()
        if answer.status != 200:
            raise EndpointFailedError(f"/v1/embeddings: HTTP {answer.status}: {answer.text[:200]}")
        return _vectors(body, len(texts))


def _vectors(body: Any, wanted: int) -> tuple[Vector, ...]:  # noqa: ANN401 (any JSON)
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list) or len(data) != wanted:
        raise EndpointFailedError(f"/v1/embeddings: `data` is not a list of {wanted}")
    try:
        ordered = sorted(data, key=lambda item: item["index"])
        vectors = tuple(tuple(float(number) for number in item["embedding"]) for item in ordered)
    except (KeyError, TypeError, ValueError) as error:
        raise EndpointFailedError(f"/v1/embeddings: not of the API's form: {error!r}") from error
    if [item["index"] for item in ordered] != list(range(wanted)):
        raise EndpointFailedError("/v1/embeddings: the indices are not 0, 1, 2, ...")
    return vectors


def norm(vector: Vector) -> float:
    """Its length; NaN if a number in it is not finite."""
    return math.sqrt(sum(number * number for number in vector)) if all(map(math.isfinite, vector)) else math.nan


def cosine(left: Vector, right: Vector) -> float:
    """How alike two vectors are: 1 for the same direction; NaN where one has no direction or another dimension."""
    lengths = norm(left) * norm(right)
    if len(left) != len(right) or not lengths:
        return math.nan
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths
