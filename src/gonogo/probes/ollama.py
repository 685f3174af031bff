"""Ollama's native API (https://docs.ollama.com/api): whole and streamed answers of /api."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gonogo.errors import EndpointFailedError
from gonogo.probes.http import Http, HttpAnswer
from gonogo.stream import NdjsonParser, StreamProtocolError
from gonogo.targets.model import ChatModel, Endpoint

_TEXT: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "/api/generate": lambda line: line.get("response"),
    "/api/chat": lambda line: _message(line).get("content"),
}


def _message(line: Mapping[str, Any]) -> Mapping[str, Any]:
    message = line.get("message")
    return message if isinstance(message, dict) else {}


@dataclass(frozen=True)
class OllamaAnswer:
    """An answer of /api/generate or /api/chat."""

    http: HttpAnswer
    lines: tuple[Mapping[str, Any], ...] = field(repr=False)
    """Its JSON objects: one if it was not streamed."""
    text: str

    @property
    def last(self) -> Mapping[str, Any]:
        """The object that ends it; empty if none came."""
        return self.lines[-1] if self.lines else {}

    @property
    def tool_calls(self) -> list[Any]:
        """All tool calls in it."""
        return [call for line in self.lines for call in _message(line).get("tool_calls") or ()]


class Ollama:
    """One model of one Ollama server."""

    def __init__(self, endpoint: Endpoint, model: ChatModel, http: Http) -> None:
        self.endpoint, self.model, self.http = endpoint, model, http

    def generate(self, prompt: str, *, stream: bool = False, **fields: Any) -> OllamaAnswer:  # noqa: ANN401 (any JSON)
        """Complete a prompt.

        Raises:
            EndpointFailedError: no answer, an error status, or one that breaks its format.
        """
        return self._ask("/api/generate", {"prompt": prompt, "stream": stream, **fields})

    def chat(self, prompt: str, *, stream: bool = False, **fields: Any) -> OllamaAnswer:  # noqa: ANN401 (any JSON)
        """Answer one user message.

        Raises:
            EndpointFailedError: no answer, an error status, or one that breaks its format.
        """
        messages: Sequence[Mapping[str, Any]] = [{"role": "user", "content": prompt}]
        return self._ask("/api/chat", {"messages": messages, "stream": stream, **fields})

    def _ask(self, path: str, body: Mapping[str, Any]) -> OllamaAnswer:
        options = {"temperature": 0, "num_predict": 12, **body.get("options", {})}
        http = self.http.post(path, {"model": self.model.name, **body, "options": options})
        if http.status != 200:
            raise EndpointFailedError(f"{path}: HTTP {http.status}: {http.text[:200]}")
        parser = NdjsonParser()
        try:
            lines = [*parser.feed(http.body), *parser.finish()]
        except StreamProtocolError as error:
            raise EndpointFailedError(f"{path}: {error}") from error
        if not all(isinstance(line, dict) for line in lines):
            raise EndpointFailedError(f"{path}: a line is not a JSON object")
        last: Mapping[str, Any] = lines[-1] if lines else {}
        counts = [last.get(key) for key in ("prompt_eval_count", "eval_count")]
        self.http.spend_tokens(sum(count for count in counts if isinstance(count, int)))
        return OllamaAnswer(http, tuple(lines), "".join(_TEXT[path](line) or "" for line in lines))
