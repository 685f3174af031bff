"""The section ``security`` of a target file."""

from collections.abc import Collection, Mapping
from typing import Any

from gonogo.targets.security import RestrictedTenant, Security
from gonogo.targets.target_file import TargetFile

_AS_THEY_ARE = ("foreign_origin", "listen", "certificate_days", "slow_connections", "slow_hang_up_s")
_KEYS = ("expired_key", "ordinary_key", "url_key")


class SecuritySection:
    """Reads the section; what is wrong is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def read(self, raw: Mapping[str, Any], models: Collection[str]) -> Security:
        """What must be closed, and to whom.

        Args:
            raw: the section.
            models: the names of the gateway's models.
        """
        keys = {name: self._file.secret(raw[name], ("security", name)) for name in _KEYS if name in raw}
        given: dict[str, Any] = {name: raw[name] for name in _AS_THEY_ARE if name in raw}
        given |= keys
        tenant = self._tenant(raw["tenant"], models) if "tenant" in raw else None
        if given.get("listen", "").startswith("0.0.0.0:"):
            self._file.problem(("security", "listen"), "must be an address that the gateway can call, not 0.0.0.0")
        public, plain = tuple(raw.get("public", ())), tuple(url.rstrip("/") for url in raw.get("plain", ()))
        return Security(public=public, plain=plain, tenant=tenant, **given)

    def _tenant(self, raw: Mapping[str, Any], models: Collection[str]) -> RestrictedTenant | None:
        for i, name in enumerate(raw["may_not"]):
            self._file.expect_known("model of the gateway", name, models, ("security", "tenant", "may_not", i))
        key = self._file.secret(raw["key"], ("security", "tenant", "key"))
        return RestrictedTenant(key, tuple(raw["may_not"])) if key is not None else None
