"""The OpenAI dialect (as vLLM speaks it): models, chat completions, embeddings."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from embedded.provider.instance import UnsupportedSchemaError
from embedded.provider.script import Completion, ContextExceededError, complete, count_tokens, embed
from embedded.provider.switchboard import ProviderSwitchboard
from embedded.provider.wire import Refusal, chat_request, misbehave, pace, read_object, wait_for

CREATED = 1_760_000_000


class OpenAiDialect:
    """Handlers of ``/v1``."""

    def __init__(
        self,
        chat_models: frozenset[str],
        embedding_models: frozenset[str],
        board: ProviderSwitchboard,
        admit: Callable[[], None],
    ) -> None:
        self._chat, self._embedding, self._board, self._admit = chat_models, embedding_models, board, admit

    def routes(self) -> list[Route]:
        """The routes of this dialect."""
        return [
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
        ]

    async def models(self, _: Request) -> Response:
        """The model list."""
        names = [] if self._board.on("model-list-empty") else sorted(self._chat | self._embedding)
        data = [{"id": name, "object": "model", "created": CREATED, "owned_by": "embedded"} for name in names]
        return JSONResponse({"object": "list", "data": data})

    async def chat(self, request: Request) -> Response:
        """A chat completion, whole or streamed."""
        self._board.requests["completions"] += 1
        self._admit()
        body = await read_object(request)
        wanted = chat_request(body, self._chat, self._board)
        await misbehave(self._board)
        try:
            completion = complete(wanted)
        except ContextExceededError as error:
            raise Refusal(400, str(error), "context_length_exceeded") from error
        except UnsupportedSchemaError as error:
            raise Refusal(400, str(error), "unsupported_schema") from error
        self._board.prompt_tokens += completion.prompt_tokens
        self._board.completion_tokens += completion.completion_tokens
        if body.get("stream"):
            include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            events = self._stream(completion, include_usage=include_usage)
            return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-cache"})
        await wait_for(completion, self._board)
        return JSONResponse(self._whole(completion))

    async def embeddings(self, request: Request) -> Response:
        """Embeddings of one text or of a batch."""
        self._board.requests["embeddings"] += 1
        body = await read_object(request)
        texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
        if body.get("model") not in self._embedding:
            raise Refusal(404, "The model does not exist.", "model_not_found")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise Refusal(400, "`input` must be a string or a list of strings", "invalid_input")
        vectors = [self._vector(text) for text in texts]
        vectors = vectors[::-1] if self._board.on("embedding-batch-reversed") else vectors
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
        tokens = sum(map(count_tokens, texts))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": body["model"], "usage": usage})

    def _vector(self, text: str) -> list[float]:
        drift = f" {self._board.requests['embeddings']}" if self._board.on("embedding-drifts") else ""
        scale = 0 if self._board.on("embedding-zero") else 2 if self._board.on("embedding-not-unit") else 1
        return [scale * number for number in embed(text + drift)]

    def _usage(self, completion: Completion) -> dict[str, int]:
        total = completion.prompt_tokens + completion.completion_tokens
        return {
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
            "total_tokens": total + 7 if self._board.on("usage-wrong") else total,
        }

    def _whole(self, completion: Completion) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": completion.text or None}
        if completion.tool_call:
            message["tool_calls"] = [_tool_call(completion.tool_call)]
        choice = {"index": 0, "message": message, "finish_reason": completion.finish_reason, "logprobs": None}
        head = _head(completion, "chat.completion")
        if self._board.on("wrong-types"):
            head["created"] = "2026-01-01T00:00:00Z"
        return {**head, "choices": [choice], "usage": self._usage(completion)}

    async def _stream(self, completion: Completion, *, include_usage: bool) -> AsyncIterator[str]:
        head = _head(completion, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
            return _event({**head, "choices": [choice]})

        yield chunk({"role": "assistant", "content": ""})
        position = 0
        async for token in pace(completion, self._board):
            position += 1
            if token and not (position == 2 and self._board.on("drops-chunk")):
                yield chunk({"content": token})
        if completion.tool_call:
            yield chunk({"tool_calls": [{"index": 0, **_tool_call(completion.tool_call)}]})
        yield chunk({}, None if self._board.on("finish-reason-empty") else completion.finish_reason)
        if include_usage:
            yield _event({**head, "choices": [], "usage": self._usage(completion)})
        if not self._board.on("stream-without-done"):
            yield "data: [DONE]\n\n"


def _head(completion: Completion, kind: str) -> dict[str, Any]:
    return {"id": completion.id, "object": kind, "created": CREATED, "model": completion.model}


def _tool_call(call: dict[str, str]) -> dict[str, Any]:
    return {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
