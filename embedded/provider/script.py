"""What the scripted model says: the same request always gets the same answer, whoever asks and in whatever dialect."""

import hashlib
import json
import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded.provider.instance import instance_of
from embedded.provider.setup import CONTEXT_TOKENS
from embedded.spanish import reply_to

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
    choices: int = 1
    logprobs: bool = False
    salt: str = ""
    """Another salt makes the same request get another answer."""


@dataclass(frozen=True)
class Completion:
    """What the model answers: content tokens or one tool call, and the figures."""

    id: str
    model: str
    tokens: tuple[str, ...]
    finish_reason: str
    prompt_tokens: int
    tool_call: dict[str, str] | None = None
    choices: int = 1
    logprobs: bool = False

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


def _never(_: str) -> bool:
    """Nothing is switched on."""
    return False


def complete(
    request: ChatRequest, on: Callable[[str], bool] = _never, context_tokens: int = CONTEXT_TOKENS
) -> Completion:
    """Answer a request; `on` tells which deviations are switched on.

    Raises:
        ContextExceededError: the prompt has more tokens than the context window.
        embedded.provider.instance.UnsupportedSchemaError: the wanted JSON Schema cannot be enforced.
    """
    prompt_tokens = sum(count_tokens(content_of(message)) for message in request.messages)
    if prompt_tokens > context_tokens and not on("context-cut"):
        raise ContextExceededError(f"the prompt has {prompt_tokens} tokens, the context window {context_tokens}")
    prompt_tokens = min(prompt_tokens, context_tokens) * (2 if on("tokens-doubled") else 1)
    said = [(message["role"], content_of(message)) for message in request.messages]
    asked = [request.model, said, request.salt]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    has_result = request.messages[-1]["role"] == "tool"
    if request.tools and request.tool_choice != "none" and not has_result:
        call = _tool_call(_chosen(request), digest)
        return Completion(new_id(), request.model, (), "tool_calls", prompt_tokens, call)
    text = "" if on("empty-answer") else _text(request, random.Random(digest), on)  # noqa: S311 (a script, not a secret)
    tokens, finish_reason = _cut(text, request, on)
    return Completion(
        new_id(), request.model, tokens, finish_reason, prompt_tokens, None, request.choices, request.logprobs
    )


def new_id() -> str:
    """An id that no other completion has."""
    return f"chatcmpl-{uuid.uuid4().hex[:24]}"


def _chosen(request: ChatRequest) -> dict[str, Any]:
    """The tool that is chosen by its name, else the first one."""
    wanted = request.tool_choice.get("function", {}).get("name") if isinstance(request.tool_choice, dict) else None
    named = [tool for tool in request.tools if tool["function"]["name"] == wanted]
    return (named or list(request.tools))[0]


def embed(text: str) -> list[float]:
    """A unit vector of `EMBEDDING_DIMENSION` numbers that depends on the text only."""
    numbers = random.Random(hashlib.sha256(text.encode()).digest())  # noqa: S311
    vector = [numbers.gauss(0, 1) for _ in range(EMBEDDING_DIMENSION)]
    norm = sum(x * x for x in vector) ** 0.5
    return [x / norm for x in vector]


def count_tokens(text: str) -> int:
    """Tokens of a text in this model's (word-wise) tokenizer."""
    return len(_TOKEN.findall(text))


def content_of(message: dict[str, Any]) -> str:
    """The text of a message, whether it came in parts or not."""
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _text(request: ChatRequest, numbers: random.Random, on: Callable[[str], bool]) -> str:
    wanted = request.response_format
    if wanted.get("type") not in ("json_schema", "json_object"):
        return " ".join(numbers.choices(_WORDS, k=numbers.randint(50, 64))).capitalize() + "."
    text = json.dumps(_value(request, wanted, numbers, on), ensure_ascii=False)
    text = text.encode("ascii", "replace").decode() if on("unicode-mangled") else text
    return f"```json\n{text}\n```" if on("json-mode-fenced") else text


def _value(
    request: ChatRequest, wanted: dict[str, Any], numbers: random.Random, on: Callable[[str], bool]
) -> dict[str, Any]:
    if wanted["type"] == "json_object":
        return {"answer": " ".join(numbers.choices(_WORDS, k=6))}
    schema = wanted["json_schema"]
    if schema.get("name") == "chatbot_reply":
        turns = [content_of(m) for m in request.messages if m.get("role") == "user"]
        return reply_to(turns)
    ignored = {"pattern": "pattern-ignored", "minimum": "bounds-ignored", "maximum": "bounds-ignored"}
    made = instance_of(schema["schema"], ignored=frozenset(key for key, name in ignored.items() if on(name)),
                       lenient=on("schema-nonsense-taken"))  # fmt: skip
    return {**made, "extra": 1} if on("schema-loose") and isinstance(made, dict) else made


def _cut(text: str, request: ChatRequest, on: Callable[[str], bool]) -> tuple[tuple[str, ...], str]:
    ends = [(position, stop) for stop in request.stop if stop and (position := text.find(stop)) >= 0]
    if ends:
        position, stop = min(ends)
        text = text[: position + (len(stop) if on("stop-included") else 0)]
    tokens = tuple(_TOKEN.findall(text))
    limit = None if request.max_tokens is None else request.max_tokens + on("limit-overrun")
    return (tokens, "stop") if limit is None or len(tokens) <= limit else (tokens[:limit], "length")


def _tool_call(tool: dict[str, Any], digest: str) -> dict[str, str]:
    function = tool.get("function", {})
    arguments = instance_of(function.get("parameters", {"type": "object"}))
    return {
        "id": f"call_{digest[:16]}",
        "name": str(function.get("name", "")),
        "arguments": json.dumps(arguments, ensure_ascii=False),
    }
