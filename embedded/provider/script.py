"""What the scripted model says: the same request always gets the same answer, whoever asks and in whatever dialect."""

import hashlib
import json
import random
import re
from dataclasses import dataclass, field
from typing import Any

from embedded.provider.instance import instance_of
from embedded.spanish import reply_to

CONTEXT_TOKENS = 4096
EMBEDDING_DIMENSION = 64
_WORDS = (
    "el coche tiene motor y garantía oficial la oferta incluye revisión completa con entrega rápida en su ciudad "
    "precio final sin sorpresas cita previa disponible mañana también financiación según perfil café niño año"
).split()
_TOKEN = re.compile(r"\s*\S+")


@dataclass(frozen=True)
class ChatRequest:
    """A chat completion request, free of any dialect."""

    model: str
    messages: tuple[dict[str, Any], ...]
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: Any = "auto"
    response_format: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Completion:
    """What the model answers: content tokens or one tool call, and the figures."""

    id: str
    model: str
    tokens: tuple[str, ...]
    finish_reason: str
    prompt_tokens: int
    tool_call: dict[str, str] | None = None

    @property
    def text(self) -> str:
        """The whole content."""
        return "".join(self.tokens)

    @property
    def completion_tokens(self) -> int:
        """Tokens that were generated, at least one (the end marker)."""
        return max(1, len(self.tokens))


class ContextExceededError(ValueError):
    """The prompt is longer than the context window."""


def complete(request: ChatRequest) -> Completion:
    """Answer a request.

    Raises:
        ContextExceededError: the prompt has more than `CONTEXT_TOKENS` tokens.
        embedded.provider.instance.UnsupportedSchemaError: the wanted JSON Schema cannot be enforced.
    """
    prompt_tokens = sum(count_tokens(_content(message)) for message in request.messages)
    if prompt_tokens > CONTEXT_TOKENS:
        raise ContextExceededError(f"the prompt has {prompt_tokens} tokens, the context window {CONTEXT_TOKENS}")
    digest = hashlib.sha256(json.dumps([request.model, request.messages], sort_keys=True).encode()).hexdigest()
    identifier = f"chatcmpl-{digest[:24]}"
    if request.tools and request.tool_choice != "none":
        return Completion(
            identifier, request.model, (), "tool_calls", prompt_tokens, _tool_call(request.tools[0], digest)
        )
    text = _text(request, random.Random(digest))  # noqa: S311 (a script, not a secret)
    tokens, finish_reason = _cut(text, request)
    return Completion(identifier, request.model, tokens, finish_reason, prompt_tokens)


def embed(text: str) -> list[float]:
    """A unit vector of `EMBEDDING_DIMENSION` numbers that depends on the text only."""
    numbers = random.Random(hashlib.sha256(text.encode()).digest())  # noqa: S311
    vector = [numbers.gauss(0, 1) for _ in range(EMBEDDING_DIMENSION)]
    norm = sum(x * x for x in vector) ** 0.5
    return [x / norm for x in vector]


def count_tokens(text: str) -> int:
    """Tokens of a text in this model's (word-wise) tokenizer."""
    return len(_TOKEN.findall(text))


def _content(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _text(request: ChatRequest, numbers: random.Random) -> str:
    wanted = request.response_format
    if wanted.get("type") == "json_schema":
        schema = wanted.get("json_schema", {})
        if schema.get("name") == "chatbot_reply":
            turns = [_content(m) for m in request.messages if m.get("role") == "user"]
            return json.dumps(reply_to(turns), ensure_ascii=False)
        return json.dumps(instance_of(schema.get("schema", {})), ensure_ascii=False)
    if wanted.get("type") == "json_object":
        return json.dumps({"answer": " ".join(numbers.choices(_WORDS, k=6))}, ensure_ascii=False)
    return " ".join(numbers.choices(_WORDS, k=numbers.randint(20, 32))).capitalize() + "."


def _cut(text: str, request: ChatRequest) -> tuple[tuple[str, ...], str]:
    ends = [position for stop in request.stop if stop and (position := text.find(stop)) >= 0]
    tokens = tuple(_TOKEN.findall(text[: min(ends)] if ends else text))
    if request.max_tokens is not None and len(tokens) > request.max_tokens:
        return tokens[: request.max_tokens], "length"
    return tokens, "stop"


def _tool_call(tool: dict[str, Any], digest: str) -> dict[str, str]:
    function = tool.get("function", {})
    arguments = instance_of(function.get("parameters", {"type": "object"}))
    return {
        "id": f"call_{digest[:16]}",
        "name": str(function.get("name", "")),
        "arguments": json.dumps(arguments, ensure_ascii=False),
    }
