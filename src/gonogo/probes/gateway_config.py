"""A LiteLLM configuration file as facts: its names, its fallback graph, its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.documents import Document

_FALLBACK_LISTS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


@dataclass(frozen=True)
class GatewayConfig:
    """The facts of one file."""

    models: tuple[str, ...]
    """Public model names, one for each deployment (so a pool's name stands several times)."""
    fallbacks: Mapping[str, tuple[str, ...]]
    """All chains by their first link, those of every kind joined."""
    without_rpm: tuple[str, ...]
    without_tpm: tuple[str, ...]

    def dangling_links(self) -> list[str]:
        """Chains whose first link or a later one is no model of this file."""
        known = {*self.models, "*"}
        links = [(start, link) for start, chain in self.fallbacks.items() for link in (start, *chain)]
        return sorted({f"{start} → {link}" for start, link in links if link not in known})

    def cycles(self) -> list[str]:
        """Every cycle of the fallback graph once, as a path: ``a → b → a``."""
        found: dict[frozenset[str], str] = {}
        for start in self.fallbacks:
            self._walk(start, (start,), found)
        return sorted(found.values())

    def _walk(self, name: str, path: tuple[str, ...], found: dict[frozenset[str], str]) -> None:
        for link in self.fallbacks.get(name, ()):
            if link in path:
                cycle = path[path.index(link) :]
                found.setdefault(frozenset(cycle), " → ".join([*cycle, link]))
            else:
                self._walk(link, (*path, link), found)


def read_gateway_config(document: Document) -> GatewayConfig:
    """The facts of a LiteLLM configuration; parts of the wrong type count as absent (the schema check names them)."""
    value = _mapping(document.value)
    entries = [_mapping(entry) for entry in _sequence(value.get("model_list"))]
    parameters = [(str(entry.get("model_name")), _mapping(entry.get("litellm_params"))) for entry in entries]
    return GatewayConfig(
        models=tuple(name for name, _ in parameters),
        fallbacks=_fallbacks(value),
        without_rpm=tuple(name for name, given in parameters if "rpm" not in given),
        without_tpm=tuple(name for name, given in parameters if "tpm" not in given),
    )


def _fallbacks(value: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    chains: dict[str, tuple[str, ...]] = {}
    for section in ("router_settings", "litellm_settings"):
        settings = _mapping(value.get(section))
        for kind in _FALLBACK_LISTS:
            for item in _sequence(settings.get(kind)):
                for start, links in _mapping(item).items():
                    chains[start] = (*chains.get(start, ()), *map(str, _sequence(links)))
    return chains


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
