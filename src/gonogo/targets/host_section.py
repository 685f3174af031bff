"""The sections ``supervisor``, ``actors`` and ``host`` of a target file."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from gonogo.documents import Path_
from gonogo.targets.host import ERROR_LINES, Host, HostService
from gonogo.targets.model import Actor
from gonogo.targets.target_file import TargetFile

_NEEDED = {"supervisor": "url", "compose": "project", "shell": "commands"}
"""What an actor of a kind cannot do without."""


class HostSections:
    """Reads the sections; what the schema cannot see is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def actors(self, raw: Mapping[str, Any]) -> tuple[Actor, ...]:
        """Who can stop and start services: of the whole file the section ``supervisor``, and those of ``actors``."""
        found = (
            [self._actor({"kind": "supervisor", **raw["supervisor"]}, ("supervisor",))] if "supervisor" in raw else []
        )
        found += [self._actor({"name": name, **item}, ("actors", name)) for name, item in raw.get("actors", {}).items()]
        return tuple(found)

    def _actor(self, raw: dict[str, Any], where: Path_) -> Actor:
        password = self._file.secret(raw.get("password"), (*where, "password"))
        commands = {verb: tuple(words) for verb, words in raw.get("commands", {}).items()}
        needed = _NEEDED.get(raw["kind"])
        if needed is not None and needed not in raw:
            self._file.problem(where, f"an actor of the kind {raw['kind']} needs `{needed}`")
        url = raw.get("url", "").rstrip("/")
        return Actor(**{"name": "supervisor", **raw, "url": url, "password": password, "commands": commands})

    def host(self, raw: Mapping[str, Any], actors: Collection[str]) -> Host:
        """The machine.

        Args:
            raw: the section ``host``.
            actors: the names of the actors.
        """
        services = tuple(HostService(**item) for item in raw.get("services", ()))
        self._check_services(services, actors)
        self._check_patterns(raw)
        disk = {key: value for key, value in raw.get("disk", {}).items() if key != "path"}
        bounds: dict[str, Any] = {name: raw[name] for name in ("cpu", "memory") if name in raw}
        bounds |= {"disk": disk} if disk else {}
        return Host(
            services=services,
            error_lines=raw.get("error_lines", ERROR_LINES),
            allowed_lines=tuple(raw.get("allowed_lines", ())),
            disk_path=self._file.path(raw.get("disk", {}).get("path", "/")),
            bands=tuple(
                (name, self._file.share_band(band, ("host", name), above=True)) for name, band in bounds.items()
            ),
        )

    def _check_services(self, services: tuple[HostService, ...], actors: Collection[str]) -> None:
        for i, service in enumerate(services):
            if not actors:
                self._file.problem(
                    ("host", "services", i), "needs a `supervisor` or `actors` section that knows the service"
                )
            elif service.actor:
                self._file.expect_known("actor", service.actor, actors, ("host", "services", i, "actor"))

    def _check_patterns(self, raw: Mapping[str, Any]) -> None:
        patterns = [("error_lines", raw.get("error_lines", ""))]
        patterns += [("allowed_lines", pattern) for pattern in raw.get("allowed_lines", ())]
        for key, pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                self._file.problem(("host", key), f"{pattern!r} is not a regular expression: {error}")
