"""Keep secrets out of everything that is written.

Forbidden here: importing anything of gonogo.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "[redacted]"
KEY_SHAPES = re.compile(r"\b(?:sk|hf|gsk|ghp|glpat|xox[bp])[-_][A-Za-z0-9_\-]{8,}")
"""Keys of providers, by their prefix."""
# Secrets wherever they stand: provider keys, bearer headers, credentials in a URL.
_SHAPES = re.compile(
    KEY_SHAPES.pattern + r"|(?<=[Bb]earer )[A-Za-z0-9._~+/\-]{8,}=*"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
)
_SECRET_HEADERS = {"authorization", "x-api-key", "api-key", "cookie", "set-cookie", "proxy-authorization"}


class Redactor:
    """Masks the given secret values, and whatever has the shape of a key, in text and in JSON."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first, so that a secret which contains another one leaves no remainder. Values under 4 characters
        # would mask ordinary text.
        self._values = sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        for value in self._values:
            text = text.replace(value, MASK)
        return _SHAPES.sub(MASK, text)

    def contains_secret(self, text: str) -> bool:
        """Whether one of the given secret values (not merely a key shape) stands in the text."""
        return any(value in text for value in self._values)

    def json(self, value: Any) -> Any:  # noqa: ANN401 (any JSON)
        """The same JSON value with every secret masked, in keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.json(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(item) for item in value]
        return value

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers with the values of credential headers masked."""
        return {k: MASK if k.lower() in _SECRET_HEADERS else self.text(v) for k, v in headers.items()}
