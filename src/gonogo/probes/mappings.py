"""The provider registry and the model mappings as facts."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from gonogo.documents import Document
from gonogo.errors import EndpointFailedError


@dataclass(frozen=True)
class Mappings:
    """Which model is served by which provider."""

    active: frozenset[str]
    inactive: frozenset[str]
    models: tuple[tuple[str, str], ...]
    """(model name, provider name) in the order of the file."""

    def disagreements(self) -> list[str]:
        """Where the two files contradict each other."""
        mapped = {provider for _, provider in self.models}
        unmapped = [f"active provider {name} is not mapped" for name in sorted(self.active - mapped)]
        wrong = [
            f"model {model}: {'inactive' if provider in self.inactive else 'unknown'} provider {provider}"
            for model, provider in self.models
            if provider not in self.active
        ]
        names = Counter(model for model, _ in self.models)
        return unmapped + wrong + [f"model name {name} stands {n} times" for name, n in names.items() if n > 1]


def read_mappings(providers: Document, mappings: Document) -> Mappings:
    """Read both files.

    Raises:
        EndpointFailedError: one of them is not of its form.
    """
    try:
        listed: list[dict[str, Any]] = providers.value["providers"]
        return Mappings(
            active=frozenset(item["name"] for item in listed if item.get("active", True)),
            inactive=frozenset(item["name"] for item in listed if not item.get("active", True)),
            models=tuple((item["name"], item["provider"]) for item in mappings.value["models"]),
        )
    except (KeyError, TypeError) as error:
        names = f"{providers.file}, {mappings.file}"
        raise EndpointFailedError(f"{names}: not a provider registry and model mappings: {error!r}") from error
