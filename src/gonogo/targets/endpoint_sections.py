"""The sections ``gateway``, ``providers`` and ``services`` of a target file, and the profile of each kind."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from gonogo import resources
from gonogo.documents import Path_, did_you_mean, load_document
from gonogo.targets.endpoints import (
    AnswerHeaders,
    CacheState,
    CanarySlice,
    ChatModel,
    Deviation,
    Endpoint,
    Routing,
    ServedModel,
    Tenant,
)
from gonogo.targets.model import REST_ROUTES, RestRoute, RestService
from gonogo.targets.target_file import TargetFile


def _deviation(raw: dict[str, Any]) -> Deviation:
    return Deviation(raw["check"], raw["matches"], raw["reason"], tuple(raw.get("models", ())))


@dataclasses.dataclass(frozen=True)
class Profile:
    """What a kind of endpoint promises, and how it is known to differ."""

    promises: frozenset[str]
    deviations: tuple[Deviation, ...]
    endpoint: Mapping[str, Any]
    """What else an endpoint of that kind has, unless the target says otherwise."""


@cache
def profiles() -> dict[str, Profile]:
    """The profile of each kind of endpoint."""
    document = load_document(resources.folder("fixtures") / "profiles.yaml")
    return {
        kind: Profile(
            promises=frozenset(profile["promises"]),
            deviations=tuple(map(_deviation, profile.get("deviations", ()))),
            endpoint={key: value for key, value in profile.items() if key not in ("promises", "deviations")},
        )
        for kind, profile in document.value.items()
    }


def own_deviations(endpoint: Endpoint) -> list[Deviation]:
    """Those that the target file itself names, and not its kind's profile."""
    return [deviation for deviation in endpoint.deviations if deviation not in profiles()[endpoint.kind].deviations]


def _model(raw: dict[str, Any], profile: Profile) -> ChatModel:
    promises = (profile.promises | set(raw.get("has", ()))) - set(raw.get("lacks", ()))
    fields = {key: value for key, value in raw.items() if key not in ("has", "lacks")}
    if "canary" in fields:
        fields["canary"] = CanarySlice(**{**fields["canary"], "percents": tuple(fields["canary"]["percents"])})
    return ChatModel(**{**fields, "fallbacks": tuple(raw.get("fallbacks", ())), "promises": promises})


class EndpointSections:
    """Reads the three sections; what is wrong is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def endpoint(self, raw: dict[str, Any], path: Path_, name: str) -> Endpoint:
        """An endpoint at a path of the target file."""
        built_here = {"answer_headers", "deviations", "key", "models", "name", "replicas", "routing", "serves", "url"}
        profile = profiles()[raw["kind"]]
        fields = {key: value for key, value in {**profile.endpoint, **raw}.items() if key not in built_here}
        deviations = (*profile.deviations, *map(_deviation, raw.get("deviations", ())))
        key = self._file.secret(raw.get("key"), (*path, "key"))
        self._check_deviations(raw, path)
        return Endpoint(
            name=name,
            url=self._file.base_url(raw["url"], (*path, "url")),
            key=key,
            models=tuple(_model(item, profile) for item in raw.get("models", ())),
            deviations=deviations,
            replicas=tuple(url.rstrip("/") for url in raw.get("replicas", ())),
            serves=ServedModel(**raw["serves"]) if "serves" in raw else None,
            routing=self._routing(raw.get("routing", {}), (*path, "routing")),
            answer_headers=AnswerHeaders(**{**profile.endpoint, **raw}.get("answer_headers", {})),
            **fields,
        )

    def _check_deviations(self, raw: Mapping[str, Any], path: Path_) -> None:
        models = [model["name"] for model in raw.get("models", ())]
        for i, deviation in enumerate(raw.get("deviations", ())):
            where = (*path, "deviations", i)
            try:
                re.compile(deviation["matches"])
            except re.error as error:
                self._file.problem((*where, "matches"), f"not a regular expression: {error}")
            for name in deviation.get("models", ()):
                self._file.expect_known("model of this endpoint", name, models, (*where, "models"))

    def _routing(self, raw: dict[str, Any], path: Path_) -> Routing:
        tenants = []
        for i, item in enumerate(raw.get("tenants", ())):
            key = self._file.secret(item["key"], (*path, "tenants", i, "key"))
            assert key is not None
            tenants.append(Tenant(item["name"], key, item.get("rpm")))
        state = CacheState(**raw["cache_state"]) if "cache_state" in raw else None
        return Routing(**{**raw, "tenants": tuple(tenants), "cache_state": state})

    def service(self, raw: dict[str, Any], path: Path_) -> RestService:
        """A REST service at a path of the target file."""
        key = self._file.secret(raw.get("key"), (*path, "key"))
        routes = {
            name: RestRoute(**{**dataclasses.asdict(REST_ROUTES[name]), **(route or {})})
            for name, route in raw.get("routes", dict.fromkeys(REST_ROUTES)).items()
        }
        return RestService(**{**raw, "key": key, "url": raw["url"].rstrip("/"), "routes": routes})

    def check_names(self, gateway: Endpoint | None, providers: Sequence[Endpoint], services: Sequence[str]) -> None:
        """No name is used twice, and whatever the gateway's models name is declared."""
        names = [provider.name for provider in providers]
        for i, name in enumerate(services):
            if name in (*names, "gateway", *services[:i]):
                self._file.problem(("services", i, "name"), f"the name {name!r} is taken")
        for i, name in enumerate(names):
            if name in names[:i] or name == "gateway":
                self._file.problem(("providers", i, "name"), f"the name {name!r} is taken")
        self._check_models(gateway.models if gateway else (), names)
        self._check_upstreams(gateway.models if gateway else (), {provider.name: provider for provider in providers})

    def _check_upstreams(self, models: Sequence[ChatModel], providers: Mapping[str, Endpoint]) -> None:
        """What a model of the gateway's is called at its provider is a model there."""
        for i, model in enumerate(models):
            provider = providers.get(model.provider)
            known = [there.name for there in provider.models] if provider else []
            hint = did_you_mean(model.upstream, known)
            if model.upstream not in known and hint:  # the provider may have models that the file does not name
                message = f"no model of {model.provider} is called {model.upstream!r}{hint}; if it has both, list both"
                self._file.problem(("gateway", "models", i, "upstream"), message)

    def check_commands(self, gateway: Endpoint | None, commands: Mapping[str, Any]) -> None:
        """Every command that sets a canary's slice is declared."""
        for i, model in enumerate(gateway.models if gateway else ()):
            name = model.canary.command if model.canary else None
            if name is not None:
                self._file.expect_known("command", name, commands, ("gateway", "models", i, "canary", "command"))

    def _check_models(self, models: Sequence[ChatModel], providers: list[str]) -> None:
        """Every provider and every fallback that a gateway's model names is declared, and no name stands twice."""
        known = [model.name for model in models]
        for i, model in enumerate(models):
            if model.name in known[:i]:
                self._file.problem(("gateway", "models", i, "name"), f"the name {model.name!r} is taken")
            if model.pool and not any(model.pool.values()):
                self._file.problem(("gateway", "models", i, "pool"), "all weights are 0: who should answer?")
            served_by = [model.provider, *model.pool, model.canary.provider if model.canary else ""]
            for name in filter(None, served_by):
                where: Path_ = ("gateway", "models", i, *(["provider"] if name == model.provider else []))
                self._file.expect_known("provider", name, providers, where)
            for name in set(model.fallbacks):
                self._file.expect_known("model of the gateway", name, known, ("gateway", "models", i, "fallbacks"))
