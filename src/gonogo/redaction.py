"""Keep secrets out of everything that is written.

Forbidden here: importing anything of gonogo.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "[redacted]"
_PROVIDERS = ("sk", "hf", "gsk", "ghp", "glpat", "xoxb", "xoxp")
KEY_SHAPES = re.compile(rf"\b(?:{'|'.join(_PROVIDERS)})[-_][A-Za-z0-9_\-]{{8,}}")
"""Keys of providers, by their prefix."""
_KEY_BEGINNINGS = tuple(f"{name}{sign}" for name in _PROVIDERS for sign in "-_")
_BEARER = re.compile(r"(?<=[Bb]earer )[A-Za-z0-9._~+/\-]{8,}=*")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s:@\"'<>{},]*:[^/\s@\"'<>{},]+(?=@)")
"""Those in a URL."""
_SECRET_NAME = re.compile(
    r"(^|[_\-.])(password|passwd|requirepass|secret|token|api[_\-]?key|(master|private|access|salt|secret)[_\-]key)$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WITH_DEFAULT = re.compile(r"\$\{\w+:?-(.+)\}")
LEAST_FOUND = 8
"""Characters of a secret that no text holds by chance."""
_SHORT = 1000
"""Characters of a text whose masked form is kept, at most."""
_SECRET_HEADERS = {"authorization", "x-api-key", "api-key", "cookie", "set-cookie", "proxy-authorization"}


class Redactor:
    """Masks the given secret values, and whatever has the shape of a key, in text and in JSON."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first, so that a secret which contains another one leaves no remainder. Values under 4 characters
        # would mask ordinary text.
        values = {s for s in secrets if len(s) >= 4}
        # as they stand in JSON, too, with the slashes that PHP escapes, and in a URL's path and query
        values |= {
            form for s in values
            for form in (json.dumps(s)[1:-1], s.replace("/", "\\/"), quote(s), quote(s, safe=""), quote_plus(s))
        }  # fmt: skip
        self._values = sorted(values, key=len, reverse=True)
        self._short = lru_cache(maxsize=8_192)(self._mask)  # names and outcomes come again and again

    def also(self, *secrets: str) -> "Redactor":
        """One that masks more values."""
        return Redactor((*self._values, *secrets))

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        return self._short(text) if len(text) <= _SHORT else self._mask(text)

    def _mask(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, MASK)
        # most texts hold none of it, which is found out sooner than by the expressions
        if any(beginning in text for beginning in _KEY_BEGINNINGS):
            text = KEY_SHAPES.sub(MASK, text)
        if "earer " in text:
            text = _BEARER.sub(MASK, text)
        return _CREDENTIALS.sub(MASK, text) if "://" in text and "@" in text else text

    def contains_secret(self, text: str) -> bool:
        """Whether one of the given secret values (not merely a key shape) stands in the text.

        Those shorter than `LEAST_FOUND` are masked, but not looked for: a password like ``redis`` is a word, too.
        """
        return any(value in text for value in self._values if len(value) >= LEAST_FOUND)

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


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a key, variable or flag of this name holds a secret: ``redis_password``, ``--api-key``."""
    return bool(_SECRET_NAME.search(_CAMEL.sub("_", name.lstrip("-")))) and not name.lower().startswith("existing")


def default_of(text: str) -> str:
    """What ``${NAME:-default}`` stands for where the variable is not set; empty for anything else."""
    match = _WITH_DEFAULT.fullmatch(text)
    return match.group(1) if match else ""


def is_reference(text: str) -> bool:
    """Whether a text only names where a value stands: ``os.environ/X``, ``${X}``, ``{{ .Values.x }}``, a file."""
    return text.startswith(("os.environ/", "$", "{{", "<", "file:", "/run/secrets/", "/var/run/secrets/", "/etc/"))


def mask_values(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """The same JSON value with everything masked that stands under a name of a secret and is no reference."""
    if isinstance(value, Mapping):
        return {key: _masked(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask_values(item) for item in value]
    if isinstance(value, str):
        name, equals, assigned = value.partition("=")
        return f"{name}={MASK}" if equals and is_secret_name(name) and not is_reference(assigned) else value
    return value


def _masked(name: str, value: Any) -> Any:  # noqa: ANN401 (any JSON)
    is_plain = value is not None and not isinstance(value, (Mapping, bool)) and not is_reference(str(value))
    return MASK if is_secret_name(name) and is_plain and value != "" else mask_values(value)
