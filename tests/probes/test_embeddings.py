"""The arithmetic of embeddings, and answers that are none."""

import math
from typing import Any

import pytest

from gonogo.errors import EndpointFailedError
from gonogo.probes.embeddings import _vectors
from gonogo.rules.embeddings import cosine, norm


def test_arithmetic() -> None:
    assert (norm((3.0, 4.0)), cosine((1.0, 0.0), (2.0, 0.0)), cosine((1.0, 0.0), (0.0, 1.0))) == (5.0, 1.0, 0.0)
    assert math.isnan(norm((math.nan,)))
    assert math.isnan(cosine((0.0,), (1.0,)))
    assert math.isnan(cosine((1.0,), (1.0, 0.0)))


def test_vectors_come_in_the_order_of_their_index() -> None:
    items = [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]
    assert _vectors({"data": items}, 2) == ((1.0,), (2.0,))


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": []},
        {"data": [{"index": 0}]},
        {"data": [{"index": 1, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": ["x"]}]},
        {"data": [{"index": 0, "embedding": 3}]},
        {"data": [3]},
    ],
)
def test_answers_that_are_no_embeddings(body: Any) -> None:
    with pytest.raises(EndpointFailedError):
        _vectors(body, 1)
