"""Answers on the wire: what the dialects share (errors, timing, the paced token stream)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from embedded.provider.instance import UnsupportedSchemaError
from embedded.provider.requests import Refusal
from embedded.provider.script import ChatRequest, Completion, ContextExceededError, complete, content_of
from embedded.provider.switchboard import ProviderSwitchboard

POISONED_REQUESTS = 5
_TERSE_TOKENS = 2
_BASIC_PLANE = 0xFFFF
_STACK_TRACE = "Traceback (most recent call last):\n  File \"/srv/app/server.py\", line 42, in chat\nKeyError: 'model'"


def _misbehave(wanted: ChatRequest, board: ProviderSwitchboard) -> None:
    """The deviations that hit every completion, whatever the dialect.

    Raises:
        Refusal: one of them answers with an error.
    """
    if board.poisoned:
        board.poisoned -= 1
        raise Refusal(503, "the engine restarts", "engine_dead")
    if board.on("flaky") and board.requests["completions"] % 2:
        raise Refusal(500, "internal error", "internal_error")
    if board.on("health-lies"):
        raise Refusal(503, "the engine is dead", "engine_dead")
    texts = [content_of(message) for message in wanted.messages]
    if board.on("emoji-breaks") and any(ord(character) > _BASIC_PLANE for text in texts for character in text):
        raise Refusal(500, "internal error", "internal_error")
    if board.on("empty-content-breaks") and not all(texts):
        raise Refusal(500, "internal error", "internal_error")
    if board.on("tool-result-refused") and any(message["role"] == "tool" for message in wanted.messages):
        raise Refusal(400, "the role tool is not supported", "invalid_messages")


def completed(wanted: ChatRequest, board: ProviderSwitchboard) -> Completion:
    """The completion of a request, counted.

    Raises:
        Refusal: the prompt is too long, the schema cannot be enforced, or what is switched on refuses it.
    """
    _misbehave(wanted, board)
    if board.on("terse"):
        wanted = replace(wanted, max_tokens=min(wanted.max_tokens or _TERSE_TOKENS, _TERSE_TOKENS))
    try:
        completion = complete(wanted, board.on, board.context_tokens)
    except ContextExceededError as error:
        raise Refusal(400, str(error), "context_length_exceeded") from error
    except UnsupportedSchemaError as error:
        raise Refusal(400, str(error), "unsupported_schema") from error
    board.prompt_tokens += completion.prompt_tokens
    board.completion_tokens += completion.completion_tokens
    return completion


async def pace(completion: Completion, board: ProviderSwitchboard) -> AsyncIterator[str]:
    """The tokens of a completion, each when it is due on an absolute schedule (so that delays do not add up)."""
    async with board.narrow if board.on("narrow") else nullcontext():
        async for token in _paced(completion, board):
            yield token


async def _paced(completion: Completion, board: ProviderSwitchboard) -> AsyncIterator[str]:
    first_ms = _first_token_ms(board)
    step_ms = board.parameter("slow-tokens", "delay_ms", 120) if board.on("slow-tokens") else board.token_ms
    stutter_ms = board.parameter("stutter", "delay_ms", 400) if board.on("stutter") else 0
    due = time.monotonic() + first_ms / 1000
    for number, token in enumerate(completion.tokens or ("",), 1):
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due += (step_ms + (stutter_ms if number % 3 == 0 else 0)) / 1000
        yield token


def _first_token_ms(board: ProviderSwitchboard) -> float:
    """How long the first token takes."""
    if board.on("cold") and not board.is_warm:
        board.is_warm = True
        return board.parameter("cold", "delay_ms", 3000)
    if board.on("hesitant") and board.requests["completions"] % 3 == 0:
        return board.parameter("hesitant", "delay_ms", 1500)
    return (
        board.parameter("slow-first-token", "delay_ms", 3000) if board.on("slow-first-token") else board.first_token_ms
    )


async def wait_for(completion: Completion, board: ProviderSwitchboard) -> None:
    """Take as long as the whole stream would."""
    async for _ in pace(completion, board):
        pass


async def refused(refusal: Refusal, request: Request, board: ProviderSwitchboard) -> Response:
    """An error in the form of the API that the request's path belongs to."""
    if refusal.kind == "syntax" and board.on("bad-request-kills"):
        board.poisoned = POISONED_REQUESTS
    if board.on("refusals-slow") and refusal.status < 500:
        await asyncio.sleep(board.parameter("refusals-slow", "delay_ms", 6000) / 1000)
    native = request.url.path.startswith("/api/")
    if refusal.code == "model_not_found" and board.for_client("client-errors-hidden", request.headers):
        refusal.status = 500
    message, status = _told(refusal, request, board), _status(refusal, board, native=native)
    if board.on("error-plain-text") and board.text("error-plain-text", "code") in {"", refusal.code}:
        return PlainTextResponse(message, status, refusal.headers)
    if native and not board.on("ollama-error-object"):
        return JSONResponse({"error": message}, status, refusal.headers)
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    body: dict[str, Any] = {"error": {"message": message, "type": kind, "param": None, "code": refusal.code}}
    return JSONResponse(body, status, refusal.headers)


def _told(refusal: Refusal, request: Request, board: ProviderSwitchboard) -> str:
    if board.on("error-leaks-key"):
        return f"{refusal.message} (credential {credential_of(request)})"
    return f"{refusal.message}\n{_STACK_TRACE}" if board.on("error-stack-trace") else refusal.message


def _status(refusal: Refusal, board: ProviderSwitchboard, *, native: bool) -> int:
    if board.on("errors-as-200"):
        return 200
    if refusal.kind == "syntax" and board.on("ollama-malformed-breaks" if native else "malformed-breaks"):
        return 500
    return refusal.status


def credential_of(request: Request) -> str:
    """The bearer token that came with a request; empty if none did."""
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()
