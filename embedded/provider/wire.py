"""Requests in, answers out: what the dialects share (reading a body, errors, timing, the paced token stream)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from embedded.provider.script import ChatRequest, Completion
from embedded.provider.switchboard import ProviderSwitchboard

FIRST_TOKEN_MS = 20.0
TOKEN_MS = 4.0
SILENCE_LIMIT_S = 60.0


class Refusal(Exception):  # noqa: N818 (an answer, not a failure of ours)
    """A request that is answered with an error of the dialect's form."""

    def __init__(self, status: int, message: str, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers or {}


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        Refusal: the body is not a JSON object.
    """
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is not valid JSON", "invalid_json") from error
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object", "invalid_body")
    return body


def chat_request(body: dict[str, Any], models: frozenset[str], board: ProviderSwitchboard) -> ChatRequest:
    """Read an OpenAI-like body.

    Raises:
        Refusal: a field is missing or of the wrong type, or the model does not exist.
    """
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str):
        raise Refusal(400, "`model` must be a string", "invalid_model")
    if model not in models and not board.on("unknown-model-accepted"):
        raise Refusal(404, f"The model `{model[:200]}` does not exist.", "model_not_found")
    if not isinstance(messages, list) or not messages or not all(_is_message(m) for m in messages):
        raise Refusal(400, "`messages` must be a non-empty list of messages with a role", "invalid_messages")
    return ChatRequest(
        model=model,
        messages=tuple(messages),
        max_tokens=_positive(body.get("max_completion_tokens", body.get("max_tokens")), "max_tokens"),
        stop=_stops(body.get("stop")),
        tools=tuple(body.get("tools") or ()),
        tool_choice=body.get("tool_choice", "auto"),
        response_format={} if board.on("json-mode-prose") else body.get("response_format") or {},
    )


def _is_message(message: object) -> bool:
    if not isinstance(message, dict) or message.get("role") not in {"system", "developer", "user", "assistant", "tool"}:
        return False
    return isinstance(message.get("content"), (str, list)) or bool(message.get("tool_calls"))


def _positive(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Refusal(400, f"`{name}` must be an integer of at least 1", f"invalid_{name}")
    return value


def _stops(value: object) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise Refusal(400, "`stop` must be a string or a list of strings", "invalid_stop")
    return tuple(stops)


async def misbehave(board: ProviderSwitchboard) -> None:
    """The deviations that hit every completion, whatever the dialect.

    Raises:
        Refusal: one of them answers with an error.
    """
    if board.on("silent"):
        await asyncio.sleep(SILENCE_LIMIT_S)
    if board.on("http-500"):
        raise Refusal(500, "internal error", "internal_error")
    if board.on("flaky") and board.requests["completions"] % 2:
        raise Refusal(500, "internal error", "internal_error")
    if board.on("health-lies"):
        raise Refusal(503, "the engine is dead", "engine_dead")


async def pace(completion: Completion, board: ProviderSwitchboard) -> AsyncIterator[str]:
    """The tokens of a completion, each when it is due on an absolute schedule (so that delays do not add up)."""
    first_ms = board.parameter("slow-first-token", "delay_ms", 3000) if board.on("slow-first-token") else FIRST_TOKEN_MS
    step_ms = board.parameter("slow-tokens", "delay_ms", 120) if board.on("slow-tokens") else TOKEN_MS
    due = time.monotonic() + first_ms / 1000
    for token in completion.tokens or ("",):
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due += step_ms / 1000
        yield token


async def wait_for(completion: Completion, board: ProviderSwitchboard) -> None:
    """Take as long as the whole stream would."""
    async for _ in pace(completion, board):
        pass


def refusal_of_openai(refusal: Refusal, credential: str, board: ProviderSwitchboard) -> JSONResponse:
    """An error in the form of the OpenAI API."""
    message = f"{refusal.message} (credential {credential})" if board.on("error-leaks-key") else refusal.message
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    body = {"error": {"message": message, "type": kind, "param": None, "code": refusal.code}}
    return JSONResponse(body, refusal.status, refusal.headers)
