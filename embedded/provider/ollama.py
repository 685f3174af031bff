"""The Ollama dialect: the native API with NDJSON streams (the compatible ``/v1`` comes from `openai`)."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from embedded.provider.deviations import without_end
from embedded.provider.requests import Refusal, chat_request, read_object
from embedded.provider.script import Completion, embed
from embedded.provider.switchboard import ProviderSwitchboard
from embedded.provider.wire import completed, pace

Body = dict[str, Any]
_DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


def _now() -> str:
    return datetime.now(UTC).isoformat()


class OllamaDialect:
    """Handlers of ``/api``."""

    def __init__(
        self, chat_models: frozenset[str], embedding_models: frozenset[str], board: ProviderSwitchboard
    ) -> None:
        self._chat, self._embedding, self._board = chat_models, embedding_models, board

    def routes(self) -> list[Route]:
        """The routes of this dialect."""
        return [
            Route("/", self.root),
            Route("/api/version", self.version),
            Route("/api/tags", self.tags),
            Route("/api/show", self.show, methods=["POST"]),
            Route("/api/generate", self.generate, methods=["POST"]),
            Route("/api/chat", self.chat, methods=["POST"]),
            Route("/api/embed", self.embed, methods=["POST"]),
            Route("/api/embeddings", self.embeddings, methods=["POST"]),
        ]

    async def root(self, _: Request) -> Response:
        """What Ollama says at its root, also while no model works."""
        return Response("Ollama is running", media_type="text/plain")

    async def version(self, _: Request) -> Response:
        """The version of the API that is spoken."""
        return JSONResponse({"version": "0.13.0"})

    async def tags(self, request: Request) -> Response:
        """The local models."""
        is_empty = self._board.for_client("model-list-empty", request.headers)
        names = [] if is_empty else sorted(self._chat | self._embedding)
        return JSONResponse({"models": [{"name": name, "model": name, "modified_at": _now()} for name in names]})

    async def show(self, request: Request) -> Response:
        """Details of one model."""
        body = await read_object(request)
        name = body.get("model", body.get("name"))
        self._must_exist(name, self._chat | self._embedding)
        capabilities = ["completion", "tools"] if name in self._chat else ["embedding"]
        capabilities = [] if self._board.on("ollama-show-nothing") else capabilities
        return JSONResponse({"details": {"family": "scripted"}, "model_info": {}, "capabilities": capabilities})

    async def generate(self, request: Request) -> Response:
        """A completion of one prompt."""
        body = await read_object(request)
        self._must_exist(body.get("model"), self._chat)
        if not isinstance(body.get("prompt"), str):
            raise Refusal(400, "`prompt` must be a string", "invalid_prompt")
        return await self._answer(
            {**body, "messages": [{"role": "user", "content": body["prompt"]}]}, "generate", request
        )

    async def chat(self, request: Request) -> Response:
        """A chat completion."""
        body = await read_object(request)
        self._must_exist(body.get("model"), self._chat)
        return await self._answer(body, "chat", request)

    async def embed(self, request: Request) -> Response:
        """Embeddings of one text or of a batch."""
        body = await read_object(request)
        model = self._embedder(body)
        texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise Refusal(400, "`input` must be a string or a list of strings", "invalid_input")
        prefix = "search: " if self._board.on("ollama-embed-differs") else ""
        vectors: list[Any] = [embed(prefix + text) for text in texts]
        vectors = vectors[:1] if self._board.on("ollama-embed-one") else vectors
        return JSONResponse(
            {"model": model, "embeddings": vectors[0] if self._board.on("ollama-embed-flat") else vectors}
        )

    async def embeddings(self, request: Request) -> Response:
        """The embedding of one prompt (the older form)."""
        body = await read_object(request)
        self._embedder(body)
        if not isinstance(body.get("prompt"), str):
            raise Refusal(400, "`prompt` must be a string", "invalid_prompt")
        return JSONResponse({"embedding": embed(body["prompt"])})

    def _must_exist(self, name: object, known: frozenset[str]) -> None:
        if not isinstance(name, str) or not name:
            raise Refusal(400, "model is required", "invalid_model")
        if name not in known:
            raise Refusal(404, f"model '{name[:200]}' not found", "model_not_found")

    def _embedder(self, body: Body) -> str:
        self._board.requests["embeddings"] += 1
        self._must_exist(body.get("model"), self._embedding)
        return str(body["model"])

    async def _answer(self, body: Body, kind: str, request: Request) -> Response:
        self._board.requests["completions"] += 1
        wanted = chat_request(self._compatible(body), self._chat, self._board)
        completion = completed(wanted, self._board)
        if self._board.for_client("client-answer-empty", request.headers):
            completion = replace(completion, tokens=())
        lines = self._lines(completion, kind)
        if body.get("stream", True):
            event_stream = self._board.on("ollama-event-stream")
            if self._board.for_client("client-stream-cut", request.headers):
                lines = without_end(lines)
            media_type = "text/event-stream" if event_stream else "application/x-ndjson"
            return StreamingResponse((json.dumps(line) + "\n" async for line in lines), media_type=media_type)
        *_, last = [line async for line in lines]
        whole = self._last(completion, kind, completion.text, completion.tool_call)
        return JSONResponse({**last, **whole})

    def _compatible(self, body: Body) -> Body:
        """The request as the other dialect has it."""
        options = body.get("options") or {}
        board, format_ = self._board, body.get("format")
        messages = body.get("messages")
        if board.on("ollama-native-differs") and isinstance(messages, list):
            messages = [*messages, {"role": "user", "content": "Sé breve."}]
        return {
            "model": body.get("model"),
            "messages": messages,
            "tools": None if board.on("ollama-tools-ignored") else body.get("tools"),
            "max_tokens": None if board.on("ollama-limit-ignored") else options.get("num_predict"),
            "stop": options.get("stop"),
            "response_format": {} if board.on("ollama-format-ignored") else _response_format(format_),
        }

    async def _lines(self, completion: Completion, kind: str) -> AsyncIterator[Body]:
        head = {"model": completion.model, "created_at": _now()}
        started = time.monotonic_ns()
        position = 0
        async for token in pace(completion, self._board):
            position += 1
            if not (position == 2 and self._board.on("drops-chunk")):
                done = position == 1 and self._board.on("ollama-done-early")
                yield {**head, **_content(kind, token), "done": done}
        if completion.tool_call:
            yield {**head, **_content(kind, "", completion.tool_call), "done": False}
        if self._board.on("stream-without-done"):
            return
        total = time.monotonic_ns() - started
        yield {**head, **self._last(completion, kind, ""), **self._durations(total)}

    def _last(self, completion: Completion, kind: str, text: str, call: dict[str, str] | None = None) -> Body:
        """What ends an answer: its content (all of it, if it was not streamed) and its figures."""
        content = _content(kind, text, call)
        if self._board.on("ollama-message-text") and "message" in content:
            content["message"] = text
        if self._board.on("ollama-response-missing"):
            content.pop("response", None)
        return {
            **content,
            "done": True,
            "done_reason": "stop" if completion.tool_call else completion.finish_reason,
            "prompt_eval_count": completion.prompt_tokens,
            "eval_count": completion.completion_tokens,
        }

    def _durations(self, total: int) -> Body:
        if self._board.on("ollama-durations-missing"):
            return {}
        scale = 1000 if self._board.on("ollama-durations-wrong") else 1
        parts = (total, 0, total // 10, total - total // 10)
        return {name: value * scale for name, value in zip(_DURATIONS, parts, strict=True)}


def _content(kind: str, text: str, call: dict[str, str] | None = None) -> Body:
    if kind == "generate":
        return {"response": text}
    message: Body = {"role": "assistant", "content": text}
    if call is not None:  # natively the arguments are an object
        message["tool_calls"] = [{"function": {"name": call["name"], "arguments": json.loads(call["arguments"])}}]
    return {"message": message}


def _response_format(wanted: object) -> Body:
    """Ollama's `format`: the word json, or a JSON Schema itself."""
    if wanted == "json":
        return {"type": "json_object"}
    if isinstance(wanted, dict):
        return {"type": "json_schema", "json_schema": {"name": "format", "schema": wanted}}
    return {}
