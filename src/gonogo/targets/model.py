"""A target as frozen dataclasses. Every section is optional; what is absent is not verified."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gonogo.model import Waiver
from gonogo.objectives import Band
from gonogo.targets.agent import Agent
from gonogo.targets.chatbot import Chatbot
from gonogo.targets.cluster import Cluster
from gonogo.targets.drills import Drills
from gonogo.targets.endpoints import ChatModel, Endpoint, Levers
from gonogo.targets.files import Artifacts, Configuration
from gonogo.targets.host import Host
from gonogo.targets.load import Load
from gonogo.targets.monitoring import Monitoring
from gonogo.targets.secrets import Secret
from gonogo.targets.security import Security
from gonogo.targets.watch import Watch


@dataclass(frozen=True)
class RestRoute:
    """One call of a service with routes of its own."""

    path: str
    body: Mapping[str, Any]
    """What is posted; ``{prompt}`` in any of its texts becomes the prompt."""
    answer: str
    """JSON Pointer (RFC 6901) in the answer: to the text, or to the vector."""


_PROMPT = "{prompt}"
REST_ROUTES: Mapping[str, RestRoute] = {
    "generate": RestRoute("/generate", {"prompt": _PROMPT}, "/response"),
    "chat": RestRoute("/chat", {"messages": [{"role": "user", "content": _PROMPT}]}, "/response"),
    "embeddings": RestRoute("/embeddings", {"text": _PROMPT}, "/embedding"),
}
"""The calls of deployments of kind E (row C12)."""


@dataclass(frozen=True)
class RestService:
    """A service with routes of its own in front of a model: plain JSON over HTTP."""

    name: str
    url: str
    key: Secret | None = None
    timeout_s: float = 30.0
    health_path: str = "/health"
    metrics_path: str = "/metrics"
    docs_path: str = "/docs"
    openapi_path: str = "/openapi.json"
    routes: Mapping[str, RestRoute] = field(default_factory=lambda: dict(REST_ROUTES))
    """By what they do: ``generate``, ``chat``, ``embeddings``; what is missing is not verified."""
    control_url: str | None = None
    """Where faults can be switched on by name, for disruptive checks."""


@dataclass(frozen=True)
class WebPage:
    """The page from which people ask the chatbot."""

    url: str
    prompt: str
    """CSS selector of the field that takes a message."""
    send: str
    """CSS selector of what is clicked to send it; empty: Enter is pressed."""
    answer: str
    """CSS selector of the answers."""
    timeout_s: float = 30.0


@dataclass(frozen=True)
class Cache:
    """The Redis behind the gateway."""

    url: str
    password: Secret | None
    service: str | None = None
    container: str | None = None
    proxy: str | None = None
    workload: str | None = None
    flushable: bool = False
    """Nothing but the gateway's cache is in it: it may be emptied."""

    @property
    def levers(self) -> Levers:
        """What it can be broken by."""
        return Levers("cache", self.service, self.container, self.proxy, workload=self.workload)


@dataclass(frozen=True)
class Command:
    """A command of the target's own that breaks something, and the one that puts it back."""

    do: tuple[str, ...]
    undo: tuple[str, ...]
    timeout_s: float = 60.0


@dataclass(frozen=True)
class Actor:
    """What can restart a service: a process supervisor, systemd, docker compose, or commands of the target's own."""

    kind: str
    """``supervisor``, ``systemd``, ``compose`` or ``shell``."""
    url: str = ""
    """Of supervisord's interface."""
    user: str = ""
    password: Secret | None = None
    name: str = ""
    user_units: bool = False
    """systemd: the units of the user's own manager."""
    project: str = ""
    """compose: the project's name."""
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """shell: ``state``, ``stop``, ``start``, ``kill`` and ``logs``; ``{service}`` stands for the service."""


@dataclass(frozen=True)
class Budget:
    """What a whole run may cost, over all workers; None is unlimited."""

    requests: int | None = None
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Target:
    """A deployment, as its target file describes it."""

    name: str
    environment: str
    file: Path
    digest: str
    """SHA256 of the file's bytes."""
    allow_disruptive: bool = False
    gateway: Endpoint | None = None
    providers: tuple[Endpoint, ...] = ()
    services: tuple[RestService, ...] = ()
    chatbot: Chatbot | None = None
    web: WebPage | None = None
    root: Path = Path()
    """No configuration file or artifact outside this folder is read."""
    artifacts: Artifacts | None = None
    config: Configuration | None = None
    cache: Cache | None = None
    monitoring: Monitoring = field(default_factory=Monitoring)
    security: Security = field(default_factory=Security)
    agent: Agent | None = None
    watch: Watch = field(default_factory=Watch)
    bands: Mapping[str, Band] = field(default_factory=dict)
    load: Load | None = None
    actors: tuple[Actor, ...] = ()
    cluster: Cluster | None = None
    toxiproxy: str | None = None
    """Base URL of Toxiproxy's API."""
    commands: Mapping[str, Command] = field(default_factory=dict)
    host: Host | None = None
    drills: Drills = field(default_factory=Drills)
    required: tuple[str, ...] = ()
    own_checks: tuple[Path, ...] = ()
    """Folders with checks of the team's own."""
    waivers: tuple[Waiver, ...] = ()
    budget: Budget = Budget()
    escalation: Mapping[str, str] = field(default_factory=dict)
    valid_hours: float = 24.0
    secrets: tuple[Secret, ...] = ()

    @property
    def actor(self) -> Actor | None:
        """The first actor: the one of every service that names no other."""
        return self.actors[0] if self.actors else None

    def actor_named(self, name: str) -> Actor | None:
        """The actor of that name; the first one for an empty name."""
        return next((actor for actor in self.actors if actor.name == name), None) if name else self.actor

    @property
    def registry(self) -> Path | None:
        """The model registry's file."""
        return self.artifacts.registry if self.artifacts else None

    @property
    def production(self) -> bool:
        """Whether this is production, where nothing disruptive happens without three keys."""
        return self.environment == "production"

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The gateway and the providers."""
        return ((self.gateway,) if self.gateway else ()) + self.providers

    def provider(self, name: str) -> Endpoint | None:
        """The declared provider of that name."""
        return next((provider for provider in self.providers if provider.name == name), None)

    def levers(self, name: str) -> Levers | None:
        """What a part can be broken by: a provider, ``gateway`` or ``cache``; None where it is not declared."""
        parts = {endpoint.name: endpoint.levers for endpoint in self.endpoints()}
        return self.cache.levers if name == "cache" and self.cache else parts.get(name)

    def control_url(self, name: str) -> str | None:
        """Where faults of a part can be switched on.

        That is a provider or a service by its name, ``gateway``, ``chatbot`` or ``agent``.
        """
        parts: dict[str, str | None] = {endpoint.name: endpoint.control_url for endpoint in self.endpoints()}
        parts |= {service.name: service.control_url for service in self.services}
        parts |= {"chatbot": self.chatbot.control_url} if self.chatbot else {}
        parts |= {"agent": self.agent.control_url} if self.agent else {}
        return parts.get(name)

    def upstream_of(self, model: ChatModel) -> tuple[Endpoint, ChatModel] | None:
        """The provider and the model there that a gateway's model stands for; None where that is not declared."""
        provider = self.provider(model.provider)
        if provider is None:
            return None
        candidates = [m for m in provider.models if m.kind == model.kind and not m.spare]
        only = candidates[0] if len(candidates) == 1 else None
        found = provider.model(model.upstream) if model.upstream else only
        return (provider, found) if found is not None else None

    def chain_of(self, model: ChatModel) -> tuple[Endpoint, ...]:
        """The providers of a gateway's model and of its fallbacks, in their order; empty if one is not declared."""
        names = (model.name, *model.fallbacks)
        links = [self.gateway.model(name) if self.gateway else None for name in names]
        providers = [self.provider(link.provider) for link in links if link is not None]
        found = tuple(provider for provider in providers if provider is not None)
        return found if len(found) == len(names) else ()

    def declared_suites(self) -> frozenset[str]:
        """The suites that this target gives something to verify."""
        sections = {
            "artifacts": self.artifacts,
            "config": self.config,
            "contract": self.endpoints() or self.services,
            "routing": self._declares_routing(),
            "output": self.chatbot,
            "cluster": self.cluster or self.host,
            "monitoring": self.monitoring != Monitoring(),
            "security": self.endpoints() or self.chatbot,
            "agent": self.agent,
            "load": self.load,
            "drills": self.drills.is_any,
        }
        return frozenset(suite for suite, section in sections.items() if section)

    def _declares_routing(self) -> bool:
        """Whether a routing check has what it needs: a provider that counts or can be broken, a limit, or a cache."""
        for model in self.gateway.models if self.gateway else ():
            provider = self.provider(model.provider)
            counted = provider is not None and provider.requests_metric is not None
            breakable = provider is not None and provider.control_url is not None and bool(model.fallbacks)
            if counted or breakable or model.spare:
                return True
        return bool(self.cache or self.web or (self.chatbot and self.chatbot.model))
