"""What can be reached by whom: CORS, Redis passwords, authentication, TLS."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gonogo.documents import Part, Problem, Problems
from gonogo.rules.objects import Manifests, name_of
from gonogo.rules.sources import (
    Sources,
    Variable,
    compose_variables,
    containers,
    host_of,
    is_inside,
    is_loopback,
    variables,
)

_ORIGIN_VARIABLES = (
    "OLLAMA_ORIGINS",
    "LITELLM_CORS_ORIGINS",
    "CORS_ORIGINS",
    "ALLOWED_ORIGINS",
    "CORS_ALLOWED_ORIGINS",
)
_INGRESS = "nginx.ingress.kubernetes.io/"
_SECURED_BY = {
    "ollama": "",
    "vllm-openai": r"--api-key|VLLM_API_KEY",
    "llama.cpp": r"--api-key|LLAMA_API_KEY",
    "redis": r"--requirepass|REDIS_PASSWORD|REDIS_ARGS",
    "redis-stack-server": r"--requirepass|REDIS_ARGS",
    "valkey": r"--requirepass|VALKEY_PASSWORD",
    "qdrant": r"QDRANT__SERVICE__API_KEY",
    "weaviate": r"AUTHENTICATION_APIKEY_ENABLED|AUTHENTICATION_OIDC_ENABLED",
    "postgres": r"POSTGRES_PASSWORD",
    "rabbitmq": r"RABBITMQ_DEFAULT_PASS",
}
"""Servers that ask for no key unless told to, by the name of their image; nothing tells Ollama."""
_IN_SHELL = re.compile(r"\$(?:\{\w+(?::?-([^{}]*))?[^{}]*\}|\w+)")
"""A variable of a compose file, with its default, which holds no other one."""
_UNKNOWN = "$"
_CERTIFICATES = ("certificate", "pre-shared-cert", "managed-cert")
"""What an annotation of an ingress contains where the cloud's load balancer has the certificate."""


def any_origin(sources: Sources) -> Problems:
    """Places that let a page of any origin ask: ``*`` as an allowed origin, or CORS switched on without a list."""
    return [*_origins(sources), *_ingress_origins(sources)]


def _origins(sources: Sources) -> Iterator[Problem]:
    for document in sources.of("chatbot"):
        for origin in document.root["allowed_origins"]:
            if "*" in origin.text():
                yield origin.problem(f"the origin {origin.text()!r} lets any page ask: name the origins")
    for variable in variables(sources):
        if variable.name in _ORIGIN_VARIABLES and "*" in variable.value:
            yield variable.place.problem(f"{variable.name} is {variable.value!r}: it lets any page ask")


def _ingress_origins(sources: Sources) -> Iterator[Problem]:
    for document in sources.of("manifests"):
        annotations = document.root.at("metadata", "annotations")
        allowed = annotations[f"{_INGRESS}cors-allow-origin"]
        if annotations[f"{_INGRESS}enable-cors"].text() == "true" and not allowed:
            yield annotations.problem("CORS is on without cors-allow-origin, whose default is '*'")
        elif "*" in allowed.text():
            yield allowed.problem(f"the origin {allowed.text()!r} lets any page ask")


def default_origins(sources: Sources, set_elsewhere: tuple[str, ...]) -> Problems:
    """LiteLLM gateways whose CORS origins nobody sets: its default is ``*``."""
    if "LITELLM_CORS_ORIGINS" in _known_names(sources, set_elsewhere):
        return []
    message = "nothing sets LITELLM_CORS_ORIGINS, whose default lets any page ask"
    return [document.root.problem(message) for document in sources.of("gateway")]


def _known_names(sources: Sources, set_elsewhere: tuple[str, ...]) -> set[str]:
    """What is set, or passed on; a name with nothing behind it is neither."""
    return {*set_elsewhere, *(variable.name for variable in variables(sources) if variable.value.strip())}


def as_warnings(problems: Problems) -> Problems:
    """The same problems, worth a caveat only."""
    return [replace(problem, warning=True) for problem in problems]


def open_redis(sources: Sources, set_elsewhere: tuple[str, ...]) -> Problems:
    """Redis servers beyond loopback that are used, or started, without a password."""
    problems: Problems = []
    given = "REDIS_PASSWORD" in _known_names(sources, set_elsewhere)  # LiteLLM takes it where the file has none
    for document in sources.of("gateway"):
        router, cache = document.root["router_settings"], document.root.at("litellm_settings", "cache_params")
        for place, prefix in ((router, "redis_"), (cache, "")):
            problems += [] if given else _redis_settings(place, prefix)
    for document in sources.of("chatbot"):
        problems += _redis_url(document.root["redis_url"], document.root["redis_url"].text())
    problems += [p for v in variables(sources) if v.name.endswith("REDIS_URL") for p in _redis_url(v.place, v.value)]
    servers = [server for server in _servers(sources) if re.match(r"redis|valkey", server.image_name)]
    return problems + [_without_password(server) for server in servers if not server.is_secured()]


def _without_password(server: "_Server") -> Problem:
    if server.may_be_secured():
        message = f"{server.name} starts {server.image_name} with settings that are not seen here: is a password there?"
        return replace(server.image.problem(message), warning=True)
    return server.image.problem(f"{server.name} starts {server.image_name} without a password")


def _redis_settings(place: Part, prefix: str) -> Problems:
    host, password, url = place[f"{prefix}host"], place[f"{prefix}password"], place[f"{prefix}url"]
    if url:
        return _redis_url(url, url.text())
    if not host or password or is_loopback(host.text()):
        return []
    return [host.problem(f"Redis on {host.text()} is used without a password")]


def _redis_url(place: Part, url: str) -> Problems:
    if not url.startswith(("redis://", "rediss://")) or is_loopback(host_of(url)) or _password_in(url):
        return []
    return [place.problem(f"Redis on {host_of(url)} is used without a password")]


def _password_in(url: str) -> str:
    credentials, at, _ = url.partition("://")[2].rpartition("@")
    return credentials.partition(":")[2] if at else ""


@dataclass(frozen=True)
class _Server:
    """A container that serves, of a compose file or a manifest."""

    name: str
    image: Part
    words: str
    """Its command, arguments and environment in one text."""
    has_more: bool = False
    """Variables of its environment stand in what is not seen here: a secret, as a whole."""

    @property
    def image_name(self) -> str:
        """The image's name without registry, folder, tag and digest."""
        return self.image.text().partition("@")[0].rpartition("/")[2].partition(":")[0]

    def is_secured(self) -> bool:
        """Whether it is told to ask for a key; servers that do so by themselves count as told."""
        told = _SECURED_BY.get(self.image_name)
        if told is None:
            return True
        found = re.search(rf"(?:{told})\S*[\s=]+(\S+)", self.words) if told else None
        return found is not None and found.group(1) not in ('""', "''", "--")

    def may_be_secured(self) -> bool:
        """Whether it could be told where nobody sees it here: by a secret's variables, or a configuration file."""
        is_redis = re.match(r"redis|valkey", self.image_name)
        return self.has_more or bool(is_redis and re.search(r"\S\.conf\b|--aclfile|--user\b", self.words))


def _servers(sources: Sources) -> Iterator[_Server]:
    for document in sources.of("compose"):
        for name, service in document.root["services"].entries():
            yield _Server(name, service["image"], _words(service, list(compose_variables(service))))
    for document in sources.of("manifests"):
        for container in containers(document.root):
            names = [f"{item['name'].text()} set" for item in container["env"]]
            words = " ".join([*container["command"].texts(), *container["args"].texts(), *names])
            name = document.root.at("metadata", "name").text()
            yield _Server(name, container["image"], words, has_more=bool(container["envFrom"]))


def _words(service: Part, given: list[Variable]) -> str:
    parts = [part for key in ("entrypoint", "command") for part in (service[key].text(), *service[key].texts())]
    passed_on = [f"{item.text()} set" for item in service["environment"] if item.text() and "=" not in item.text()]
    return " ".join([*(part or '""' for part in parts), *(f"{v.name} {v.value}" for v in given if v.value), *passed_on])


def no_authentication(sources: Sources, set_elsewhere: tuple[str, ...]) -> Problems:
    """Gateways without a master key, and servers without a key that are published beyond loopback."""
    problems: Problems = []
    for document in sources.of("gateway"):
        settings = document.root["general_settings"]
        told = settings["master_key"] or settings["custom_auth"] or settings["enable_jwt_auth"]
        if not told and "LITELLM_MASTER_KEY" not in _known_names(sources, set_elsewhere):
            problems.append(settings.problem("no master_key: whoever reaches the gateway may use it"))
    open_servers = {server.name: server for server in _servers(sources) if not server.is_secured()}
    for document in sources.of("compose"):
        for name, service in document.root["services"].entries():
            if name in open_servers:
                found = _published(name, service)
                problems += as_warnings(found) if open_servers[name].may_be_secured() else found
    unsure = {name: server for name, server in open_servers.items() if server.may_be_secured()}
    sure = {name: server for name, server in open_servers.items() if name not in unsure}
    return [*problems, *_published_services(sources, sure), *as_warnings(_published_services(sources, unsure))]


def _published(name: str, service: Part) -> Problems:
    """Ports of a compose service that are reachable on every address."""
    if service["network_mode"].text() == "host":
        return [service["network_mode"].problem(f"{name} asks for no key and shares the host's network")]
    problems: Problems = []
    for port in service["ports"]:
        address = _address_of(port)
        message = f"{name} asks for no key and is published on every address: write 127.0.0.1:{port.text()}"
        if address == _UNKNOWN:
            message = f"{name} asks for no key: is the address loopback that {port.text()} publishes it on?"
        if not is_loopback(address):
            problems.append(replace(port.problem(message), warning=address == _UNKNOWN))
    return problems


def _published_services(sources: Sources, open_servers: Mapping[str, _Server]) -> Problems:
    """Kubernetes services that lead to such a server from outside of the cluster."""
    manifests = Manifests(sources.of("manifests"))
    problems: Problems = []
    for service in manifests.of("Service"):
        outside = service.at("spec", "type")
        if outside.text() in ("LoadBalancer", "NodePort"):
            behind = [name_of(w) for w in manifests.selected_by(service.at("spec", "selector"))]
            problems += [
                outside.problem(f"{name} asks for no key and is published as a {outside.text()}")
                for name in behind
                if name in open_servers
            ]
    return problems


def _address_of(port: Part) -> str:
    """The address that a compose file's port is published on; empty for every one, `_UNKNOWN` if a variable has it."""
    text = (port["host_ip"] if isinstance(port.value, dict) else port).text()
    while (filled := _IN_SHELL.sub(lambda found: found.group(1) or _UNKNOWN, text)) != text:
        text = filled  # a default may hold another one
    address = text if isinstance(port.value, dict) else text.rpartition(":")[0].rpartition(":")[0]
    return _UNKNOWN if _UNKNOWN in address or text == _UNKNOWN else address


def no_tls(sources: Sources) -> Problems:
    """Ways in from outside, and ways out, that are not encrypted."""
    problems: Problems = []
    urls: list[tuple[str, Part]] = []
    for document in sources.of("manifests"):
        root = document.root
        certificates = [key for key, _ in root.at("metadata", "annotations").entries() if _has_certificate(key)]
        if root["kind"].text() == "Ingress" and not root.at("spec", "tls") and not certificates:
            problems.append(root["spec"].problem(f"the ingress {root.at('metadata', 'name').text()} has no tls"))
    for document in sources.of("routes"):
        base = document.root.at("GlobalConfiguration", "BaseUrl")
        urls = [*urls, (base.text(), base)]
    for document in sources.of("gateway"):
        bases = [entry.at("litellm_params", "api_base") for entry in document.root["model_list"]]
        urls = [*urls, *((base.text(), base) for base in bases)]
    for document in sources.of("providers"):
        urls = [*urls, *((part["url"].text(), part["url"]) for part in document.root["providers"])]
    for url, place in urls:
        if is_plain(url):
            problems.append(place.problem(f"{url} crosses a public network without TLS"))
    return problems


def _has_certificate(annotation: str) -> bool:
    return any(word in annotation for word in _CERTIFICATES)


def is_plain(url: str) -> bool:
    """Whether a URL leads beyond loopback and private networks without TLS."""
    return url.startswith("http://") and not is_inside(host_of(url))
