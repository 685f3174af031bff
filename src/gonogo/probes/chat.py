"""The chat probe: completions of an OpenAI-compatible endpoint, whole or streamed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gonogo.errors import EndpointFailedError
from gonogo.model import Observation
from gonogo.probes.http import Http, HttpAnswer
from gonogo.probes.patience import patiently
from gonogo.rules.completions import choices_of, finish_reasons_of, text_of, tokens_told
from gonogo.rules.reading import json_value, mapping, objects
from gonogo.stream import ChatStream, SseParser, StreamProtocolError
from gonogo.targets.endpoints import ChatModel, Endpoint


@dataclass(frozen=True)
class ChatAnswer:
    """A completion, however it came."""

    http: HttpAnswer
    text: str
    finish_reasons: tuple[str, ...]
    done: bool
    """Streamed: the done marker came. Whole: always true."""
    usage: Mapping[str, Any] | None
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Whole answers: the JSON body."""
    chunks: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """Streamed answers: the JSON chunks."""
    content_ms: tuple[float, ...] = field(default=(), repr=False)
    """Streamed answers: arrival of each content-bearing chunk, milliseconds after sending."""
    late_events: int = 0
    """Streamed answers: events after the done marker."""
    error: Any = None

    @property
    def thought(self) -> bool:
        """Whether it reasoned, in a field beside its text."""
        choices = [choice for body in (self.body, *self.chunks) for choice in choices_of(body)]
        messages = [mapping(choice.get(name)) for choice in choices for name in ("message", "delta")]
        return any(message.get(name) for message in messages for name in ("reasoning_content", "reasoning"))

    @property
    def is_empty(self) -> bool:
        """Whether it neither says anything nor has begun to reason."""
        return not self.text.strip() and not self.thought

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.http.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers."""
        return self.http.headers


_CHARACTERS_A_TOKEN = 4
"""A usual mean, for answers that do not tell their usage."""


def _tokens_of(answer: ChatAnswer, body: Mapping[str, Any]) -> int:
    """What an answer cost: its usage where it is told, else an estimate."""
    if (told := tokens_told(answer.usage)) is not None:
        return told
    return (len(str(body["messages"])) + len(answer.text)) // _CHARACTERS_A_TOKEN


def listed_models(http: Http) -> tuple[str, ...]:
    """The ids that an endpoint's model list holds.

    Raises:
        EndpointFailedError: the list is not of the API's form.
        InconclusiveError: the endpoint goes on to answer 429.
    """
    answer = http.patient().get("/v1/models")
    data = mapping(answer.json()).get("data")
    if answer.status != 200 or not isinstance(data, list):
        raise EndpointFailedError(f"/v1/models: HTTP {answer.status} without a list under `data`")
    return tuple(str(item.get("id")) for item in objects(data))


def _json_or_nothing(text: str) -> Any:  # noqa: ANN401 (any JSON)
    """An error's body, which a proxy may have written in its own form."""
    try:
        return json_value(text)
    except ValueError:
        return None


def _as_streamed(url: str, http: HttpAnswer, seen: ChatStream) -> Observation:
    """The timing of a stream as it arrived."""
    gaps = [later - earlier for earlier, later in pairwise(seen.content_ms)]
    told: dict[str, Any] = {
        "chunks": len(seen.chunks),
        "content_chunks": len(seen.content_ms),
        "first_content_ms": round(seen.content_ms[0], 3) if seen.content_ms else None,
        "longest_gap_ms": round(max(gaps), 3) if gaps else None,
        "done": seen.done,
        "finish_reasons": seen.finish_reasons,
    }
    return Observation("stream", f"stream of {url}", round(http.duration_ms, 3), answer=told)


class Chat:
    """Chat completions of one model at one endpoint."""

    def __init__(self, endpoint: Endpoint, model: ChatModel, http: Http) -> None:
        self.endpoint, self.model, self.http = endpoint, model, http

    def ask(self, prompt: str | Sequence[Mapping[str, Any]], *, stream: bool = False, **parameters: Any) -> ChatAnswer:  # noqa: ANN401
        """Ask for a completion; `parameters` go into the request's body.

        A 429 on a model that is not kept for the limit check is waited out, as a polite client would.

        Raises:
            EndpointFailedError: no answer, or one that breaks its format. An HTTP error status is an answer.
            InconclusiveError: the endpoint goes on to answer 429.
            BudgetExhaustedError: the run's budget of tokens is used up.
        """
        if self.model.rpm is not None:
            return self.try_once(prompt, stream=stream, **parameters)
        return patiently(
            lambda: self.try_once(prompt, stream=stream, **parameters), self.endpoint.name, self.http.remaining_s
        )

    def try_once(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        stream: bool = False,
        **parameters: Any,  # noqa: ANN401
    ) -> ChatAnswer:
        """Like `ask`, but a 429 is an answer as well.

        Raises:
            EndpointFailedError: no answer, or one that breaks its format.
            BudgetExhaustedError: the run's budget of tokens is used up.
        """
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        body = self.body({"messages": messages, "temperature": 0, "max_tokens": 48, **parameters})
        answer = self._ask_streamed(body) if stream else self._ask_whole(body)
        self.http.spend_tokens(_tokens_of(answer, body))
        return answer

    def limit(self, tokens: int) -> int:
        """How many tokens an answer may have when so many were asked for."""
        return tokens + self.model.thinking_tokens

    def body(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """A request's body, with its limit and sampling as this model takes them."""
        body = {"model": self.model.name, **parameters}
        if self.model.fixed_sampling:
            body.pop("temperature", None)
        limit = body.pop("max_tokens", None)
        return body if limit is None else {**body, self.model.limit_field: self.limit(limit)}

    def answered(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        stream: bool = False,
        **parameters: Any,  # noqa: ANN401
    ) -> ChatAnswer:
        """Like `ask`, where an HTTP error status is a failure.

        Raises:
            EndpointFailedError: also for an HTTP error status.
        """
        answer = self.ask(prompt, stream=stream, **parameters)
        if answer.status != 200:
            raise EndpointFailedError(f"a completion was answered with HTTP {answer.status}: {answer.http.text[:200]}")
        return answer

    def complete(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        stream: bool = False,
        **parameters: Any,  # noqa: ANN401
    ) -> ChatAnswer:
        """Like `ask`, where anything but a completion is a failure.

        Raises:
            EndpointFailedError: also for an HTTP error status, or an error within the stream.
        """
        answer = self.answered(prompt, stream=stream, **parameters)
        if answer.error is not None:
            raise EndpointFailedError(f"HTTP 200 with an error inside: {str(answer.error)[:200]}")
        return answer

    def _ask_whole(self, body: Mapping[str, Any]) -> ChatAnswer:
        http = self.http.post("/v1/chat/completions", body)
        parsed = mapping(http.json() if http.status == 200 else _json_or_nothing(http.text))
        return ChatAnswer(
            http=http,
            text="".join(map(text_of, choices_of(parsed))),
            finish_reasons=finish_reasons_of(parsed),
            done=True,
            usage=mapping(parsed.get("usage")) or None,
            body=parsed,
            error=parsed.get("error"),
        )

    def _ask_streamed(self, body: Mapping[str, Any]) -> ChatAnswer:
        parser, seen = SseParser(), ChatStream()
        broken: list[StreamProtocolError] = []

        def read(chunk: bytes, at_ms: float) -> None:
            if broken:
                return
            try:
                for event in parser.feed(chunk):
                    seen.take(event.data, at_ms)
            except StreamProtocolError as error:
                broken.append(error)

        http = self.http.post("/v1/chat/completions", {**body, "stream": True}, read)
        if not broken:
            try:
                parser.finish()
            except StreamProtocolError as error:
                broken.append(error)
        if http.status == 200:
            self.http.note(_as_streamed(self.endpoint.url, http, seen))
        if broken and http.status == 200:
            raise EndpointFailedError(str(broken[0])) from broken[0]
        return ChatAnswer(
            http=http,
            text=seen.text,
            finish_reasons=tuple(seen.finish_reasons),
            done=seen.done,
            usage=seen.usage,
            chunks=tuple(seen.chunks),
            content_ms=tuple(seen.content_ms),
            late_events=seen.late_events,
            error=seen.error,
        )
