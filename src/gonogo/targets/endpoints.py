"""The gateway and the providers of a target: endpoints, their models, and what they are configured to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gonogo.targets.secrets import Secret


@dataclass(frozen=True)
class ChatModel:
    """A model that answers chat completions (or embeddings) at an endpoint."""

    name: str
    kind: str = "chat"
    provider: str = ""
    """Gateway only: the provider that serves this name."""
    fallbacks: tuple[str, ...] = ()
    """Gateway only: model names asked in this order when the provider fails."""
    deterministic: bool = False
    """The same request at temperature 0 gets the same text."""
    promises: frozenset[str] = frozenset()
    """Features that must work: what its endpoint's kind promises (``fixtures/profiles.yaml``), with the target's
    ``has`` and without its ``lacks``. Any other feature must be refused, never ignored."""
    upstream: str = ""
    """Gateway only: its name at the provider; empty if the provider has one model of its kind."""
    context_tokens: int | None = None
    """The context window: a longer prompt must be refused, not cut."""
    dimensions: int | None = None
    """Embeddings only: numbers in a vector."""
    tolerance: float = 1e-3
    """Embeddings only: how far a cosine or a length may lie from one; batches are computed in another order."""
    limit_field: str = "max_tokens"
    """What an answer's limit is called: reasoning models of hosted APIs take ``max_completion_tokens`` only."""
    fixed_sampling: bool = False
    """It takes no ``temperature``."""
    thinking_tokens: int = 0
    """Tokens that it may think before it says something: every limit is that much higher."""
    rpm: int | None = None
    """Requests a minute that the limit check may exhaust on this model; set it only on a model kept for that."""
    tpm: int | None = None
    """Tokens a minute, likewise."""
    parallel: int | None = None
    """Gateway only: requests at a time that it passes on; a burst beyond them waits or is refused."""
    pool: Mapping[str, float] = field(default_factory=dict)
    """Gateway only: the providers that share it, with their weights."""
    canary: "CanarySlice | None" = None
    """Gateway only: the slice of its requests that a new provider gets."""

    @property
    def spare(self) -> bool:
        """Whether it is kept for a check that exhausts or measures it: no other check asks it."""
        return bool(self.rpm or self.tpm or self.parallel or self.pool or self.canary)


@dataclass(frozen=True)
class CanarySlice:
    """A slice of a model's requests, for a new provider."""

    provider: str
    percents: tuple[float, ...]
    """The slices that a promotion goes through."""
    command: str | None = None
    """Which of the target's commands sets a slice (``{percent}`` in its words); without it the first slice is set."""


@dataclass(frozen=True)
class Tenant:
    """Another caller of the gateway."""

    name: str
    key: Secret
    rpm: int | None = None
    """Requests a minute that the limit check may exhaust with this key; set it only on a key kept for that."""


@dataclass(frozen=True)
class CacheState:
    """Where a gateway says whether its cache works."""

    path: str
    pointer: str
    """JSON Pointer (RFC 6901) to what differs while the cache is down."""


@dataclass(frozen=True)
class Routing:
    """What a gateway is configured to do when things go wrong, as far as the target tells it."""

    retries: int = 2
    """How often it may ask a provider again for one request."""
    allowed_fails: int | None = None
    """After how many failures in a row it leaves a provider alone; None: it need not."""
    cooldown_s: float = 60.0
    """How long it may leave a provider alone that failed."""
    context_fallback: bool = False
    """A prompt that is too long for a provider is answered by a fallback with a larger context window."""
    limit_window_s: float = 60.0
    """The window of its limits."""
    share_margin: float = 0.1
    """How far a share of requests may be from its weight; 0.1 lets a half be 40 to 60 %. Half of it takes four times as
    many requests to show."""
    cache_ttl_s: float | None = None
    """How long an answer stays cached that was asked for with `cache_ttl_request`."""
    cache_ttl_request: Mapping[str, Any] | None = None
    """What a request's body must contain for that; None: what every cached request contains."""
    cache_state: CacheState | None = None
    tenants: tuple[Tenant, ...] = ()


@dataclass(frozen=True)
class AnswerHeaders:
    """The names of the headers in which a gateway says who answered; empty where it says nothing."""

    model: str = ""
    """The model of the chain that answered."""
    deployment: str = ""
    fallbacks: str = ""
    """How many fallbacks were asked."""
    cache: str = ""
    """There, or not ``miss``, when the answer came from the cache; LiteLLM's value is the key in Redis."""


@dataclass(frozen=True)
class Levers:
    """What a part of the deployment can be broken by, besides its own control API."""

    name: str
    service: str | None = None
    container: str | None = None
    proxy: str | None = None
    control: bool = False
    workload: str | None = None


@dataclass(frozen=True)
class Deviation:
    """A known way in which a product differs from the contract: it warns where it would fail."""

    check_id: str
    matches: str
    """A regular expression, searched in each flaw of the check's reason."""
    reason: str
    models: tuple[str, ...] = ()
    """The models that differ so; empty for all of the endpoint's."""


@dataclass(frozen=True)
class ServedModel:
    """Where a server says which model it has loaded, and which model of the registry that must be."""

    registered: str
    """The model's name in the registry: its production version is what must be served."""
    path: str
    """A page with a JSON object."""
    pointers: Mapping[str, str] = field(default_factory=dict)
    """JSON Pointers (RFC 6901) on it, each to something that the server tells: ``loaded`` (true when a model is there),
    ``name``, ``version``, ``sha256`` and ``file`` (a path that ends with the registry's file name)."""


@dataclass(frozen=True)
class Endpoint:
    """A server that speaks the OpenAI dialect: the gateway or a provider."""

    name: str
    kind: str
    url: str
    key: Secret | None = None
    models: tuple[ChatModel, ...] = ()
    health_path: str = "/health"
    ready_path: str | None = None
    """Where it says that completions work, if not at `health_path`."""
    service: str | None = None
    """Its name at the actor (``supervisor``), where the restart check may restart it."""
    metrics_path: str | None = None
    requests_metric: str | None = None
    """A counter of this server's that moves with every chat completion that arrives at it."""
    control_url: str | None = None
    """Where faults can be switched on by name, for disruptive checks."""
    timeout_s: float = 30.0
    lists_loaded: bool = False
    """Its model list holds what is loaded, so that every model on it must answer; else it is a catalogue."""
    error_form: str = "openai-error"
    """The JSON Schema of its error bodies, by its name in ``fixtures/schemas``."""
    deviations: tuple[Deviation, ...] = ()
    """Those of its kind (``fixtures/profiles.yaml``) and the target's own."""
    replicas: tuple[str, ...] = ()
    """Base URLs of the servers behind it, where each of them can be asked by itself."""
    serves: "ServedModel | None" = None
    """Where each of them says which model it has loaded."""
    container: str | None = None
    """The container that it runs in, which may be paused and killed."""
    workload: str | None = None
    """What it is in the cluster, which may be scaled to zero: ``deployment/NAME`` or ``statefulset/NAME``."""
    proxy: str | None = None
    """Its name at Toxiproxy, where that stands before it."""
    routing: Routing = Routing()
    """Gateway only."""
    answer_headers: AnswerHeaders = AnswerHeaders()
    """Gateway only."""
    cache_request: Mapping[str, Any] | None = None
    """Gateway only: what a request's body must contain to use the response cache."""

    def model(self, name: str) -> ChatModel | None:
        """The declared model of that name."""
        return next((model for model in self.models if model.name == name), None)

    def links_of(self, model: ChatModel) -> tuple[ChatModel, ...]:
        """A model and its fallbacks, in their order, as far as they are declared."""
        return (model, *(link for name in model.fallbacks if (link := self.model(name))))

    def standing_in(self, model: ChatModel, position: int) -> ChatModel:
        """A model with room for the thoughts of a link of its chain, which is to answer in its place."""
        links = self.links_of(model)
        return replace(model, thinking_tokens=links[min(position, len(links) - 1)].thinking_tokens)

    def addresses(self) -> tuple[str, ...]:
        """The replicas' base URLs; its own where there are none."""
        return self.replicas or (self.url,)

    def embedding_models(self) -> tuple[ChatModel, ...]:
        """The models that embed."""
        return tuple(model for model in self.models if model.kind == "embedding")

    def chat_models(self) -> tuple[ChatModel, ...]:
        """The models that chat and whose limit is not there to be exhausted."""
        return tuple(model for model in self.models if model.kind == "chat" and not model.spare)

    @property
    def levers(self) -> Levers:
        """What it can be broken by."""
        return Levers(self.name, self.service, self.container, self.proxy, self.control_url is not None, self.workload)
