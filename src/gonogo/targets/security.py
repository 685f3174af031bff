"""The section ``security`` of a target."""

from dataclasses import dataclass

from gonogo.targets.secrets import Secret


@dataclass(frozen=True)
class RestrictedTenant:
    """A caller who may use some models only."""

    key: Secret
    may_not: tuple[str, ...]
    """Names of the gateway's models that are not this caller's."""


@dataclass(frozen=True)
class Security:
    """What must be closed, and to whom."""

    foreign_origin: str = "https://evil.example"
    """A page from there may not use the chatbot."""
    public: tuple[str, ...] = ()
    """Paths that may be used without a key, at any endpoint."""
    expired_key: Secret | None = None
    """A key of the gateway that has expired, or was revoked."""
    ordinary_key: Secret | None = None
    """A key of the gateway without any administrator's rights; administrators' paths must refuse it."""
    url_key: Secret | None = None
    """A valid key of the gateway that may end in access logs, since it is sent in a URL, and must be refused there."""
    tenant: RestrictedTenant | None = None
    plain: tuple[str, ...] = ()
    """Plain HTTP addresses, where everything must be led to HTTPS."""
    listen: str = ""
    """Host and port of this machine that the gateway could reach, and must not call; port 0: any that is free."""
    slow_connections: int = 20
    """So many requests that never end are held open at once; the others must be served meanwhile."""
    slow_hang_up_s: float | None = None
    """Within this the server must hang up on them; None: not verified, since it takes that long."""
    certificate_days: int = 21
    """So long certificates must still be valid (row S2)."""


@dataclass(frozen=True)
class SecureAddress:
    """A server that is asked over HTTPS."""

    url: str
    path: str
    """A page that answers without a key."""
    is_page: bool
    """People see it in a browser."""
