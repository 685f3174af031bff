"""Vectors of texts: the arithmetic that compares them, and what is wrong with them."""

import math
from collections.abc import Sequence

from gonogo.rules.reading import number

Vector = tuple[float, ...]
SAME = 0.999
"""Cosine of two vectors of one text, at least, where the target gives no tolerance."""


def norm(vector: Vector) -> float:
    """Its length; NaN if a number in it is not finite."""
    return math.sqrt(sum(number * number for number in vector)) if all(map(math.isfinite, vector)) else math.nan


def cosine(left: Vector, right: Vector) -> float:
    """How alike two vectors are: 1 for the same direction; NaN where one has no direction or another dimension."""
    lengths = norm(left) * norm(right)
    if len(left) != len(right) or not lengths:
        return math.nan
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths


def vector_flaws(first: object, again: object, other: object) -> list[str]:
    """What is wrong with three answers: two for one text, and one for another text."""
    vectors = [_vector(value) for value in (first, again, other)]
    if any(vector is None or not norm(vector) > 0 for vector in vectors):
        return ["not a vector of finite numbers with a length above zero"]
    one, same, different = (vector for vector in vectors if vector is not None)
    flaws = [] if cosine(one, same) >= SAME else [f"the same text twice: cosine {cosine(one, same):.3f}"]
    return flaws if cosine(one, different) < SAME else [*flaws, "two different texts have the same vector"]


def _vector(value: object) -> Vector | None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    numbers = [as_number for item in value if (as_number := number(item)) is not None]
    return tuple(numbers) if len(numbers) == len(value) else None
