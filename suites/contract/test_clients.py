"""Do the official clients work against it unchanged?"""

from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import NotDeclared
from gonogo.plugin import check
from gonogo.probes.chat import Chat
from gonogo.probes.embeddings import Embedder
from gonogo.probes.ollama import Ollama
from gonogo.rules.completions import is_listed
from gonogo.rules.embeddings import cosine

if TYPE_CHECKING:
    from gonogo.probes.clients import OllamaClient, OpenAiClient

LIMIT = 8


@pytest.fixture
def openai_client(speaker: Chat) -> "OpenAiClient":
    """The `openai` package, pointed at an endpoint."""
    from gonogo.probes.clients import OpenAiClient  # noqa: PLC0415 (two seconds of every start: ADR 12)

    return OpenAiClient(speaker.http)


@pytest.fixture
def embedding_client(embedder: Embedder) -> "OpenAiClient":
    """The `openai` package, pointed at an embedding model's endpoint."""
    from gonogo.probes.clients import OpenAiClient  # noqa: PLC0415 (see openai_client)

    return OpenAiClient(embedder.http)


@pytest.fixture
def ollama_client(ollama: Ollama) -> "OllamaClient":
    """The `ollama` package, pointed at a server."""
    from gonogo.probes.clients import OllamaClient  # noqa: PLC0415 (see openai_client)

    return OllamaClient(ollama.http)


def asking(speaker: Chat, prompt: str) -> dict[str, Any]:
    """The body of a request, with its limit and sampling as the model takes them."""
    messages = [{"role": "user", "content": prompt}]
    return speaker.body({"messages": messages, "max_tokens": LIMIT, "temperature": 0})


@check("contract.clients.openai_whole", severity="critical", covers=["C11"])
def test_clients_openai_whole(openai_client: "OpenAiClient", speaker: Chat, prompt: str) -> None:
    """The openai client reads a completion."""
    assert openai_client.completion(**asking(speaker, prompt)).strip()


@check("contract.clients.openai_streamed", severity="critical", covers=["C11"])
def test_clients_openai_streamed(openai_client: "OpenAiClient", speaker: Chat, prompt: str) -> None:
    """The openai client reads a streamed completion, and why it ended."""
    text, reasons = openai_client.streamed(**asking(speaker, prompt))
    assert (bool(text.strip()), len(reasons)) == (True, 1), f"text {text!r}, finish reasons {reasons}"


@check("contract.clients.openai_models", severity="major", covers=["C11", "C2"])
def test_clients_openai_models(openai_client: "OpenAiClient", speaker: Chat) -> None:
    """The openai client lists the model."""
    listed = openai_client.models()
    assert is_listed(speaker.model.name, listed), f"{speaker.model.name} is not among {listed}"


@check("contract.clients.openai_errors", severity="minor", covers=["C11", "C7"])
def test_clients_openai_errors(openai_client: "OpenAiClient", speaker: Chat, prompt: str) -> None:
    """The openai client tells a model that does not exist by its class of error."""
    error = openai_client.error_of(**{**asking(speaker, prompt), "model": "gonogo-no-such-model"})
    assert error in ("NotFoundError", "BadRequestError", "PermissionDeniedError", "AuthenticationError"), (
        f"the client's error is {error or 'none'}"
    )


@check("contract.clients.openai_embeddings", severity="major", covers=["C11", "C9"])
def test_clients_openai_embeddings(embedding_client: "OpenAiClient", embedder: Embedder) -> None:
    """The openai client reads the vector that the API gives (it asks for base64)."""
    if "base64_embeddings" not in embedder.model.promises:
        raise NotDeclared(f"{embedder.model.name} does not promise base64, which the client asks for")
    text = "garantía de un coche usado"
    read = embedding_client.embedding(embedder.model.name, text)
    alike = cosine(tuple(read), embedder.embed([text])[0])
    assert alike >= 1 - embedder.model.tolerance, f"cosine of the client's vector and the API's: {alike}"


@check("contract.clients.ollama_whole", severity="critical", covers=["C11", "C10"])
def test_clients_ollama_whole(ollama_client: "OllamaClient", ollama: Ollama, prompt: str) -> None:
    """The ollama client reads an answer."""
    assert ollama_client.chat(ollama.model.name, prompt, LIMIT + ollama.model.thinking_tokens).strip()


@check("contract.clients.ollama_streamed", severity="critical", covers=["C11", "C10"])
def test_clients_ollama_streamed(ollama_client: "OllamaClient", ollama: Ollama, prompt: str) -> None:
    """The ollama client reads a streamed answer to its end."""
    text, done = ollama_client.streamed(ollama.model.name, prompt, LIMIT + ollama.model.thinking_tokens)
    assert (bool(text.strip()), done) == (True, True), f"text {text!r}, done {done}"


@check("contract.clients.ollama_models", severity="major", covers=["C11", "C10"])
def test_clients_ollama_models(ollama_client: "OllamaClient", ollama: Ollama) -> None:
    """The ollama client lists the model."""
    listed = ollama_client.models()
    assert is_listed(ollama.model.name, listed), f"{ollama.model.name} is not among {listed}"
