"""The chatbot's deviations: what each does to a message, to the reply, or to its body."""

import asyncio
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from embedded.chatbot.brain import SYSTEM_PROMPT
from embedded.switchboard import Switchboard

_Reply = dict[str, Any]
_ENGLISH = "We have several cars that you may like. Would you like to see the latest?"
_FALLBACK = {"isFallback": True, "intent": "desconocido", "confidence": 0.2}
_EVERY_NTH_FAILS = 9
_LONG = 15
_SLOW_S = 2.0
SLOW_START_S = 8.0
_LEAKED = 8 << 20
_OTHERS = ("contacto", "precio", "venta", "cita")


def _with_text(change: Callable[[str], str]) -> Callable[[_Reply, str], _Reply]:
    return lambda reply, _: {**reply, "response": change(reply["response"])}


def _only(condition: Callable[[_Reply, str], bool], **fields: Any) -> Callable[[_Reply, str], _Reply]:  # noqa: ANN401
    return lambda reply, said: {**reply, **fields} if condition(reply, said) else reply


def _of(name: str, **fields: Any) -> Callable[[_Reply, str], _Reply]:  # noqa: ANN401
    """Changes the replies that name an intent."""
    return _only(lambda reply, _: reply["intent"] == name, **fields)


def _is_fallback(reply: _Reply, _: str) -> bool:
    return bool(reply["isFallback"])


def _is_quarter(_: _Reply, said: str) -> bool:
    """The same quarter of all messages each time, repetitions too."""
    return hashlib.sha256(said.strip().encode("utf-8", "surrogatepass")).digest()[0] < 64


def _without(reply: _Reply, *names: str) -> _Reply:
    return {**reply, "parameters": {k: v for k, v in reply["parameters"].items() if k not in names}}


def _swapped(reply: _Reply, _: str) -> _Reply:
    return {**reply, "intent": {"venta": "precio", "precio": "venta"}.get(reply["intent"], reply["intent"])}


def _at_random(reply: _Reply, said: str) -> _Reply:
    spaces = len(said) - len(said.rstrip())
    return {**reply, "intent": _OTHERS[spaces % len(_OTHERS)]} if spaces and not reply["isFallback"] else reply


def _obedient(reply: _Reply, said: str) -> _Reply:
    told = re.search(r"\b(?:unir|joining) (\w+) (?:y|and) (\w+)", said)
    return {**reply, "response": f"Claro: {told[1]}{told[2]}"} if told else reply


_CHANGES: dict[str, tuple[str, Callable[[_Reply, str], _Reply]]] = {
    # the contract
    "confidence-over-one": ("confidence is 1.4 everywhere", lambda r, _: {**r, "confidence": 1.4}),
    "confidence-as-text": ("confidence is a text", lambda r, _: {**r, "confidence": str(r["confidence"])}),
    "empty-response": ("greetings are answered with an empty text", _of("saludo", response="")),
    "intent-null": ("the intent of a fallback is null", _only(_is_fallback, intent=None)),
    "missing-field": ("replies lack suggestedAction", lambda r, _: {k: r[k] for k in r if k != "suggestedAction"}),
    "quick-replies-many": ("nine quick replies", lambda r, _: {**r, "quickReplies": [f"Opción {i}" for i in range(9)]}),
    "quick-replies-twice": (
        "two quick replies differ in case only",
        lambda r, _: {**r, "quickReplies": ["Ver coches", "ver coches ", "Hablar con un asesor"]},
    ),
    # what people read
    "bold": ("texts are in markdown", _with_text(lambda text: f"**Respuesta:** {text}")),
    "canary": ("every text ends with a part of the prompt", _with_text(lambda text: f"{text} {SYSTEM_PROMPT[-60:]}")),
    "english": ("replies are in English", _with_text(lambda _: _ENGLISH)),
    "html": ("texts hold HTML", _with_text(lambda text: f"{text}<br>")),
    "invisible": ("texts hold zero-width spaces", _with_text(lambda text: text.replace(" ", " \u200b"))),
    "loop": ("texts say the same four times", _with_text(lambda text: f"{text} " * 4)),
    "mojibake": ("texts are decoded wrongly", _with_text(lambda text: text.encode().decode("latin-1"))),
    "placeholder": ("texts hold a name that nothing filled", _with_text(lambda text: f"{{nombre}}, {text}")),
    "template-token": ("texts end with a token of the chat template", _with_text(lambda text: f"{text}<|im_end|>")),
    "thoughts": ("texts begin with the model's thoughts", _with_text(lambda text: f"<think>Pide algo.</think>{text}")),
    # scope, confidence, intents, parameters
    "always-fallback": ("every reply is a fallback", lambda r, _: {**r, **_FALLBACK}),
    "confidence-constant": (
        "confidence knows two values",
        lambda r, _: {**r, "confidence": 0.2 if r["isFallback"] else 0.92},
    ),
    "confident-fallback": ("fallbacks are sure of themselves", _only(_is_fallback, confidence=0.95)),
    "low-confidence": ("confidence is 0.4 everywhere", lambda r, _: {**r, "confidence": 0.4}),
    "never-fallback": ("no reply is a fallback", lambda r, _: {**r, "isFallback": False}),
    "often-fallback": ("a quarter of the messages falls back", _only(_is_quarter, **_FALLBACK)),
    "timid": ("greetings are answered with confidence 0.1", _of("saludo", confidence=0.1)),
    "greetings-lost": ("greetings are taken for searches", _of("saludo", intent="busqueda")),
    "intents-random": ("a repeated message has another intent", _at_random),
    "intents-swapped": ("selling is taken for prices, and prices for selling", _swapped),
    "warranty-lost": ("warranties are taken for contacts", _of("garantia", intent="contacto")),
    "brands-lost": ("no brand is found", lambda r, _: _without(r, "marca")),
    "parameters-lost": ("no parameter is found", lambda r, _: {**r, "parameters": {}}),
    # odd messages
    "echo": (
        "what looks like HTML is said again",
        lambda r, said: {**r, "response": f"¿Qué quiere decir con {said}?"} if "<" in said else r,
    ),
    "obeys": ("it says what it is told to say", _obedient),
    "gives-prompt": (
        "it says its system prompt when asked",
        _only(lambda _, said: "prompt" in said or "instrucciones" in said, response=SYSTEM_PROMPT),
    ),
    "follows-language": (
        "it answers English to other languages",
        _only(lambda _, said: said.startswith(("How", "Combien", "Was", "Quanto")), response=_ENGLISH),
    ),
}
_BODIES: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "key-twice": ("intent stands there twice", lambda body, _: f'{{"intent": "otro", {body[1:]}'),
    "json-by-hand": (
        "what the user said is put into the JSON unescaped",
        lambda body, said: f'{body[:-1]}, "echo": "{said}"}}',
    ),
    "json-in-array": ("the object comes in an array", lambda body, _: f"[{body}]"),
    "json-twice": ("the JSON is encoded twice", lambda body, _: json.dumps(body)),
    "markdown-fence": ("the JSON comes in a markdown fence", lambda body, _: f"```json\n{body}\n```"),
    "nan": ("confidence is NaN", lambda body, _: re.sub(r'"confidence": [\d.]+', '"confidence": NaN', body)),
    "prose-around": ("prose comes before the JSON", lambda body, _: f"Claro, aquí tiene: {body}"),
    "trailing-text": ("text comes after the JSON", lambda body, _: f"{body}\n¿Algo más?"),
    "truncated": ("the JSON is cut off", lambda body, _: body[:-20]),
}
FAULTS: dict[str, str] = {
    "always-mock": "replies come from its own rules, as if the model had given them",
    "counters-frozen": "the /metrics counters stop moving",
    "cors-wildcard": "every origin is allowed",
    "error-leaks-key": "error bodies contain the model's key",
    "health-red": "its health page answers 503",
    "metrics-broken": "/metrics is not Prometheus text",
    "no-mock": "when the model does not answer, neither does the chatbot",
    "page-broken": "the web page asks a path that does not exist",
    "content-type-html": "answers are said to be HTML",
    "latin-1": "bodies are in Latin-1",
    "slow-start": f"from the settings only: it starts {SLOW_START_S:g} s later",
    "slow": f"every answer takes {_SLOW_S:g} s longer",
    "leaks-memory": f"every message leaves {_LEAKED >> 20} MiB behind",
    "error-sometimes": f"every {_EVERY_NTH_FAILS}th message is answered with 500",
    "empty-fails": "a message without words is answered with 500",
    "invisible-fails": "a message with invisible characters is answered with 500",
    "long-fails": f"after {_LONG} turns a conversation is answered with 500",
    "forgets": "earlier turns are forgotten",
    "sessions-shared": "all users share one conversation",
    **{name: told for name, (told, _) in (_CHANGES | _BODIES).items()},
}


class ChatbotSwitchboard(Switchboard):
    """The chatbot's deviations."""

    def __init__(self) -> None:
        super().__init__(FAULTS)
        self._left_behind: list[bytes] = []

    async def tarry(self) -> None:
        """What an answer costs beyond its thinking."""
        if self.on("leaks-memory"):
            self._left_behind.append(b"x" * _LEAKED)
        if self.on("slow"):
            await asyncio.sleep(_SLOW_S)

    def crashes(self, said: str, turns: list[str]) -> bool:
        """Whether today this message is answered with an error."""
        nth = self.requests["messages"] % _EVERY_NTH_FAILS == 0
        invisible = any(unicodedata.category(c) == "Cf" for c in said)
        return (
            (self.on("error-sometimes") and nth)
            or (self.on("empty-fails") and not said.strip())
            or (self.on("invisible-fails") and invisible)
            or (self.on("long-fails") and len(turns) > _LONG)
        )

    def deform(self, reply: _Reply, said: str) -> tuple[bytes, str]:
        """The reply as a body and its content type, with whatever is wrong today."""
        for name in filter(self.on, _CHANGES):
            reply = _CHANGES[name][1](reply, said)
        body = json.dumps(reply, ensure_ascii=False)
        for name in filter(self.on, _BODIES):
            body = _BODIES[name][1](body, said)
        content = body.encode("latin-1" if self.on("latin-1") else "utf-8", errors="replace")
        return content, "text/html" if self.on("content-type-html") else "application/json"
