"""A LiteLLM configuration as facts, and the rules that need no other file."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from urllib.parse import urlsplit

from gonogo.documents import Document, Part, Problems

_LISTS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_SECTIONS = ("router_settings", "litellm_settings")


@dataclass(frozen=True)
class Deployment:
    """One entry of ``model_list``: a public name and the server that answers for it."""

    part: Part

    @property
    def name(self) -> str:
        """The public model name."""
        return self.part["model_name"].text()

    @property
    def parameters(self) -> Part:
        """What LiteLLM passes on."""
        return self.part["litellm_params"]

    @property
    def provider(self) -> str:
        """The server's address or its reference; where the API's own is used, the prefix of the model: ``openai``."""
        text = self.parameters["api_base"].text()
        base = urlsplit(text)
        return (
            f"{base.scheme}://{base.netloc}"
            if base.netloc
            else text or self.parameters["model"].text().partition("/")[0]
        )

    @property
    def context_tokens(self) -> float | None:
        """The size of its context window, where the file says it."""
        info = self.part["model_info"]
        return info["max_input_tokens"].number() or info["max_tokens"].number()


@dataclass(frozen=True)
class Link:
    """One step of a fallback chain: when `start` fails, `to` is asked."""

    kind: str
    """``fallbacks``, ``context_window_fallbacks``, ``content_policy_fallbacks`` or ``default_fallbacks``."""
    start: str
    to: str
    place: Part


@dataclass(frozen=True)
class GatewayConfig:
    """The facts of one file; parts of the wrong type count as absent, for the schema check names them."""

    document: Document

    @cached_property
    def deployments(self) -> tuple[Deployment, ...]:
        """Every deployment; those of one name are a pool."""
        return tuple(Deployment(part) for part in self.document.root["model_list"])

    @cached_property
    def pools(self) -> dict[str, list[Deployment]]:
        """The deployments by public name."""
        pools: dict[str, list[Deployment]] = {}
        for deployment in self.deployments:
            pools.setdefault(deployment.name, []).append(deployment)
        return pools

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Every link of every chain that is written out for one model; names are those behind aliases."""
        return tuple(link for link in self._written if link.start != "*")

    @cached_property
    def defaults(self) -> tuple[Link, ...]:
        """The chain of every model without one of its own."""
        listed = [place for section in _SECTIONS for place in self.document.root.at(section, "default_fallbacks")]
        defaults = [Link("default_fallbacks", "*", self.behind(_model_of(place)), place) for place in listed]
        return (*defaults, *(link for link in self._written if link.start == "*"))

    @cached_property
    def _written(self) -> list[Link]:
        return list(self._links())

    @cached_property
    def _aliases(self) -> dict[str, str]:
        aliases = self.document.root.at("router_settings", "model_group_alias")
        return {name: model for name, alias in aliases.entries() if (model := _model_of(alias))}

    @cached_property
    def _wildcards(self) -> list[str]:
        return [name for name in self.pools if "*" in name]

    def setting(self, name: str) -> Part:
        """A setting that may stand in either section; the router's wins."""
        router, general = (self.document.root.at(section, name) for section in _SECTIONS)
        return general if router.value is None else router

    def behind(self, name: str) -> str:
        """The model that a name stands for: itself, what its alias names, or the wildcard that takes it."""
        name = self._aliases.get(name, name)
        if name in self.pools:
            return name
        return next((wild for wild in self._wildcards if fnmatchcase(name, wild)), name)

    def knows(self, name: str) -> bool:
        """Whether a name is a model of this file: exactly, as an alias, or by a wildcard like ``openai/*``."""
        return self.behind(name) in self.pools

    def next_of(self, name: str) -> list[Link]:
        """The links that are followed when a model fails: its own, else the defaults.

        A default does not fall back to the other defaults: they are one chain, asked in order.
        """
        own = self._by_start.get(name, [])
        if not self.defaults or any(link.kind == "fallbacks" for link in own) or name in self._default_names:
            return own
        return own + [Link(link.kind, name, link.to, link.place) for link in self.defaults]

    @cached_property
    def _default_names(self) -> set[str]:
        return {link.to for link in self.defaults}

    @cached_property
    def _by_start(self) -> dict[str, list[Link]]:
        by_start: dict[str, list[Link]] = {}
        for link in self.links:
            by_start.setdefault(link.start, []).append(link)
        return by_start

    def _links(self) -> Iterator[Link]:
        for section in _SECTIONS:
            for kind in _LISTS:
                for item in self.document.root.at(section, kind):
                    for start, chain in item.entries():
                        first = self.behind(start)
                        yield from (Link(kind, first, self.behind(_model_of(place)), place) for place in chain)


def _model_of(place: Part) -> str:
    """A link's model: LiteLLM takes a name, or an object with other parameters beside the name."""
    return place["model"].text() if isinstance(place.value, dict) else place.text()


def missing_limits(config: GatewayConfig) -> Problems:
    """Deployments without a limit of requests or of tokens a minute."""
    return [
        deployment.part.problem(f"{deployment.name} has no {name}")
        for deployment in config.deployments
        for name in ("rpm", "tpm")
        if name not in deployment.parameters
    ]


def unread_includes(config: GatewayConfig) -> Problems:
    """Files that LiteLLM merges into this one: what they say is not verified."""
    return [
        place.problem(f"{place.text()} is merged in by LiteLLM and not verified: write it into this file", warning=True)
        for place in config.document.root["include"]
    ]
