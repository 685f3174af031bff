"""What the router routes: its settings file, JSON."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Deployment:
    """One server that serves a model."""

    name: str
    url: str
    model: str
    """The model's name there."""
    key_env: str = ""
    weight: float = 1.0

    @property
    def headers(self) -> dict[str, str]:
        """What its requests carry."""
        return {"authorization": f"Bearer {os.environ[self.key_env]}"} if self.key_env else {}


@dataclass(frozen=True)
class Route:
    """A public model name: its pool, its fallbacks, its limits."""

    pool: tuple[Deployment, ...]
    fallbacks: tuple[str, ...] = ()
    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None
    """Requests at a time; more wait in the queue."""
    queue: int = 0
    """How many may wait; more are refused."""


@dataclass(frozen=True)
class Caller:
    """A key's owner."""

    tenant: str
    rpm: int | None = None
    models: tuple[str, ...] = ()
    """The models that may be used; empty: all."""
    is_admin: bool = False
    is_expired: bool = False


@dataclass(frozen=True)
class Settings:
    """The whole file."""

    routes: Mapping[str, Route]
    callers: Mapping[str, Caller]
    """By key."""
    redis: str
    timeout_s: float = 0.5
    """Until the first byte of a provider's answer, and between its pieces."""
    total_s: float = 5.0
    """For one provider's whole answer."""
    retries: int = 0
    allowed_fails: int = 3
    """Failures in a row that a deployment may have before it cools down."""
    cooldown_s: float = 1.0
    window_s: float = 60.0
    """Of the limits a minute; shorter in tests."""
    cache_ttl_s: float = 60.0
    log: str = ""
    """A file for a line of JSON a request."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of every answer."""
    collector: str = ""
    """Base URL of an OTLP collector for traces."""


def load_settings(text: str) -> Settings:
    """Settings from the file's text; keys are named by environment variables."""
    raw: dict[str, Any] = json.loads(text)
    routes = {
        name: Route(**{**route, "pool": tuple(Deployment(**one) for one in route["pool"]),
                       "fallbacks": tuple(route.get("fallbacks", ()))})
        for name, route in raw.pop("routes").items()
    }  # fmt: skip
    callers = {
        os.environ[caller.pop("key_env")]: Caller(**{**caller, "models": tuple(caller.get("models", ()))})
        for caller in raw.pop("callers")
    }
    return Settings(routes, callers, **raw)
