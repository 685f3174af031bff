"""The official clients of OpenAI and Ollama, unchanged, over our own transport: so that what they send is recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import ollama
import openai

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.http import Http

_SET_BY_TRANSPORT = {"accept-encoding", "authorization", "connection", "content-length", "host"}
_LIBRARY_ERRORS = (
    openai.OpenAIError,
    ollama.ResponseError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    httpx.HTTPError,
)


class _Transport(httpx.BaseTransport):
    """Sends what a client library sends through the HTTP probe, which records it and minds the budget."""

    def __init__(self, http: Http) -> None:
        self._http = http.patient()
        self._prefix = httpx.URL(http.base_url).raw_path.decode().rstrip("/")
        """The path of the server's own address, which the probe adds again."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the answer is read to its end before the library sees it."""
        headers = {name: value for name, value in request.headers.items() if name not in _SET_BY_TRANSPORT}
        path = request.url.raw_path.decode().removeprefix(self._prefix)
        answer = self._http.send(request.method, path, request.read() or None, headers)
        self._http.spend_told(answer)
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("content-encoding", "transfer-encoding", "content-length")
        }
        return httpx.Response(answer.status, headers=kept, content=answer.body)


@contextmanager
def _translated(library: str) -> Iterator[None]:
    """What a library raises, as what it means for the verdict.

    Raises:
        EndpointFailedError: the library could not work with the answer.
        InconclusiveError: the request could not leave this machine, or the budget is used up.
    """
    try:
        yield
    except _LIBRARY_ERRORS as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, (EndpointFailedError, InconclusiveError)):
                raise cause from error
            cause = cause.__cause__
        raise EndpointFailedError(f"the {library} client: {type(error).__name__}: {str(error)[:300]}") from error


class OpenAiClient:
    """The `openai` package."""

    def __init__(self, http: Http) -> None:
        transport = httpx.Client(transport=_Transport(http))
        self._client = openai.OpenAI(
            api_key="set-by-the-probe", base_url=f"{http.base_url}/v1", http_client=transport, max_retries=0
        )

    def completion(self, **body: Any) -> str:  # noqa: ANN401 (any JSON)
        """What a whole completion says: its text, or where there is none yet its reasoning.

        Args:
            body: the request's, as `gonogo.probes.chat.Chat.body` makes it.

        Raises:
            EndpointFailedError: the library could not work with the answer.
        """
        with _translated("openai"):
            return _said(self._client.chat.completions.create(**body).choices[0].message)

    def streamed(self, **body: Any) -> tuple[str, list[str]]:  # noqa: ANN401 (any JSON)
        """What a streamed completion says, as `completion` has it, and why it ended.

        Raises:
            EndpointFailedError: the library could not work with the answer.
        """
        with _translated("openai"):
            stream = self._client.chat.completions.create(**body, stream=True)
            choices = [choice for chunk in stream for choice in chunk.choices]
        text = "".join(_said(choice.delta) for choice in choices)
        return text, [choice.finish_reason for choice in choices if choice.finish_reason]

    def models(self) -> list[str]:
        """The ids of the model list.

        Raises:
            EndpointFailedError: the library could not work with the answer.
        """
        with _translated("openai"):
            return [model.id for model in self._client.models.list()]

    def error_of(self, **body: Any) -> str:  # noqa: ANN401 (any JSON)
        """The library's class of error for a completion of a model that does not exist; empty if it was answered.

        Raises:
            EndpointFailedError: it failed otherwise than by an HTTP status.
        """
        try:
            self.completion(**body)
        except EndpointFailedError as error:
            if isinstance(error.__cause__, openai.APIStatusError):
                return type(error.__cause__).__name__
            raise
        return ""

    def embedding(self, model: str, text: str) -> list[float]:
        """A vector, in the encoding that the library asks for by itself (base64).

        Raises:
            EndpointFailedError: the library could not work with the answer.
        """
        with _translated("openai"):
            return list(self._client.embeddings.create(model=model, input=text).data[0].embedding)


def _said(part: Any) -> str:  # noqa: ANN401 (a message or a delta of the library)
    """Text, or the reasoning before it, which the library does not know and keeps all the same."""
    more = part.model_extra or {}
    return str(part.content or more.get("reasoning_content") or more.get("reasoning") or "")


class OllamaClient:
    """The `ollama` package."""

    def __init__(self, http: Http) -> None:
        self._client = ollama.Client(host=http.base_url, transport=_Transport(http))

    def models(self) -> list[str]:
        """The names of the local models.

        Raises:
            EndpointFailedError: the library could not work with the answer.
        """
        with _translated("ollama"):
            return [str(model.model) for model in self._client.list().models]

    def chat(self, model: str, prompt: str, limit: int) -> str:
        """The text of a whole answer.

        Raises:
            EndpointFailedError: the library could not work with the answer.
        """
        with _translated("ollama"):
            answer = self._client.chat(
                model, [{"role": "user", "content": prompt}], options={"temperature": 0, "num_predict": limit}
            )
            return answer.message.content or answer.message.thinking or ""

    def streamed(self, model: str, prompt: str, limit: int) -> tuple[str, bool]:
        """The text of a streamed answer, and whether its last piece says that it is done.

        Raises:
            EndpointFailedError: the library could not work with the answer.
        """
        messages = [{"role": "user", "content": prompt}]
        with _translated("ollama"):
            options = {"temperature": 0, "num_predict": limit}
            pieces = list(self._client.chat(model, messages, stream=True, options=options))
        text = "".join(piece.message.content or piece.message.thinking or "" for piece in pieces)
        return text, bool(pieces and pieces[-1].done)
