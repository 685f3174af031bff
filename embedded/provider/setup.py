"""What a scripted provider serves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CONTEXT_TOKENS = 4096
"""The context window, unless said otherwise."""


@dataclass(frozen=True)
class Setup:
    """What a provider serves."""

    dialect: str
    """``vllm``, ``ollama`` or ``hosted``."""
    chat_models: frozenset[str]
    embedding_models: frozenset[str] = frozenset()
    key: str | None = None
    """The bearer token that callers must send; None asks for none, as Ollama does."""
    loading_s: float = 0.0
    """Seconds after the start in which the model loads: completions and health answer 503."""
    first_token_ms: float = 20.0
    token_ms: float = 4.0
    requests_per_minute: int = 6000
    """Hosted: the rate limit."""
    limited: Mapping[str, int] = field(default_factory=dict)
    """Requests a minute of single models."""
    limit_window_s: float = 60.0
    """What counts as a minute: tests have no time."""
    depot: Path | None = None
    """A folder to serve beside the models, see `embedded.provider.depot`."""
    version: str = ""
    """The version of the model that is loaded, as ``/health`` tells it."""
    context_tokens: int = CONTEXT_TOKENS
    """The context window of its models."""
    sticky: Path | None = None
    """A file that keeps the switched-on deviations over a restart."""
    collector: str = ""
    """Base URL of an OTLP collector for traces."""
