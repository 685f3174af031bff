"""From a target file to a `Target`: read, substitute variables, validate, resolve secrets; every problem at once."""

import dataclasses
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gonogo.documents import Document, DocumentError, Path_, Problem, did_you_mean, load_document, map_strings, validate
from gonogo.model import Waiver
from gonogo.objectives import Band
from gonogo.targets.agent_section import AgentSection
from gonogo.targets.chatbot_section import ChatbotSection
from gonogo.targets.cluster_section import ClusterSection
from gonogo.targets.drills import Drills
from gonogo.targets.drills_section import DrillsSection
from gonogo.targets.endpoint_sections import EndpointSections
from gonogo.targets.file_sections import FileSections
from gonogo.targets.host import ERROR_LINES, Host, HostService
from gonogo.targets.load_section import LoadSection
from gonogo.targets.model import (
    Actor,
    Budget,
    Cache,
    Command,
    ConfigRollback,
    Target,
    WebPage,
)
from gonogo.targets.monitoring_section import MonitoringSection
from gonogo.targets.secrets import Secret
from gonogo.targets.security_section import SecuritySection
from gonogo.targets.watch import Watch

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "target.schema.json").read_text(encoding="utf-8"))
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")
_DEFAULT_BANDS = {
    # rows O3 and O4
    "fallback_rate": Band(0.10, 0.15),
    "mean_confidence": Band(0.75, 0.65, above=False),
    # rows O3, O5, O6, O8: no figure stands there; these are what a set of the shipped size can decide
    "missed_fallback_rate": Band(0.25, 0.40),
    "intent_accuracy_drop": Band(0.02, 0.05),
    "macro_f1_drop": Band(0.03, 0.06),
    "evaluation_drop": Band(0.04, 0.08),
    "parameter_rate": Band(0.8, 0.6, above=False),
    "carry_over_rate": Band(0.8, 0.7, above=False),
    "agreement_rate": Band(0.85, 0.7, above=False),
    # row R6
    "cache_hit_rate": Band(0.5, 0.5, above=False),
}


def load_target(file: Path, today: date, environment: Mapping[str, str] | None = None) -> Target:
    """Load a target file.

    ``${NAME}`` and ``${NAME:-default}`` in any string are replaced from the environment, so that one file can describe
    a deployment whose addresses differ from run to run. Paths are relative to the target file.

    Raises:
        DocumentError: anything is wrong with it, from YAML syntax to an unset secret variable or an expired waiver.
    """
    variables = os.environ if environment is None else environment
    document = load_document(file)
    problems: list[Problem] = []
    document = map_strings(document, lambda text, path: _substitute(text, path, document, variables, problems))
    problems = problems or validate(document, SCHEMA)
    if problems:
        raise DocumentError(problems)
    reader = _Reader(document, file.resolve().parent, variables, today)
    target = reader.read(file, hashlib.sha256(file.read_bytes()).hexdigest())
    if reader.problems:
        raise DocumentError(reader.problems)
    return target


def _substitute(
    text: str, path: Path_, document: Document, variables: Mapping[str, str], problems: list[Problem]
) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        if name not in variables and default is None:
            problems.append(document.problem(path, f"environment variable {name} is not set"))
        return variables.get(name, default or "")

    return _VARIABLE.sub(value, text)


def _escalation(told: str | dict[str, Any]) -> str:
    """Who is called, and how fast, as a line for people."""
    return told if isinstance(told, str) else f"{told['who']}, within {told['within_min']:g} min"


class _Reader:
    """Builds the dataclasses; problems that the schema cannot see are gathered."""

    def __init__(self, document: Document, folder: Path, variables: Mapping[str, str], today: date) -> None:
        self._document, self._folder, self._variables, self._today = document, folder, variables, today
        self._secrets: list[Secret] = []
        self.problems: list[Problem] = []

    def read(self, file: Path, digest: str) -> Target:
        raw: dict[str, Any] = self._document.value
        endpoints = EndpointSections(self._problem, self._secret)
        gateway = endpoints.endpoint(raw["gateway"], ("gateway",), "gateway") if "gateway" in raw else None
        providers = tuple(
            endpoints.endpoint(item, ("providers", i), item["name"]) for i, item in enumerate(raw.get("providers", ()))
        )
        endpoints.check_names(gateway, providers, [item["name"] for item in raw.get("services", ())])
        self._check_metrics(raw)
        endpoints.check_commands(gateway, raw.get("commands", {}))
        bands = {name: self._band(value, ("objectives", name)) for name, value in raw.get("objectives", {}).items()}
        root = self._path(raw.get("root", "."))
        sections = FileSections(root, self._problem, self._secret)
        loads = LoadSection(self._folder, self._problem, self._band)
        chatbot = ChatbotSection(self._folder, self._problem, self._secret)
        actors = self._actors(raw)
        model_names = [model.name for model in gateway.models] if gateway else []
        target = Target(
            name=raw["name"],
            environment=raw["environment"],
            file=file.resolve(),
            digest=digest,
            allow_disruptive=raw.get("allow_disruptive", False),
            gateway=gateway,
            providers=providers,
            services=tuple(endpoints.service(item, ("services", i)) for i, item in enumerate(raw.get("services", ()))),
            chatbot=chatbot.read(raw["chatbot"], model_names) if "chatbot" in raw else None,
            web=self._web(raw["web"]) if "web" in raw else None,
            root=root,
            artifacts=sections.artifacts(raw["artifacts"]) if "artifacts" in raw else None,
            config=sections.config(raw["config"], raw["environment"]) if "config" in raw else None,
            cache=self._cache(raw["cache"]) if "cache" in raw else None,
            monitoring=MonitoringSection(self._folder, self._problem, self._secret, self._band).read(
                raw.get("monitoring", {}), [endpoint.name for endpoint in (gateway, *providers) if endpoint is not None]
            ),
            security=SecuritySection(self._problem, self._secret).read(raw.get("security", {}), model_names),
            agent=AgentSection(self._problem, self._secret).read(raw["agent"]) if "agent" in raw else None,
            watch=Watch(**raw.get("watch", {})),
            bands={**_DEFAULT_BANDS, **bands},
            load=loads.read(raw["load"], gateway) if "load" in raw else None,
            actors=actors,
            cluster=ClusterSection(self._folder, self._problem).read(raw["cluster"]) if "cluster" in raw else None,
            toxiproxy=raw["toxiproxy"]["url"].rstrip("/") if "toxiproxy" in raw else None,
            commands=self._commands(raw.get("commands", {})),
            config_rollback=self._config_rollback(raw, actors),
            drills=self._drills(raw, actors),
            host=self._host(raw["host"], actors) if "host" in raw else None,
            required=tuple(raw.get("required", ())),
            own_checks=self._own_checks(raw.get("checks", ())),
            waivers=self._waivers(raw.get("waivers", ())),
            budget=Budget(**raw.get("budget", {})),
            escalation={suite: _escalation(told) for suite, told in raw.get("escalation", {}).items()},
            valid_hours=float(raw.get("valid_hours", 24)),
        )
        return dataclasses.replace(target, secrets=tuple(self._secrets))

    def _problem(self, path: Path_, message: str) -> None:
        self.problems.append(self._document.problem(path, message))

    def _path(self, text: str) -> Path:
        return (self._folder / text).resolve()

    def _own_checks(self, raw: Sequence[str]) -> tuple[Path, ...]:
        for i, text in enumerate(raw):
            if not self._path(text).is_dir():
                self._problem(("checks", i), f"there is no folder {text!r}")
        return tuple(self._path(text) for text in raw)

    def _secret(self, raw: dict[str, str] | None, path: Path_) -> Secret | None:
        if raw is None:
            return None
        if "env" in raw:
            reference, value = f"${raw['env']}", self._variables.get(raw["env"], "")
            if not value:
                self._problem(path, f"the secret's environment variable {raw['env']} is not set: export it first")
        else:
            reference, value = f"file:{raw['file']}", ""
            try:
                value = self._path(raw["file"]).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self._problem(path, f"the secret's file {raw['file']} cannot be read: {error}")
        secret = Secret(reference, value)
        self._secrets.append(secret)
        return secret

    def _band(self, raw: dict[str, float], path: Path_) -> Band:
        above = {key for key in raw if key.endswith("above")}
        if above and len(above) != len(raw):
            self._problem(path, "mixes _above and _below: use one side")
        side = "above" if above else "below"
        warn = raw.get(f"warn_{side}", raw.get(f"fail_{side}", 0.0))
        fail = raw.get(f"fail_{side}", warn if f"warn_{side}" not in raw else float("inf") if above else float("-inf"))
        if (fail < warn) if above else (fail > warn):
            self._problem(path, f"fail_{side} lies on the passing side of warn_{side}")
        if not all(math.isfinite(value) for value in raw.values()):
            self._problem(path, "must be finite numbers")
        return Band(float(warn), float(fail), above=bool(above))

    def _check_metrics(self, raw: dict[str, Any]) -> None:
        for i, item in enumerate(raw.get("providers", ())):
            if "requests_metric" in item and "metrics_path" not in item:
                self._problem(("providers", i, "requests_metric"), "needs metrics_path: where the counter is read")

    def _cache(self, raw: dict[str, Any]) -> Cache:
        return Cache(**{**raw, "password": self._secret(raw.get("password"), ("cache", "password"))})

    def _web(self, raw: dict[str, Any]) -> WebPage:
        return WebPage(**{"send": "", **raw})

    def _commands(self, raw: dict[str, Any]) -> dict[str, Command]:
        return {
            name: Command(**{**item, "do": tuple(item["do"]), "undo": tuple(item["undo"])})
            for name, item in raw.items()
        }

    def _actors(self, raw: dict[str, Any]) -> tuple[Actor, ...]:
        """The section ``supervisor``, and those of ``actors``."""
        found = (
            [self._actor({"kind": "supervisor", **raw["supervisor"]}, ("supervisor",))] if "supervisor" in raw else []
        )
        found += [self._actor({"name": name, **item}, ("actors", name)) for name, item in raw.get("actors", {}).items()]
        return tuple(found)

    def _actor(self, raw: dict[str, Any], where: Path_) -> Actor:
        password = self._secret(raw.get("password"), (*where, "password"))
        commands = {verb: tuple(words) for verb, words in raw.get("commands", {}).items()}
        wanted = {"supervisor": "url", "compose": "project", "shell": "commands"}.get(raw["kind"])
        if wanted is not None and wanted not in raw:
            self._problem(where, f"an actor of the kind {raw['kind']} needs `{wanted}`")
        url = raw.get("url", "").rstrip("/")
        return Actor(**{"name": "supervisor", **raw, "url": url, "password": password, "commands": commands})

    def _drills(self, raw: dict[str, Any], actors: tuple[Actor, ...]) -> Drills:
        section = DrillsSection(self._folder, self._problem)
        drills = section.read(raw.get("drills", {}))
        names = [actor.name for actor in actors]
        section.check(drills, raw, names)
        return drills

    def _host(self, raw: dict[str, Any], actors: tuple[Actor, ...]) -> Host:
        services = tuple(HostService(**item) for item in raw.get("services", ()))
        names = [actor.name for actor in actors]
        for i, service in enumerate(services):
            if not actors:
                self._problem(
                    ("host", "services", i), "needs a `supervisor` or `actors` section that knows the service"
                )
            elif service.actor and service.actor not in names:
                message = f"no actor is called {service.actor!r}{did_you_mean(service.actor, names)}"
                self._problem(("host", "services", i, "actor"), message)
        for key, pattern in [
            ("error_lines", raw.get("error_lines", "")),
            *(("allowed_lines", p) for p in raw.get("allowed_lines", ())),
        ]:
            try:
                re.compile(pattern)
            except re.error as error:
                self._problem(("host", key), f"{pattern!r} is not a regular expression: {error}")
        disk = {key: value for key, value in raw.get("disk", {}).items() if key != "path"}
        bounds: dict[str, Any] = {name: raw[name] for name in ("cpu", "memory") if name in raw}
        bounds |= {"disk": disk} if disk else {}
        return Host(
            services=services,
            error_lines=raw.get("error_lines", ERROR_LINES),
            allowed_lines=tuple(raw.get("allowed_lines", ())),
            disk_path=self._path(raw.get("disk", {}).get("path", "/")),
            bands=tuple((name, self._band(band, ("host", name))) for name, band in bounds.items()),
        )

    def _config_rollback(self, raw: dict[str, Any], actors: tuple[Actor, ...]) -> ConfigRollback | None:
        drill = raw.get("drills", {}).get("config_rollback")
        if drill is None:
            return None
        if not actors:
            message = "needs a `supervisor` or `actors` section that can restart the service"
            self._problem(("drills", "config_rollback"), message)
        return ConfigRollback(
            service=drill["service"],
            file=self._path(drill["file"]),
            backup=self._path(drill["backup"]),
            health_url=drill["health_url"],
            max_seconds=float(drill.get("max_seconds", 600)),
        )

    def _waivers(self, raw: list[dict[str, str]]) -> tuple[Waiver, ...]:
        waivers = []
        for i, item in enumerate(raw):
            try:
                expires = date.fromisoformat(item["expires"])
            except ValueError:
                self._problem(("waivers", i, "expires"), f"{item['expires']!r} is not a date")
                continue
            if expires < self._today:
                message = f"the waiver for {item['check']} expired on {expires}: fix the check or renew the waiver"
                self._problem(("waivers", i, "expires"), message)
            waivers.append(Waiver(item["check"], item["reason"], item["owner"], expires))
        return tuple(waivers)
