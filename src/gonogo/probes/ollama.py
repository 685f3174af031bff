"""Ollama's native API (https://docs.ollama.com/api): whole and streamed answers of /api."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.errors import EndpointFailedError
from gonogo.probes.http import Http, HttpAnswer
from gonogo.rules.reading import mapping, objects
from gonogo.stream import NdjsonParser, StreamProtocolError
from gonogo.targets.endpoints import ChatModel, Endpoint


def _text(line: Mapping[str, Any]) -> str:
    """The piece of text in a line of either call."""
    piece = line.get("response", mapping(line.get("message")).get("content"))
    return piece if isinstance(piece, str) else ""


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
        return [call for line in self.lines for call in objects(mapping(line.get("message")).get("tool_calls"))]


class Ollama:
    """One model of one Ollama server."""

    def __init__(self, endpoint: Endpoint, model: ChatModel, http: Http) -> None:
        self.endpoint, self.model, self.http = endpoint, model, http

    def generate(self, prompt: str, *, stream: bool = False, **fields: Any) -> OllamaAnswer:  # noqa: ANN401 (any JSON)
        """Complete a prompt.

        Raises:
            EndpointFailedError: no answer, an error status, or one that breaks its format.
        """
        return _answered(self._ask("/api/generate", {"prompt": prompt, "stream": stream, **fields}))

    def chat(self, prompt: str, *, stream: bool = False, **fields: Any) -> OllamaAnswer:  # noqa: ANN401 (any JSON)
        """Answer one user message.

        Raises:
            EndpointFailedError: no answer, an error status, or one that breaks its format.
        """
        return _answered(self.try_chat(prompt, stream=stream, **fields))

    def try_chat(self, prompt: str, *, stream: bool = False, **fields: Any) -> OllamaAnswer:  # noqa: ANN401 (any JSON)
        """Like `chat`, where an error status is an answer, without lines.

        Raises:
            EndpointFailedError: no answer, or one that breaks its format.
        """
        messages = [{"role": "user", "content": prompt}]
        return self._ask("/api/chat", {"messages": messages, "stream": stream, **fields})

    def _ask(self, path: str, body: Mapping[str, Any]) -> OllamaAnswer:
        options = {"temperature": 0, "num_predict": 12, **body.get("options", {})}
        http = self.http.post(path, {"model": self.model.name, **body, "options": options})
        lines = _lines(path, http) if http.status == 200 else []
        last: Mapping[str, Any] = lines[-1] if lines else {}
        counts = [last.get(key) for key in ("prompt_eval_count", "eval_count")]
        self.http.spend_tokens(sum(count for count in counts if isinstance(count, int)))
        return OllamaAnswer(http, tuple(lines), "".join(map(_text, lines)))


def _answered(answer: OllamaAnswer) -> OllamaAnswer:
    if answer.http.status != 200:
        raise EndpointFailedError(f"Ollama answered HTTP {answer.http.status}: {answer.http.text[:200]}")
    return answer


def _lines(path: str, http: HttpAnswer) -> list[Mapping[str, Any]]:
    parser = NdjsonParser()
    try:
        lines = [*parser.feed(http.body), *parser.finish()]
    except StreamProtocolError as error:
        raise EndpointFailedError(f"{path}: {error}") from error
    if not all(isinstance(line, dict) for line in lines):
        raise EndpointFailedError(f"{path}: a line is not a JSON object")
    return lines
