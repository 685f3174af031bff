"""Language identification (py3langid, whose model ships in its wheel)."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from gonogo.errors import InconclusiveError

FOREIGN_BELOW = 0.1
"""A text is foreign when the wanted language has less than this probability among the candidates."""
FEWEST_WORDS = 5
"""Names of cars and places are the same in every language: a text with fewer ordinary words is not judged."""
_ORDINARY = re.compile(r"\b[^\W\d_A-ZÀ-Þ]{2,}\b")
_OTHER_SCRIPTS = frozenset(
    "am ar as be bg bn dz el fa gu he hi hy ja ka kk km kn ko ky lo mk ml mn mr ne or pa ps ru si ta te th ug uk ur"
    " zh".split()
)
"""Of the languages that can be identified those that are not written in Latin letters."""
_BOTH_SCRIPTS = frozenset({"az", "bs", "crh", "ku", "sr", "tk", "tt", "uz"})


@cache
def _identifier(candidates: frozenset[str]) -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    try:
        identifier.set_languages(sorted(candidates))
    except ValueError as error:
        raise InconclusiveError(
            f"a language of {', '.join(sorted(candidates))} cannot be identified: {error}"
        ) from error
    return identifier


def foreign_texts(texts: Sequence[str], wanted: str, confused_with: Sequence[str]) -> list[str]:
    """The texts that are surely not in `wanted`: in another script, or in one of `confused_with` (ISO 639-1 codes).

    Raises:
        InconclusiveError: a language is not known.
    """
    identifier = _identifier(frozenset({wanted, *confused_with}))
    return [text for text in texts if _in_other_script(text, wanted) or _is_foreign(text, wanted, identifier)]


def _is_foreign(text: str, wanted: str, identifier: LanguageIdentifier) -> bool:
    words = _ORDINARY.findall(text)
    return len(words) >= FEWEST_WORDS and dict(identifier.rank(" ".join(words)))[wanted] < FOREIGN_BELOW


def _in_other_script(text: str, wanted: str) -> bool:
    """Whether the letters are not the wanted language's; names of cars are Latin in texts of any script."""
    letters = [c for c in text if c.isalpha()]
    latin = sum(unicodedata.name(c, "").startswith("LATIN") for c in letters)
    if not letters or wanted in _BOTH_SCRIPTS:
        return False
    return latin == len(letters) if wanted in _OTHER_SCRIPTS else latin * 2 < len(letters)
