"""What can be reached by whom: CORS, Redis passwords, authentication, TLS."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from gonogo.documents import Part, Problem, Problems
from gonogo.rules.sources import (
    Sources,
    compose_variables,
    host_of,
    is_inside,
    is_loopback,
    is_reference,
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
_OPEN_SERVERS = re.compile(
    r"(^|/)(ollama|vllm-openai|llama\.cpp|redis|valkey|qdrant|weaviate|chroma|postgres|rabbitmq)(:|@|-|$)"
)
"""Images of servers that ask for no key unless told to."""
_KEY_WORDS = re.compile(r"--api-key|--requirepass|VLLM_API_KEY|LLAMA_API_KEY|(API_KEY|PASSWORD|_TOKEN|_PASS)(_FILE)?$")


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
    if "LITELLM_CORS_ORIGINS" in {*set_elsewhere, *(variable.name for variable in variables(sources))}:
        return []
    message = "nothing sets LITELLM_CORS_ORIGINS, whose default lets any page ask"
    return [document.root.problem(message) for document in sources.of("gateway")]


def as_warnings(problems: Problems) -> Problems:
    """The same problems, worth a caveat only."""
    return [replace(problem, warning=True) for problem in problems]


def open_redis(sources: Sources) -> Problems:
    """Redis servers beyond loopback that are used, or started, without a password."""
    problems: Problems = []
    for document in sources.of("gateway"):
        router, cache = document.root["router_settings"], document.root.at("litellm_settings", "cache_params")
        for place, prefix in ((router, "redis_"), (cache, "")):
            problems += _redis_settings(place, prefix)
    for document in sources.of("chatbot"):
        problems += _redis_url(document.root["redis_url"])
    problems += [p for v in variables(sources) if v.name.endswith("REDIS_URL") for p in _redis_url(v.place, v.value)]
    return problems + _redis_services(sources)


def _redis_settings(place: Part, prefix: str) -> Problems:
    host, password, url = place[f"{prefix}host"], place[f"{prefix}password"], place[f"{prefix}url"]
    if url:
        return _redis_url(url)
    if not host or password or is_reference(host.text()) or is_loopback(host.text()):
        return []
    return [host.problem(f"Redis on {host.text()} is used without a password")]


def _redis_url(place: Part, text: str = "") -> Problems:
    url = text or place.text()
    if not url.startswith(("redis://", "rediss://")) or is_loopback(host_of(url)) or "@" in urlsplit(url).netloc:
        return []
    return [place.problem(f"Redis on {host_of(url)} is used without a password")]


def _redis_services(sources: Sources) -> Problems:
    problems: Problems = []
    for document in sources.of("compose"):
        for name, service in document.root["services"].entries():
            words = " ".join([service["command"].text(), *service["command"].texts()])
            if re.search(r"(^|/)(redis|valkey)(:|@|-|$)", service["image"].text()) and "--requirepass" not in words:
                problems.append(service["image"].problem(f"{name} starts Redis without --requirepass"))
    return problems


def no_authentication(sources: Sources) -> Problems:
    """Gateways without a master key, and servers without one whose port is published beyond loopback."""
    problems: Problems = []
    for document in sources.of("gateway"):
        settings = document.root["general_settings"]
        if not (settings["master_key"] or settings["custom_auth"] or settings["enable_jwt_auth"]):
            problems.append(settings.problem("no master_key: whoever reaches the gateway may use it"))
    for document in sources.of("compose"):
        for name, service in document.root["services"].entries():
            problems += _published(name, service)
    return problems


def _published(name: str, service: Part) -> Problems:
    if not _OPEN_SERVERS.search(service["image"].text()) or _has_key(service):
        return []
    return [
        port.problem(f"{name} asks for no key and is published on every address: write 127.0.0.1:{port.text()}")
        for port in service["ports"]
        if not _on_loopback(port)
    ]


def _has_key(service: Part) -> bool:
    words = [service["command"].text(), *service["command"].texts(), *service["environment"].texts()]
    words += [variable.name for variable in compose_variables(service)]
    return any(_KEY_WORDS.search(word) for word in words)


def _on_loopback(port: Part) -> bool:
    host = port["host_ip"].text() if isinstance(port.value, dict) else port.text().rpartition(":")[0].rpartition(":")[0]
    return is_loopback(host) if host else False


def no_tls(sources: Sources) -> Problems:
    """Ways in from outside, and ways out, that are not encrypted."""
    problems: Problems = []
    urls: list[tuple[str, Part]] = []
    for document in sources.of("manifests"):
        root = document.root
        if root["kind"].text() == "Ingress" and not root.at("spec", "tls"):
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


def is_plain(url: str) -> bool:
    """Whether a URL leads beyond loopback and private networks without TLS."""
    return url.startswith("http://") and not is_inside(host_of(url))
