"""The gateway probe: who really served an answer, told by the gateway and by the provider itself."""

from dataclasses import dataclass

from gonogo.probes.chat import ChatAnswer


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
