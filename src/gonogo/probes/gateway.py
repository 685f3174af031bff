"""The gateway probe: who really served an answer, told by the gateway."""

from dataclasses import dataclass

from gonogo.documents import Document, Part
from gonogo.errors import EndpointFailedError
from gonogo.probes.chat import ChatAnswer
from gonogo.probes.http import Http
from gonogo.rules.drift import LoadedModel
from gonogo.targets.endpoints import Endpoint


@dataclass(frozen=True)
class Served:
    """What a gateway's headers say about an answer; None where they do not tell."""

    model: str | None
    """The model of the chain that answered."""
    deployment: str | None
    fallbacks: int | None
    """How many fallbacks were asked."""
    cache: str | None

    @property
    def from_cache(self) -> bool:
        """Whether the gateway says that the answer came from its cache."""
        return (self.cache or "miss").lower() not in _NO_HIT


_NO_HIT = ("miss", "bypass", "expired", "none", "false")
"""What gateways say in their cache header of an answer that the cache did not give (nginx: $upstream_cache_status)."""


def served(gateway: Endpoint, answer: ChatAnswer) -> Served:
    """Read the gateway's headers of an answer."""
    names, headers = gateway.answer_headers, answer.http.headers
    fallbacks = headers.get(names.fallbacks, "")
    return Served(
        model=headers.get(names.model),
        deployment=headers.get(names.deployment),
        fallbacks=int(fallbacks) if fallbacks.isdecimal() else None,
        cache=headers.get(names.cache),
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
