"""Malformed and hostile requests to an endpoint of the OpenAI dialect, in groups, and which answers are right.

Sizes stay within what a client might send by mistake, and a request that could start a long generation is streamed and
hung up on after its first piece (`only_head`). Yet engines have been brought down by less, so on production these
requests need the disruptive permission.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

CHAT = "/v1/chat/completions"
REFUSED = frozenset({400, 413, 415, 422})
"""A request that cannot be read: 400, or what HTTP (RFC 9110) has for its cause; FastAPI's servers say 422."""
NOT_ALLOWED = frozenset({404, 405})
NOT_FOUND = frozenset({400, 404})
"""Hosted APIs answer 400 for a model that they do not have."""
ANSWERED = frozenset({200})
GROUPS = ("syntax", "missing", "types", "range", "routes", "size")


@dataclass(frozen=True)
class Hostile:
    """One request that a server must refuse, or at least survive."""

    name: str
    """``group.what``: stable, deviations refer to it."""
    body: bytes | None
    statuses: frozenset[int] = REFUSED
    """Right answers."""
    method: str = "POST"
    path: str = CHAT
    headers: Mapping[str, str] = field(default_factory=dict)
    only_head: bool = False
    may_stop_before: bool = False
    """A proxy or firewall may answer before the server does, in its own form."""


def hostile_requests(group: str, model: str, prompt: str) -> tuple[Hostile, ...]:
    """The requests of a group, each made from a good one by one change.

    Raises:
        ValueError: there is no such group.
    """
    base: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": 2}
    match group:
        case "syntax":
            return tuple(_syntax(base))
        case "missing":
            return tuple(_changed(group, base, _missing(prompt)))
        case "types":
            return tuple(_changed(group, base, _types(prompt)))
        case "range":
            return tuple(_range(base))
        case "routes":
            return tuple(_routes(base))
        case "size":
            return tuple(_size(base, prompt))
    raise ValueError(f"no group of hostile requests: {group!r}")


_Changes = Mapping[str, Mapping[str, Any]]
_ABSENT = object()


def _encoded(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _changed(group: str, base: Mapping[str, Any], changes: _Changes) -> Iterator[Hostile]:
    for name, change in changes.items():
        body = {key: value for key, value in {**base, **change}.items() if value is not _ABSENT}
        yield Hostile(f"{group}.{name}", _encoded(body))


def _syntax(base: Mapping[str, Any]) -> Iterator[Hostile]:
    good = _encoded(base)
    bodies = {
        "empty": b"",
        "text": b"hola",
        "truncated": good[:-9],
        "trailing-comma": good[:-1] + b",}",
        "single-quotes": b"{'model': 'a', 'messages': []}",
        "two-objects": good + good,
        "bad-utf8": good.replace(b'"user"', b'"user\xff\xfe"'),
        "nan": good[:-1] + b', "temperature": NaN}',
        "array": b"[]",
        "string": b'"hola"',
        "number": b"17",
        "null": b"null",
        "open-brackets": b"[" * 100_000,
        "deep-object": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    }
    for name, body in bodies.items():
        yield Hostile(f"syntax.{name}", body)
    form = {"content-type": "application/x-www-form-urlencoded"}
    yield Hostile("syntax.form", b"model=a&messages=b", headers=form)


def _missing(prompt: str) -> _Changes:
    tool: dict[str, Any] = {"type": "function"}
    return {
        "model": {"model": _ABSENT},
        "model-null": {"model": None},
        "model-empty": {"model": ""},
        "messages": {"messages": _ABSENT},
        "messages-null": {"messages": None},
        "messages-empty": {"messages": []},
        "message-empty": {"messages": [{}]},
        "role": {"messages": [{"content": prompt}]},
        "content": {"messages": [{"role": "user"}]},
        "tool-function": {"tools": [tool]},
        "tool-name": {"tools": [{**tool, "function": {"description": "nameless"}}]},
        "format-type": {"response_format": {"json_schema": {}}},
        "format-schema": {"response_format": {"type": "json_schema"}},
    }


def _types(prompt: str) -> _Changes:
    return {
        "model-number": {"model": 7},
        "model-list": {"model": ["a"]},
        "messages-text": {"messages": prompt},
        "messages-object": {"messages": {"role": "user", "content": prompt}},
        "message-text": {"messages": [prompt]},
        "message-null": {"messages": [None]},
        "role-number": {"messages": [{"role": 7, "content": prompt}]},
        "role-unknown": {"messages": [{"role": "emperor", "content": prompt}]},
        "content-number": {"messages": [{"role": "user", "content": 7}]},
        "content-object": {"messages": [{"role": "user", "content": {"text": prompt}}]},
        "stream-text": {"stream": "perhaps"},
        "temperature-text": {"temperature": "hot"},
        "temperature-list": {"temperature": [1]},
        "top-p-text": {"top_p": "most"},
        "max-tokens-text": {"max_tokens": "ten"},
        "max-tokens-fraction": {"max_tokens": 1.5},
        "max-tokens-list": {"max_tokens": [2]},
        "stop-number": {"stop": 7},
        "stop-numbers": {"stop": [7, 8]},
        "n-text": {"n": "two"},
        "seed-text": {"seed": "lucky"},
        "tools-text": {"tools": "all"},
        "tools-numbers": {"tools": [7]},
        "tool-choice-number": {"tools": [], "tool_choice": 7},
        "response-format-text": {"response_format": "json"},
        "format-unknown": {"response_format": {"type": "poem"}},
        "logit-bias-text": {"logit_bias": "none"},
        "stream-options-text": {"stream": True, "stream_options": "all"},
    }


def _range(base: Mapping[str, Any]) -> Iterator[Hostile]:
    changes: _Changes = {
        "temperature-negative": {"temperature": -1},
        "temperature-huge": {"temperature": 1e6},
        "top-p-negative": {"top_p": -0.5},
        "top-p-two": {"top_p": 2},
        "n-zero": {"n": 0},
        "n-negative": {"n": -1},
        "n-huge": {"n": 129},
        "top-logprobs-huge": {"logprobs": True, "top_logprobs": 1_000},
        "presence-penalty-huge": {"presence_penalty": 1e6},
    }
    yield from _changed("range", base, changes)
    clamped = REFUSED | ANSWERED  # the server must only not break
    yield Hostile("range.seed-beyond-64-bits", _encoded({**base, "seed": 10**30}), clamped)
    # Only where the generation has no end is it hung up on: Ollama 0.24 was seen to lose a slot for good when that
    # happened at the end of a short one.
    for name, limit, statuses in (
        ("negative", -5, REFUSED),
        ("zero", 0, clamped),
        ("huge", 10**9, clamped),
        ("beyond-64-bits", 10**30, clamped),
    ):
        body = _encoded({**base, "stream": True, "max_tokens": limit})
        yield Hostile(f"range.max-tokens-{name}", body, statuses, only_head=True)


def _routes(base: Mapping[str, Any]) -> Iterator[Hostile]:
    good = _encoded(base)
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        yield Hostile(f"routes.{method.lower()}", None if method == "GET" else good, NOT_ALLOWED, method)
    yield Hostile("routes.post-models", good, NOT_ALLOWED, path="/v1/models")
    yield Hostile("routes.unknown", good, NOT_ALLOWED, path="/v1/chat/no-such-route")
    yield Hostile("routes.unknown-version", good, NOT_ALLOWED, path="/v999/chat/completions")
    odd = {
        "traversal": "/v1/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "null-byte": "/v1/models/%00",
        "script": "/v1/models/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    }
    for name, path in odd.items():
        yield Hostile(f"routes.{name}", None, NOT_FOUND | NOT_ALLOWED | {403}, "GET", path, may_stop_before=True)


def _size(base: Mapping[str, Any], prompt: str) -> Iterator[Hostile]:
    survived = REFUSED | ANSWERED
    too_large = frozenset({*survived, 403, 404, 414, 431})
    tool = {"type": "function", "function": {"name": "t", "parameters": {"type": "object", "properties": {}}}}
    yield Hostile("size.model-name", _encoded({**base, "model": "m" * 100_000}), REFUSED | NOT_FOUND)
    yield Hostile("size.role", _encoded({**base, "messages": [{"role": "u" * 5_000, "content": prompt}]}))
    yield Hostile("size.stop", _encoded({**base, "stop": [f"s{i}" for i in range(2_000)]}), survived)
    yield Hostile("size.tools", _encoded({**base, "tools": [tool] * 300, "tool_choice": "none"}), survived)
    yield Hostile("size.unknown-fields", _encoded({**base, **{f"x{i}": i for i in range(5_000)}}), survived)
    yield Hostile("size.deep-schema", _encoded({**base, "response_format": _deep_format()}), survived)
    bombs = {"header": {"x-large": "h" * 60_000}, "headers": {f"x-many-{i}": "h" * 100 for i in range(90)}}
    for name, headers in bombs.items():
        yield Hostile(f"size.{name}", _encoded(base), too_large, headers=headers, may_stop_before=True)
    query = f"/v1/models?q={'q' * 30_000}"
    yield Hostile("size.query", None, too_large | NOT_ALLOWED, "GET", query, may_stop_before=True)


def _deep_format() -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": "deep", "strict": True, "schema": schema}}
