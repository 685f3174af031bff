"""From a target file to a `Target`: read, substitute variables, validate, resolve secrets; every problem at once."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gonogo.documents import DocumentError, load_document, unusable_values, validate
from gonogo.model import Waiver
from gonogo.objectives import Band
from gonogo.targets.agent_section import AgentSection
from gonogo.targets.chatbot_section import ChatbotSection
from gonogo.targets.cluster_section import ClusterSection
from gonogo.targets.drills_section import DrillsSection
from gonogo.targets.endpoint_sections import EndpointSections
from gonogo.targets.file_sections import FileSections
from gonogo.targets.host_section import HostSections
from gonogo.targets.load_section import LoadSection
from gonogo.targets.model import (
    Budget,
    Cache,
    Command,
    Target,
    WebPage,
)
from gonogo.targets.monitoring_section import MonitoringSection
from gonogo.targets.resolving import filled
from gonogo.targets.security_section import SecuritySection
from gonogo.targets.steps import check_steps
from gonogo.targets.target_file import TargetFile
from gonogo.targets.watch import Watch

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "target.schema.json").read_text(encoding="utf-8"))
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


_ABOVE = {name for name, band in _DEFAULT_BANDS.items() if band.above}
"""Of which large values are bad."""


def load_target(file: Path, today: date, environment: Mapping[str, str] | None = None) -> Target:
    """Load a target file.

    ``${NAME}`` and ``${NAME:-default}`` in any string are replaced from the environment, so that one file can describe
    a deployment whose addresses differ from run to run. Paths are relative to the target file.

    Raises:
        DocumentError: anything is wrong with it: first every variable that is not set, then every key and value of a
            wrong form, then everything that contradicts, from an unset secret to an expired waiver.
    """
    variables = os.environ if environment is None else environment
    written = load_document(file)
    document, problems = filled(written, variables)
    problems = problems or [*unusable_values(document), *validate(document, SCHEMA)]
    if problems:
        raise DocumentError(problems)
    described = TargetFile(document, written, file.resolve().parent, variables)
    target = _Reader(described, today).read(file, hashlib.sha256(file.read_bytes()).hexdigest())
    if described.problems:
        raise DocumentError(described.problems)
    return target


def _escalation(told: str | dict[str, Any]) -> str:
    """Who is called, and how fast, as a line for people."""
    return told if isinstance(told, str) else f"{told['who']}, within {told['within_min']:g} min"


class _Reader:
    """Builds the dataclasses, section by section."""

    def __init__(self, described: TargetFile, today: date) -> None:
        self._file, self._today = described, today

    def read(self, file: Path, digest: str) -> Target:
        raw = self._file.value
        endpoints = EndpointSections(self._file)
        gateway = endpoints.endpoint(raw["gateway"], ("gateway",), "gateway") if "gateway" in raw else None
        providers = tuple(
            endpoints.endpoint(item, ("providers", i), item["name"]) for i, item in enumerate(raw.get("providers", ()))
        )
        endpoints.check_names(gateway, providers, [item["name"] for item in raw.get("services", ())])
        self._check_metrics(raw)
        endpoints.check_commands(gateway, raw.get("commands", {}))
        bands = {
            name: self._file.share_band(value, ("objectives", name), above=name in _ABOVE)
            for name, value in raw.get("objectives", {}).items()
        }
        root = self._file.folder(raw.get("root", "."), ("root",))
        sections = FileSections(root, self._file)
        loads = LoadSection(self._file)
        chatbot = ChatbotSection(self._file)
        hosts = HostSections(self._file)
        actors = hosts.actors(raw)
        actor_names = [actor.name for actor in actors]
        drills = DrillsSection(self._file)
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
            monitoring=MonitoringSection(self._file).read(
                raw.get("monitoring", {}), [endpoint.name for endpoint in (gateway, *providers) if endpoint is not None]
            ),
            security=SecuritySection(self._file).read(raw.get("security", {}), model_names),
            agent=AgentSection(self._file).read(raw["agent"]) if "agent" in raw else None,
            watch=Watch(**raw.get("watch", {})),
            bands={**_DEFAULT_BANDS, **bands},
            load=loads.read(raw["load"], gateway) if "load" in raw else None,
            actors=actors,
            cluster=ClusterSection(self._file).read(raw["cluster"]) if "cluster" in raw else None,
            toxiproxy=raw["toxiproxy"]["url"].rstrip("/") if "toxiproxy" in raw else None,
            commands=self._commands(raw.get("commands", {})),
            drills=drills.read(raw.get("drills", {})),
            host=hosts.host(raw["host"], actor_names) if "host" in raw else None,
            required=tuple(raw.get("required", ())),
            own_checks=self._own_checks(raw.get("checks", ())),
            waivers=self._waivers(raw.get("waivers", ())),
            budget=Budget(**raw.get("budget", {})),
            escalation={suite: _escalation(told) for suite, told in raw.get("escalation", {}).items()},
            valid_hours=float(raw.get("valid_hours", 24)),
        )
        drills.check(target.drills, raw, actor_names)
        check_steps(self._file)
        self._check_overhead(target)
        return dataclasses.replace(target, secrets=tuple(self._file.secrets))

    def _check_overhead(self, target: Target) -> None:
        """Where the way past the gateway is compared, it is known."""
        if target.gateway is None or target.load is None or target.load.gateway_overhead_ms is None:
            return
        model = target.gateway.model(target.load.model)
        if model is not None and target.upstream_of(model) is None:
            message = f"needs to know which model stands behind the gateway's {model.name} (provider, upstream)"
            self._file.problem(("load", "gateway_overhead_ms"), message)

    def _own_checks(self, raw: Sequence[str]) -> tuple[Path, ...]:
        return tuple(self._file.folder(text, ("checks", i)) for i, text in enumerate(raw))

    def _check_metrics(self, raw: dict[str, Any]) -> None:
        for i, item in enumerate(raw.get("providers", ())):
            if "requests_metric" in item and "metrics_path" not in item:
                self._file.problem(("providers", i, "requests_metric"), "needs metrics_path: where the counter is read")

    def _cache(self, raw: dict[str, Any]) -> Cache:
        return Cache(**{**raw, "password": self._file.secret(raw.get("password"), ("cache", "password"))})

    def _web(self, raw: dict[str, Any]) -> WebPage:
        return WebPage(**{"send": "", **raw})

    def _commands(self, raw: dict[str, Any]) -> dict[str, Command]:
        return {
            name: Command(**{**item, "do": tuple(item["do"]), "undo": tuple(item["undo"])})
            for name, item in raw.items()
        }

    def _waivers(self, raw: list[dict[str, str]]) -> tuple[Waiver, ...]:
        waivers = []
        for i, item in enumerate(raw):
            try:
                expires = date.fromisoformat(item["expires"])
            except ValueError:
                self._file.problem(("waivers", i, "expires"), f"{item['expires']!r} is not a date")
                continue
            if expires < self._today:
                message = f"the waiver for {item['check']} expired on {expires}: fix the check or renew the waiver"
                self._file.problem(("waivers", i, "expires"), message)
            waivers.append(Waiver(item["check"], item["reason"], item["owner"], expires))
        return tuple(waivers)
