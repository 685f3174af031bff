"""The provider registry and the model mappings: they agree, names are unique, no pattern is dead."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from gonogo.documents import Document, Part, Problems, did_you_mean
from gonogo.rules.patterns import compile_error, covered


@dataclass(frozen=True)
class Mappings:
    """Which model is served by which provider."""

    registry: Document
    mappings: Document

    @cached_property
    def providers(self) -> dict[str, Part]:
        """The registered providers by name."""
        return {part["name"].text(): part for part in self.registry.root["providers"]}

    @cached_property
    def models(self) -> list[Part]:
        """The exact matches."""
        return list(self.mappings.root["models"])

    @cached_property
    def pools(self) -> dict[str, list[Part]]:
        """The exact matches by public name: several where providers share it, each with its weight."""
        pools: dict[str, list[Part]] = {}
        for part in self.models:
            pools.setdefault(part["name"].text(), []).append(part)
        return pools

    @cached_property
    def by_name(self) -> dict[str, Part]:
        """The first exact match of each public name."""
        return {name: parts[0] for name, parts in self.pools.items()}

    @property
    def patterns(self) -> list[Part]:
        """The patterns, in the order in which they are asked."""
        return list(self.mappings.root["patterns"])

    def is_active(self, provider: str) -> bool:
        """Whether a provider is registered and switched on."""
        return provider in self.providers and self.providers[provider]["active"].value is not False

    def context_tokens(self) -> dict[str, float]:
        """Context windows by public model name, as far as the mappings or the registry say them."""
        windows: dict[str, float] = {}
        for part in self.models:
            served = _served(self.providers.get(part["provider"].text()), part["model"].text())
            tokens = part["context_tokens"].number() or (served["context_tokens"].number() if served else None)
            if tokens:
                windows[part["name"].text()] = tokens
        return windows


def _served(provider: Part | None, model: str) -> Part | None:
    return next((part for part in (provider["models"] if provider else ()) if part["id"].text() == model), None)


def disagreements(mappings: Mappings) -> Problems:
    """Where the two files contradict each other."""
    return [*_unmapped(mappings), *_wrong_providers(mappings), *_unserved(mappings)]


def _unmapped(mappings: Mappings) -> Problems:
    mapped = {part["provider"].text() for part in (*mappings.models, *mappings.patterns)}
    return [
        part["name"].problem(f"the active provider {name} is not mapped: no model is served by it")
        for name, part in mappings.providers.items()
        if mappings.is_active(name) and name not in mapped
    ]


def _wrong_providers(mappings: Mappings) -> Problems:
    problems: Problems = []
    for part in (*mappings.models, *mappings.patterns):
        provider = part["provider"].text()
        if provider not in mappings.providers:
            hint = did_you_mean(provider, mappings.providers)
            problems.append(part["provider"].problem(f"no provider is called {provider!r}{hint}"))
        elif not mappings.is_active(provider):
            problems.append(part["provider"].problem(f"the provider {provider} is not active"))
    return problems


def _unserved(mappings: Mappings) -> Problems:
    """Exact matches whose provider lists what it serves, but not this model."""
    problems: Problems = []
    for part in mappings.models:
        provider, model = mappings.providers.get(part["provider"].text()), part["model"]
        if provider is not None and provider["models"] and _served(provider, model.text()) is None:
            hint = did_you_mean(model.text(), [served["id"].text() for served in provider["models"]])
            problems.append(model.problem(f"{part['provider'].text()} does not serve {model.text()!r}{hint}"))
    return problems


def ambiguous_names(mappings: Mappings) -> Problems:
    """Names that stand twice, and names in `fallbacks` or `default` that nothing matches."""
    names = mappings.pools
    problems = [
        part["name"].problem(f"the model name {name} stands {len(parts)} times")
        for name, parts in names.items()
        for part in parts
        if len(parts) > 1 and not _is_pool(parts)
    ]
    providers = Counter(part["name"].text() for part in mappings.registry.root["providers"])
    problems += [
        part["name"].problem(f"the provider name {part['name'].text()} stands {providers[part['name'].text()]} times")
        for part in mappings.registry.root["providers"]
        if providers[part["name"].text()] > 1
    ]
    root = mappings.mappings.root
    for place in (*(link for _, chain in root["fallbacks"].entries() for link in chain), root["default"]):
        if place and place.text() not in names:
            problems.append(place.problem(f"no model is called {place.text()!r}{did_you_mean(place.text(), names)}"))
    return problems


def _is_pool(parts: list[Part]) -> bool:
    """Whether several matches of one name mean that providers share it: each has another provider, and a weight."""
    providers = {part["provider"].text() for part in parts}
    return len(providers) == len(parts) and all(part["weight"].number() is not None for part in parts)


def dead_patterns(mappings: Mappings) -> Problems:
    """Patterns that do not compile, or that can never be reached: earlier ones match everything that they match."""
    problems: Problems = []
    earlier: list[str] = []
    for part in mappings.patterns:
        pattern = part["pattern"].text()
        error = compile_error(pattern)
        if error:
            problems.append(part["pattern"].problem(f"{pattern!r} does not compile: {error}"))
            continue
        is_covered = covered(pattern, earlier)
        if is_covered:
            problems.append(
                part["pattern"].problem(f"{pattern!r} is never reached: earlier patterns match all it matches")
            )
        elif is_covered is None:
            message = f"{pattern!r} is too complex to be compared with the earlier patterns"
            problems.append(part["pattern"].problem(message, warning=True))
        earlier.append(pattern)
    return problems
