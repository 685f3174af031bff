"""Reading a request of the OpenAI dialect: strict, so that what is wrong is refused and never guessed."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from embedded.provider.script import ChatRequest
from embedded.provider.switchboard import ProviderSwitchboard

_ROLES = {"system", "developer", "user", "assistant", "tool"}
_FORMATS = {"text", "json_object", "json_schema"}
_MAX_TOKENS = 2**31


class Refusal(Exception):  # noqa: N818 (an answer, not a failure of ours)
    """A request that is answered with an error of the dialect's form."""

    def __init__(
        self, status: int, message: str, code: str, headers: dict[str, str] | None = None, kind: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers or {}
        self.kind = kind
        """What is wrong with the request: ``syntax``, ``missing``, ``types`` or ``range``; empty for the rest."""


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        Refusal: the body is not a JSON object in UTF-8.
    """
    try:
        body = json.loads((await request.body()).decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is not valid JSON", "invalid_json", kind="syntax") from error
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object", "invalid_body", kind="syntax")
    return body


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def chat_request(body: dict[str, Any], models: frozenset[str], board: ProviderSwitchboard) -> ChatRequest:
    """Read an OpenAI-like body.

    Raises:
        Refusal: a field is missing, of the wrong type or out of its range, or the model does not exist.
    """
    try:
        return _checked(body, models, board)
    except Refusal as refusal:
        taken = {"missing": "missing-taken", "types": "types-coerced", "range": "range-taken"}.get(refusal.kind, "")
        if not board.on(taken):
            raise
        return ChatRequest(min(models), ({"role": "user", "content": "Hola"},), max_tokens=2)


def _checked(body: dict[str, Any], models: frozenset[str], board: ProviderSwitchboard) -> ChatRequest:
    model = _of(body, "model", str, required=True)
    messages = _messages(_of(body, "messages", list, required=True))
    for name, least, most in (
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("presence_penalty", -2, 2),
        ("frequency_penalty", -2, 2),
    ):
        _number(body, name, least, most)
    for name in ("stream", "logprobs"):
        _of(body, name, bool)
    for name in ("stream_options", "logit_bias"):
        _of(body, name, dict)
    _integer(body, "top_logprobs", 0, 20)
    _integer(body, "seed", -(10**31), 10**31)
    if model not in models and not board.on("unknown-model-accepted"):
        raise Refusal(404, f"The model `{model[:200]}` does not exist.", "model_not_found")
    limit = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    return ChatRequest(
        model=model,
        messages=_seen(messages, board),
        max_tokens=_integer(body, limit, 1, None),
        stop=_stops(body.get("stop"), board),
        tools=() if board.on("tools-ignored") else _tools(body),
        tool_choice=_tool_choice(body, board),
        response_format=_format(body, board),
        choices=1 if board.on("n-ignored") else _integer(body, "n", 1, 128) or 1,
        logprobs=bool(body.get("logprobs")) and not board.on("logprobs-ignored"),
        salt=_salt(body, board),
    )


def _of(body: dict[str, Any], name: str, kind: type, *, required: bool = False) -> Any:  # noqa: ANN401 (any JSON)
    value = body.get(name)
    if value is None or (required and value in ("", [])):
        if required:
            raise Refusal(400, f"`{name}` is missing", f"missing_{name}", kind="missing")
        return None
    if not isinstance(value, kind):
        raise Refusal(400, f"`{name}` must be of type {kind.__name__}", f"invalid_{name}", kind="types")
    return value


def _number(body: dict[str, Any], name: str, least: float, most: float) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refusal(400, f"`{name}` must be a number", f"invalid_{name}", kind="types")
    if not least <= value <= most:
        raise Refusal(400, f"`{name}` must be between {least} and {most}", f"invalid_{name}", kind="range")


def _integer(body: dict[str, Any], name: str, least: int, most: int | None) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(400, f"`{name}` must be an integer", f"invalid_{name}", kind="types")
    if value < least or (most is not None and value > most):
        raise Refusal(400, f"`{name}` must be at least {least} and at most {most}", f"invalid_{name}", kind="range")
    return min(value, _MAX_TOKENS)


def _messages(messages: list[Any]) -> list[dict[str, Any]]:
    for message in messages:
        if not isinstance(message, dict):
            raise Refusal(400, "a message must be an object", "invalid_messages", kind="types")
        if "role" not in message:
            raise Refusal(400, "a message has no role", "invalid_messages", kind="missing")
        if message["role"] not in _ROLES:
            raise Refusal(400, "a message has an unknown role", "invalid_messages", kind="types")
        content = message.get("content")
        if content is None and not message.get("tool_calls"):
            raise Refusal(400, "a message has no content", "invalid_messages", kind="missing")
        if content is not None and not _is_content(content):
            raise Refusal(400, "a content must be a text or a list of parts", "invalid_messages", kind="types")
    return messages


def _is_content(content: object) -> bool:
    return isinstance(content, str) or (
        isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content)
    )


def _stops(value: object, board: ProviderSwitchboard) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise Refusal(400, "`stop` must be a string or a list of strings", "invalid_stop", kind="types")
    ignored = board.on("stop-ignored") or (len(stops) > 1 and board.on("stop-lists-ignored"))
    return () if ignored else tuple(stops)


def _tools(body: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    tools = _of(body, "tools", list) or []
    for tool in tools:
        if not isinstance(tool, dict):
            raise Refusal(400, "a tool must be an object", "invalid_tools", kind="types")
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Refusal(400, "a tool has no function with a name", "invalid_tools", kind="missing")
    return tuple(tools)


def _tool_choice(body: dict[str, Any], board: ProviderSwitchboard) -> Any:  # noqa: ANN401 (a word or an object)
    choice = body.get("tool_choice", "auto")
    if not (isinstance(choice, dict) or choice in ("none", "auto", "required", None)):
        raise Refusal(400, "`tool_choice` is neither a known word nor an object", "invalid_tool_choice", kind="types")
    ignored = (choice == "none" and board.on("tool-choice-ignored")) or (
        isinstance(choice, dict) and board.on("tool-name-ignored")
    )
    return "required" if ignored else choice


def _format(body: dict[str, Any], board: ProviderSwitchboard) -> dict[str, Any]:
    wanted: dict[str, Any] = _of(body, "response_format", dict) or {}
    if wanted and "type" not in wanted:
        raise Refusal(400, "`response_format` has no type", "invalid_response_format", kind="missing")
    if wanted and wanted["type"] not in _FORMATS:
        raise Refusal(400, "`response_format` has an unknown type", "invalid_response_format", kind="types")
    is_schema = wanted.get("type") == "json_schema"
    if is_schema and not isinstance((wanted.get("json_schema") or {}).get("schema"), dict):
        raise Refusal(400, "`response_format` has no schema", "invalid_response_format", kind="missing")
    ignored = board.on("json-mode-prose") or (is_schema and _schema_ignored(body, board))
    return {} if ignored else wanted


def _schema_ignored(body: dict[str, Any], board: ProviderSwitchboard) -> bool:
    return board.on("schema-ignored") or bool(body.get("stream") and board.on("schema-ignored-in-streams"))


def _salt(body: dict[str, Any], board: ProviderSwitchboard) -> str:
    """What makes the same request another one, where that is switched on."""
    drifts = board.on("answers-drift") or (board.on("seed-ignored") and body.get("temperature"))
    return str(board.requests["completions"]) if drifts else ""


_Reader = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def _seen(messages: list[dict[str, Any]], board: ProviderSwitchboard) -> tuple[dict[str, Any], ...]:
    """The messages as the model gets them: all of them, unless something is switched on."""
    readers: dict[str, _Reader] = {
        "history-dropped": lambda given: given[-1:],
        "prompt-prefixed": lambda given: [{"role": "system", "content": "Sé breve y amable."}, *given],
        "system-dropped": lambda given: [message for message in given if message["role"] != "system"],
        "parts-dropped": lambda given: [
            m if isinstance(m.get("content"), str) else {**m, "content": ""} for m in given
        ],
        "line-cut": lambda given: [
            {**m, "content": m["content"][:400]} if isinstance(m.get("content"), str) else m for m in given
        ],
    }
    for name, reader in readers.items():
        messages = reader(messages) if board.on(name) else messages
    return tuple(messages)
