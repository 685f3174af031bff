"""The Ollama dialect: the native API with NDJSON streams (the compatible ``/v1`` comes from `openai`)."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from embedded.provider.instance import UnsupportedSchemaError
from embedded.provider.script import Completion, ContextExceededError, complete, embed
from embedded.provider.switchboard import ProviderSwitchboard
from embedded.provider.wire import Refusal, chat_request, misbehave, pace, read_object

CREATED_AT = "2026-01-01T00:00:00Z"


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

    async def tags(self, _: Request) -> Response:
        """The local models."""
        names = [] if self._board.on("model-list-empty") else sorted(self._chat | self._embedding)
        return JSONResponse({"models": [{"name": name, "model": name, "modified_at": CREATED_AT} for name in names]})

    async def show(self, request: Request) -> Response:
        """Details of one model."""
        body = await read_object(request)
        if body.get("model", body.get("name")) not in self._chat | self._embedding:
            raise Refusal(404, "model not found", "model_not_found")
        return JSONResponse({"details": {"family": "scripted"}, "model_info": {}, "capabilities": ["completion"]})

    async def generate(self, request: Request) -> Response:
        """A completion of one prompt."""
        body = await read_object(request)
        if not isinstance(body.get("prompt"), str):
            raise Refusal(400, "`prompt` must be a string", "invalid_prompt")
        return await self._answer({**body, "messages": [{"role": "user", "content": body["prompt"]}]}, "generate")

    async def chat(self, request: Request) -> Response:
        """A chat completion."""
        return await self._answer(await read_object(request), "chat")

    async def embed(self, request: Request) -> Response:
        """Embeddings of one text or of a batch."""
        body = await read_object(request)
        texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise Refusal(400, "`input` must be a string or a list of strings", "invalid_input")
        return JSONResponse({"model": self._embedder(body), "embeddings": [embed(text) for text in texts]})

    async def embeddings(self, request: Request) -> Response:
        """The embedding of one prompt (the older form)."""
        body = await read_object(request)
        self._embedder(body)
        if not isinstance(body.get("prompt"), str):
            raise Refusal(400, "`prompt` must be a string", "invalid_prompt")
        return JSONResponse({"embedding": embed(body["prompt"])})

    def _embedder(self, body: dict[str, Any]) -> str:
        self._board.requests["embeddings"] += 1
        if body.get("model") not in self._embedding:
            raise Refusal(404, "model not found", "model_not_found")
        return str(body["model"])

    async def _answer(self, body: dict[str, Any], kind: str) -> Response:
        self._board.requests["completions"] += 1
        options = body.get("options") or {}
        format_ = body.get("format")
        wanted = chat_request({
            **body,
            "max_tokens": options.get("num_predict"),
            "stop": options.get("stop"),
            "response_format": _response_format(format_),
        }, self._chat, self._board)  # fmt: skip
        await misbehave(self._board)
        try:
            completion = complete(wanted)
        except (ContextExceededError, UnsupportedSchemaError) as error:
            raise Refusal(400, str(error), "refused") from error
        lines = self._lines(completion, kind)
        if body.get("stream", True):
            return StreamingResponse(
                (json.dumps(line) + "\n" async for line in lines), media_type="application/x-ndjson"
            )
        *_, last = [line async for line in lines]
        text = completion.text
        return JSONResponse(last | (_content(kind, text)))

    async def _lines(self, completion: Completion, kind: str) -> AsyncIterator[dict[str, Any]]:
        head = {"model": completion.model, "created_at": CREATED_AT}
        started = time.monotonic_ns()
        position = 0
        async for token in pace(completion, self._board):
            position += 1
            if not (position == 2 and self._board.on("drops-chunk")):
                yield {**head, **_content(kind, token), "done": False}
        if self._board.on("stream-without-done"):
            return
        duration = time.monotonic_ns() - started
        yield {
            **head,
            **_content(kind, ""),
            "done": True,
            "done_reason": completion.finish_reason,
            "total_duration": duration,
            "load_duration": 0,
            "prompt_eval_count": completion.prompt_tokens,
            "prompt_eval_duration": duration // 10,
            "eval_count": completion.completion_tokens,
            "eval_duration": duration,
        }


def _content(kind: str, text: str) -> dict[str, Any]:
    return {"response": text} if kind == "generate" else {"message": {"role": "assistant", "content": text}}


def _response_format(wanted: object) -> dict[str, Any]:
    """Ollama's `format`: the word json, or a JSON Schema itself."""
    if wanted == "json":
        return {"type": "json_object"}
    if isinstance(wanted, dict):
        return {"type": "json_schema", "json_schema": {"name": "format", "schema": wanted}}
    return {}
