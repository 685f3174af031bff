"""On what a check runs: each endpoint, model, metrics page or load objective of the target is an instance."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gonogo.plugin.gate import Gate, gate_of
from gonogo.targets.agent import NEED_APPROVAL, RISKS
from gonogo.targets.endpoints import ChatModel, Deviation, Endpoint
from gonogo.targets.model import Target
from gonogo.targets.security import SecureAddress

_Instances = dict[str, object]


def _chats(target: Target) -> _Instances:
    """Every endpoint with every chat model."""
    return {f"{e.name}/{model.name}": (e, model) for e in target.endpoints() for model in e.chat_models()}


def _first_chats(target: Target) -> _Instances:
    """Every endpoint with its first chat model."""
    return {f"{e.name}/{model.name}": (e, model) for e in target.endpoints() for model in e.chat_models()[:1]}


def _speakers(target: Target) -> _Instances:
    """Every endpoint with its first chat model: for what does not depend on the model."""
    return {
        endpoint.name: (endpoint, models[0]) for endpoint in target.endpoints() if (models := endpoint.chat_models())
    }


def _limited(target: Target) -> _Instances:
    """Every provider's model that is kept for the limit check; the gateway's belong to the suite routing."""
    return {
        f"{p.name}/{model.name}": (p, model) for p in target.providers for model in p.models if model.rpm is not None
    }


def _routed(target: Target) -> _Instances:
    """Every gateway model whose provider, and its model there, are declared."""
    gateway = target.gateway
    if gateway is None:
        return {}
    found = {model.name: (gateway, model, target.upstream_of(model)) for model in gateway.chat_models()}
    return {f"{gateway.name}/{name}": routed for name, routed in found.items() if routed[2] is not None}


def _chains(target: Target) -> _Instances:
    """Every gateway model with fallbacks whose providers all tell what arrives at them."""
    gateway = target.gateway
    models = [model for model in gateway.chat_models() if model.fallbacks] if gateway else []
    return {
        f"{gateway.name}/{model.name}": (gateway, model)
        for model in models
        if gateway and (links := target.chain_of(model)) and all(link.control_url for link in links)
    }


def _kept(limit: str) -> Callable[[Target], _Instances]:
    """Every gateway model that is kept for the check of a limit: ``rpm``, ``tpm``, ``parallel``."""

    def instances(target: Target) -> _Instances:
        gateway = target.gateway
        models = gateway.models if gateway else ()
        return {f"{gateway.name}/{m.name}": (gateway, m) for m in models if gateway and getattr(m, limit) is not None}

    return instances


def _pools(target: Target) -> _Instances:
    """Every gateway model that several providers share."""
    gateway = target.gateway
    models = gateway.models if gateway else ()
    return {f"{gateway.name}/{model.name}": (gateway, model) for model in models if gateway and model.pool}


def _canaries(target: Target) -> _Instances:
    """Every slice of every gateway model that a new provider takes over; without a command only the one that is set."""
    gateway = target.gateway
    return {
        f"{gateway.name}/{model.name}/{percent:g}": (gateway, model, percent)
        for model in (gateway.models if gateway else ())
        if gateway and model.canary
        for percent in model.canary.percents[: None if model.canary.command else 1]
    }


def _natives(kind: str) -> Callable[[Target], _Instances]:
    """Every model of a kind (``chat``, ``embedding``) of an Ollama server."""

    def instances(target: Target) -> _Instances:
        return {
            f"{endpoint.name}/{model.name}": (endpoint, model)
            for endpoint in target.providers
            if endpoint.kind == "ollama"
            for model in endpoint.models
            if model.kind == kind and model.rpm is None
        }

    return instances


def _services(target: Target) -> _Instances:
    return {service.name: service for service in target.services}


def _serving(target: Target) -> _Instances:
    """Every address that says which model it has loaded."""
    return {
        f"{endpoint.name}/{i}" if endpoint.replicas else endpoint.name: (endpoint, address)
        for endpoint in target.endpoints()
        if endpoint.serves is not None
        for i, address in enumerate(endpoint.addresses())
    }


def _restartable(target: Target) -> _Instances:
    """Every provider with a chat model that may be restarted."""
    return {
        provider.name: (provider, models[0])
        for provider in target.providers
        if provider.service is not None and (models := provider.chat_models())
    }


def _embedders(target: Target) -> _Instances:
    """Every endpoint with every embedding model."""
    return {f"{e.name}/{model.name}": (e, model) for e in target.endpoints() for model in e.embedding_models()}


def _endpoints(target: Target) -> _Instances:
    return {endpoint.name: endpoint for endpoint in target.endpoints()}


def _guarded(target: Target) -> _Instances:
    return {endpoint.name: endpoint for endpoint in target.endpoints() if endpoint.key is not None}


def _secure_addresses(target: Target) -> _Instances:
    """Everything that has an https address."""
    found = {e.name: SecureAddress(e.url, e.health_path, is_page=False) for e in target.endpoints()}
    if target.chatbot is not None:
        found["chatbot"] = SecureAddress(target.chatbot.url, target.chatbot.health_path or "/", is_page=False)
    if target.web is not None:
        found["web"] = SecureAddress(target.web.url, "", is_page=True)
    return {name: address for name, address in found.items() if address.url.startswith("https://")}


def _plain_addresses(target: Target) -> _Instances:
    """By their position: a port may differ from run to run."""
    return {str(i): url for i, url in enumerate(target.security.plain, 1)}


def _agent_tools(target: Target) -> _Instances:
    return {tool.name: tool for tool in (target.agent.tools if target.agent else ())}


def _agent_actions(*risks: str) -> Callable[[Target], _Instances]:
    """The declared action of each of these risks."""

    def instances(target: Target) -> _Instances:
        actions = target.agent.actions if target.agent else {}
        return {risk: (risk, actions[risk]) for risk in risks if risk in actions}

    return instances


def _pages(target: Target) -> _Instances:
    return {page.name: page for page in target.monitoring.metrics}


def _of_prometheus(section: str) -> Callable[[Target], _Instances]:
    """Everything that a list of the section ``monitoring.prometheus`` declares, by its name."""

    def instances(target: Target) -> _Instances:
        prometheus = target.monitoring.prometheus
        return {_named(item): item for item in (getattr(prometheus, section) if prometheus else ())}

    return instances


def _scrape_jobs(target: Target) -> _Instances:
    """Every scrape job that must be up; all together where none is named."""
    prometheus = target.monitoring.prometheus
    return {job or "all": job for job in ((prometheus.jobs or ("",)) if prometheus else ())}


def _required_alerts(target: Target) -> _Instances:
    prometheus = target.monitoring.prometheus
    return {name: (name, severity) for name, severity in (prometheus.alerts.items() if prometheus else ())}


def _own_counters(target: Target) -> _Instances:
    return {counter.name: counter for counter in target.monitoring.counters}


def _logs(target: Target) -> _Instances:
    return {log.name: log for log in target.monitoring.logs}


def _dashboard_sources(target: Target) -> _Instances:
    """Every file of a dashboard; a Grafana as a whole, since only it knows what it has."""
    dashboards = target.monitoring.dashboards
    if dashboards is None:
        return {}
    stems = Counter(file.stem for file in dashboards.files)
    named: _Instances = {}
    for file in dashboards.files:
        named[file.stem if stems[file.stem] == 1 else f"{file.parent.name}/{file.stem}"] = file
    return named or {"grafana": dashboards.grafana}


def _alert_drills(target: Target) -> _Instances:
    alertmanager = target.monitoring.alertmanager
    return {drill.name: drill for drill in (alertmanager.drills if alertmanager else ())}


def _config_files(target: Target) -> _Instances:
    """Every configuration file; manifests have checks of their own."""
    return {file.name: file for file in (target.config.files if target.config else ()) if file.kind != "manifests"}


def _datasets(target: Target) -> _Instances:
    return {dataset.name: dataset for dataset in (target.artifacts.datasets if target.artifacts else ())}


def _objectives(*metrics: str) -> Callable[[Target], _Instances]:
    def instances(target: Target) -> _Instances:
        return {o.name: o for o in (target.load.objectives if target.load else ()) if o.metric in metrics}

    return instances


def _load_route(target: Target) -> _Instances:
    """The model of the load run, where its provider and its model there are declared."""
    asked = f"{target.gateway.name}/{target.load.model}" if target.gateway and target.load else ""
    return {name: route for name, route in _routed(target).items() if name == asked}


def _ratios(target: Target) -> _Instances:
    baseline = target.load.baseline if target.load else None
    return {ratio.name: ratio for ratio in (baseline.ratios if baseline else ())}


def _of_cluster(section: str) -> Callable[[Target], _Instances]:
    """Everything that a list or table of the section ``cluster`` declares, by its name."""

    def instances(target: Target) -> _Instances:
        found = getattr(target.cluster, section) if target.cluster else ()
        if isinstance(found, Mapping):
            return {name: (name, item) for name, item in found.items()}
        return {_named(item): item for item in found}

    return instances


def _named(item: Any) -> str:  # noqa: ANN401 (a dataclass of the section, or a name)
    return str(getattr(item, "reference", None) or getattr(item, "name", None) or item)


def _released(target: Target) -> _Instances:
    """Every workload whose releases the registry knows."""
    return {w.reference: w for w in (target.cluster.workloads if target.cluster else ()) if w.release}


def _host_services(target: Target) -> _Instances:
    return {service.name: service for service in (target.host.services if target.host else ())}


def _host_resources(target: Target) -> _Instances:
    """Every resource of the machine that has bounds."""
    return {name: (name, band) for name, band in (target.host.bands if target.host else ())}


def _drills(kind: str) -> Callable[[Target], _Instances]:
    """Every drill of a kind."""

    def instances(target: Target) -> _Instances:
        return {drill.name: drill for drill in getattr(target.drills, kind)}

    return instances


def _config_rollbacks(target: Target) -> _Instances:
    drill = target.drills.config_rollback
    return {drill.service: drill} if drill is not None else {}


def _every_drill(target: Target) -> _Instances:
    """Every declared drill, of whatever kind."""
    found = {f"{kind}/{drill.name}": drill for kind, drills in target.drills.sections().items() for drill in drills}
    config = _config_rollbacks(target).items()
    return found | {f"config_rollback/{name}": drill for name, drill in config}


_INSTANCES: dict[str, Callable[[Target], _Instances]] = {
    "chat": _chats,
    "speaker": _speakers,
    "limited": _limited,
    "routed": _routed,
    "chain": _chains,
    "limited_chat": _kept("rpm"),
    "token_limited_chat": _kept("tpm"),
    "burst": _kept("parallel"),
    "pool": _pools,
    "canary": _canaries,
    "restarted": _restartable,
    "embedder": _embedders,
    "ollama": _natives("chat"),
    "ollama_embedder": _natives("embedding"),
    "service": _services,
    "serving": _serving,
    "endpoint": _endpoints,
    "guarded_endpoint": _guarded,
    "secure_address": _secure_addresses,
    "plain_http": _plain_addresses,
    "agent_tool": _agent_tools,
    "risky_action": _agent_actions(*NEED_APPROVAL),
    "any_action": _agent_actions(*RISKS),
    "metrics_page": _pages,
    "scrape_job": _scrape_jobs,
    "required_series": _of_prometheus("series"),
    "required_buckets": _of_prometheus("histograms"),
    "window_objective": _of_prometheus("objectives"),
    "required_alert": _required_alerts,
    "own_counter": _own_counters,
    "alert_drill": _alert_drills,
    "request_log": _logs,
    "dashboard_models": _dashboard_sources,
    "config_file": _config_files,
    "dataset": _datasets,
    "workload": _of_cluster("workloads"),
    "released_workload": _released,
    "secret": _of_cluster("secrets"),
    "config_map": _of_cluster("config_maps"),
    "storage_class": _of_cluster("storage_classes"),
    "claim": _of_cluster("claims"),
    "autoscaler": _of_cluster("autoscalers"),
    "cron_job": _of_cluster("cron_jobs"),
    "job": _of_cluster("jobs"),
    "flow": _of_cluster("flows"),
    "access": _of_cluster("access"),
    "backup": _of_cluster("backups"),
    "host_service": _host_services,
    "host_resource": _host_resources,
    "rollback_drill": _drills("rollbacks"),
    "rollout_drill": _drills("rollouts"),
    "canary_drill": _drills("canaries"),
    "blue_green_drill": _drills("blue_green"),
    "kill_drill": _drills("kills"),
    "start_drill": _drills("starts"),
    "playbook_drill": _drills("playbooks"),
    "restore_drill": _drills("restores"),
    "autoscaling_drill": _drills("autoscaling"),
    "config_rollback_drill": _config_rollbacks,
    "any_drill": _every_drill,
    "due_drill": _every_drill,
    "latency_objective": _objectives("latency_ms"),
    "ttft_objective": _objectives("ttft_ms"),
    "gap_objective": _objectives("gap_ms"),
    "errors_objective": _objectives("errors"),
    "speed_objective": _objectives("stream_tokens_per_s"),
    "goodput_objective": _objectives("goodput"),
    "throughput_objective": _objectives("requests_per_s", "tokens_per_s"),
    "cost_objective": _objectives("cost_per_1000_good"),
    "cold_start_objective": _objectives("cold_start_ms"),
    "capacity_objective": _objectives("capacity_per_s"),
    "baseline_ratio": _ratios,
    "load_route": _load_route,
}
"""Fixture name to its instances. The fixture gets the instance as its parameter, None where nothing is declared."""
_IN_SHORT_STAGES = {"chat": _first_chats}
"""Those of which short stages take fewer."""


def deviations_of(item: pytest.Item) -> list[Deviation]:
    """The known deviations of the endpoint, and of its model, that an item's instance is or is of."""
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec is not None else ()
    parts = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    endpoint = next((part for part in parts if isinstance(part, Endpoint)), None)
    model = next((part.name for part in parts if isinstance(part, ChatModel)), "")
    deviations = endpoint.deviations if endpoint is not None else ()
    return [deviation for deviation in deviations if not deviation.models or model in deviation.models]


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give each of these fixtures that a check asks for its instances."""
    gate: Gate | None = gate_of(metafunc.config)
    fewer = _IN_SHORT_STAGES if gate and gate.stage.smoke_only else {}
    for name, instances_of in (_INSTANCES | fewer).items():
        if name in metafunc.fixturenames:
            found = instances_of(gate.target) if gate else {}
            found = found or {"undeclared": None}
            metafunc.parametrize(name, list(found.values()), ids=list(found), indirect=True)
