"""The gateway probe: who really served an answer, told by the gateway and by the provider itself."""

from dataclasses import dataclass

from gonogo.documents import Document, Part
from gonogo.errors import EndpointFailedError
from gonogo.probes.chat import ChatAnswer
from gonogo.probes.http import Http
from gonogo.rules.drift import LoadedModel


@dataclass(frozen=True)
class Served:
    """What the gateway's headers say about an answer (LiteLLM's names; None where a gateway does not tell)."""

    model_group: str | None
    deployment: str | None
    attempted_fallbacks: int | None
    cache_key: str | None

    @property
    def from_cache(self) -> bool:
        """Whether the gateway says that the answer came from its cache."""
        return self.cache_key is not None


def served(answer: ChatAnswer) -> Served:
    """Read the gateway's headers of an answer."""
    headers = answer.http.headers
    fallbacks = headers.get("x-litellm-attempted-fallbacks")
    return Served(
        model_group=headers.get("x-litellm-model-group"),
        deployment=headers.get("x-litellm-model-id"),
        attempted_fallbacks=int(fallbacks) if fallbacks is not None and fallbacks.isdigit() else None,
        cache_key=headers.get("x-litellm-cache-key"),
    )


def deployed_models(http: Http) -> tuple[LoadedModel, ...]:
    """What a LiteLLM gateway says that it has loaded (``/model/info``).

    Raises:
        EndpointFailedError: it refuses, or answers otherwise.
    """
    answer = http.get("/model/info")
    if answer.status != 200:
        raise EndpointFailedError(f"/model/info: HTTP {answer.status} {answer.text[:200]}")
    entries = list(Document("/model/info", answer.json()).root["data"])
    return tuple(_loaded(entry) for entry in entries)


def _loaded(entry: Part) -> LoadedModel:
    parameters = entry["litellm_params"]
    return LoadedModel(entry["model_name"].text(), parameters["model"].text(), parameters["api_base"].text())
