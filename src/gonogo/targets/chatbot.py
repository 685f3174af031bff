"""The chatbot service of a deployment: how it is asked, what its answers should be, and what the asking may cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gonogo.targets.secrets import Secret


@dataclass(frozen=True)
class Fields:
    """Where the parts of an answer stand in its JSON (JSON Pointers, RFC 6901)."""

    text: str = "/response"
    intent: str = "/intent"
    confidence: str = "/confidence"
    fallback: str = "/isFallback"
    parameters: str = "/parameters"
    quick_replies: str = "/quickReplies"


@dataclass(frozen=True)
class Asking:
    """How the conversation set is asked, and what that may cost at most."""

    concurrency: int = 4
    requests: int = 2000
    seconds: float = 600.0
    money: float | None = None
    """In whatever currency `price_per_message` is."""
    price_per_message: float = 0.0
    repeats: int = 3
    """How often a repeated prompt is asked, the cache bypassed."""
    agree: int = 2
    """So many of `repeats` answers must be right for the prompt to count."""
    repeated: int = 30
    """How many prompts are repeated."""
    smoke: int = 120
    """How many prompts are asked in short stages."""
    long_turns: int = 30
    """Turns of the long conversation."""

    @property
    def most_messages(self) -> int:
        """How many messages the budget allows."""
        if self.money is None or self.price_per_message <= 0:
            return self.requests
        return min(self.requests, int(self.money / self.price_per_message))


@dataclass(frozen=True)
class Completions:
    """A chat-completions endpoint that is the chatbot itself: the content of its answer is the JSON."""

    model: str
    response_format: str = "json_schema"
    """``json_schema`` (the contract), ``json_object`` or ``none``."""
    max_tokens: int = 512
    limit_field: str = "max_tokens"
    """``max_completion_tokens`` for models that refuse the other."""


@dataclass(frozen=True)
class NoCache:
    """What goes along with a message so that no cache answers it; ``{nonce}`` in a text is another one each time."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chatbot:
    """The chatbot service that answers in JSON."""

    url: str
    message_path: str
    health_path: str
    schema: Path
    """The contract of an answer."""
    consistency: Path | None
    """Rules between the fields of an answer, a JSON Schema too; None: the contract is the target's own, and so would
    they be."""
    conversations: tuple[Path, ...]
    language: str
    confused_with: tuple[str, ...]
    """Languages that an answer might be in by mistake; fewer candidates make identification surer."""
    timeout_s: float
    key: Secret | None = None
    completions: Completions | None = None
    message_field: str = "message"
    session_field: str = "sessionId"
    fields: Fields = Fields()
    asking: Asking = Asking()
    no_cache: NoCache = NoCache()
    headers: Mapping[str, Secret] = field(default_factory=dict)
    """Credentials that are no bearer token, by the name of their header."""
    plain_text: bool = True
    """The front end shows the text as it is, so that markup in it is a flaw."""
    system_prompt: str = ""
    """What must not come out again; a chat-completions endpoint is given it."""
    canaries: tuple[str, ...] = ()
    """Strings that were planted in the system prompt: they must never be seen."""
    baseline: Path | None = None
    """``answers.jsonl`` of an accepted run, that intents are compared with."""
    metrics_path: str | None = None
    messages_metric: str | None = None
    """A counter that moves by one with each message."""
    service: str | None = None
    """Its name at the actor, which may restart it."""
    control_url: str | None = None
    """Where faults can be switched on by name, for disruptive checks."""
    model: str | None = None
    """The gateway's model that it asks."""
