"""Language identification (py3langid, whose model ships in its wheel)."""

from collections.abc import Sequence
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

FOREIGN_BELOW = 0.1
"""A text is foreign when the wanted language has less than this probability among the candidates."""


@cache
def _identifier(candidates: frozenset[str]) -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted(candidates))
    return identifier


def foreign_texts(texts: Sequence[str], wanted: str, confused_with: Sequence[str]) -> list[str]:
    """The texts that are surely in one of `confused_with` rather than in `wanted` (ISO 639-1 codes)."""
    identifier = _identifier(frozenset({wanted, *confused_with}))
    return [text for text in texts if dict(identifier.rank(text))[wanted] < FOREIGN_BELOW]
