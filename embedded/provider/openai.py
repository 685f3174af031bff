"""The OpenAI dialect (as vLLM speaks it): models, chat completions, embeddings."""

import base64
import json
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from embedded.provider.deviations import after_done, spoilt_chunk, spoilt_stream, spoilt_whole, without_end
from embedded.provider.requests import Refusal, chat_request, read_object
from embedded.provider.script import Completion, count_tokens, embed
from embedded.provider.switchboard import ProviderSwitchboard
from embedded.provider.wire import completed, pace, wait_for

_STARTED = int(time.time())


class OpenAiDialect:
    """Handlers of ``/v1``."""

    def __init__(
        self,
        chat_models: frozenset[str],
        embedding_models: frozenset[str],
        board: ProviderSwitchboard,
        admit: Callable[[str], None],
    ) -> None:
        self._chat, self._embedding, self._board, self._admit = chat_models, embedding_models, board, admit

    def routes(self) -> list[Route]:
        """The routes of this dialect."""
        return [
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
        ]

    async def models(self, request: Request) -> Response:
        """The model list."""
        is_empty = self._board.for_client("model-list-empty", request.headers)
        names = [] if is_empty else sorted(self._chat | self._embedding)
        names += ["ghost"] if self._board.on("model-list-ghost") else []
        names *= 2 if self._board.on("model-list-twice") else 1
        data = [{"id": name, "object": "model", "created": _STARTED, "owned_by": "embedded"} for name in names]
        return JSONResponse({"object": "list", "data": data})

    async def chat(self, request: Request) -> Response:
        """A chat completion, whole or streamed."""
        body = await read_object(request)
        streamed = bool(body.get("stream"))
        if not (streamed and self._board.on("streams-uncounted")):
            self._board.requests["completions"] += 1
        wanted = chat_request(body, self._chat, self._board)
        self._admit(wanted.model)
        completion = completed(wanted, self._board)
        if self._board.for_client("client-answer-empty", request.headers):
            completion = replace(completion, tokens=())
        if streamed:
            options = body.get("stream_options")
            include_usage = isinstance(options, dict) and bool(options.get("include_usage"))
            chunks = self._chunks(completion, include_usage=include_usage)
            if self._board.for_client("client-stream-cut", request.headers):
                chunks = without_end(chunks)
            events = spoilt_stream(self._events(chunks), self._board)
            media_type = "text/plain" if self._board.on("stream-plain-text") else "text/event-stream"
            return StreamingResponse(events, media_type=media_type, headers={"cache-control": "no-cache"})
        await wait_for(completion, self._board)
        return JSONResponse(self._whole(completion))

    async def embeddings(self, request: Request) -> Response:
        """Embeddings of one text or of a batch."""
        self._board.requests["embeddings"] += 1
        body = await read_object(request)
        if self._board.on("embedding-anything-taken") and not isinstance(body.get("input"), (str, list)):
            body["input"] = "anything"
        texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
        if body.get("model") not in self._embedding:
            raise Refusal(404, "The model does not exist.", "model_not_found")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise Refusal(400, "`input` must be a string or a list of strings", "invalid_input")
        vectors = [self._vector(text) for text in texts]
        vectors = vectors[::-1] if self._board.on("embedding-batch-reversed") else vectors
        coded = [self._coded(vector, body.get("encoding_format")) for vector in vectors]
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(coded)]
        for item in data if self._board.on("embedding-untyped") else ():
            item.pop("object")
        tokens = sum(map(count_tokens, texts))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": body["model"], "usage": usage})

    def _vector(self, text: str) -> list[float]:
        drift = f" {self._board.requests['embeddings']}" if self._board.on("embedding-drifts") else ""
        scale = 0 if self._board.on("embedding-zero") else 2 if self._board.on("embedding-not-unit") else 1
        vector = embed(text + drift)
        if self._board.on("embedding-short"):
            vector = vector[: len(vector) // 2]
            norm = sum(x * x for x in vector) ** 0.5
            vector = [x / norm for x in vector]
        return [scale * number for number in vector]

    def _coded(self, vector: list[float], encoding: object) -> list[float] | str:
        if encoding != "base64" or self._board.on("embedding-base64-ignored"):
            return vector
        order = ">" if self._board.on("embedding-base64-garbled") else "<"
        return base64.b64encode(struct.pack(f"{order}{len(vector)}f", *vector)).decode()

    def _usage(self, completion: Completion) -> dict[str, int]:
        total = completion.prompt_tokens + completion.completion_tokens
        return {
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
            "total_tokens": total + 7 if self._board.on("usage-wrong") else total,
        }

    def _finish_reason(self, completion: Completion) -> str:
        hidden = {"tool_calls": "tool-finish-stop", "length": "limit-says-stop"}.get(completion.finish_reason, "")
        return "stop" if self._board.on(hidden) else completion.finish_reason

    def _whole(self, completion: Completion) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": completion.text or None}
        if completion.tool_call:
            message["tool_calls"] = [_tool_call(completion.tool_call)]
        choice = {
            "message": message,
            "finish_reason": self._finish_reason(completion),
            "logprobs": _logprobs(completion) if completion.logprobs else None,
        }
        choices = [{"index": i, **choice} for i in range(completion.choices)]
        body = {**_head(completion, "chat.completion"), "choices": choices, "usage": self._usage(completion)}
        return spoilt_whole(body, self._board)

    async def _events(self, chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
        position = 0
        event = ""
        async for chunk in chunks:
            event = _event(spoilt_chunk(chunk, self._board, position))
            position += 1
            yield event
        for last in after_done(event, self._board):
            yield last

    async def _chunks(self, completion: Completion, *, include_usage: bool) -> AsyncIterator[dict[str, Any]]:
        head = _head(completion, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
            choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
            return {**head, "choices": [choice]}

        yield chunk({"role": "assistant", "content": ""})
        position = 0
        async for token in pace(completion, self._board):
            position += 1
            if token and not (position == 2 and self._board.on("drops-chunk")):
                yield chunk({"content": token})
        if completion.tool_call:
            yield chunk({"tool_calls": [{"index": 0, **_tool_call(completion.tool_call)}]})
        for _ in range(2 if self._board.on("finish-reason-twice") else 1):
            yield chunk({}, None if self._board.on("finish-reason-empty") else self._finish_reason(completion))
        if (include_usage or self._board.on("usage-always")) and not self._board.on("usage-never"):
            yield {**head, "choices": [], "usage": self._usage(completion)}


def _head(completion: Completion, kind: str) -> dict[str, Any]:
    return {"id": completion.id, "object": kind, "created": int(time.time()), "model": completion.model}


def _tool_call(call: dict[str, str]) -> dict[str, Any]:
    return {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}


def _logprobs(completion: Completion) -> dict[str, Any]:
    return {"content": [{"token": token, "logprob": -0.25, "top_logprobs": []} for token in completion.tokens]}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
