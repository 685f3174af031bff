"""No document of a wrong form breaks a rule: parts of healthy samples are replaced by anything, and every rule is run."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.documents import Document, load_document, load_documents
from gonogo.resources import folder
from gonogo.rules import (
    alerts,
    exposure,
    fallbacks,
    images,
    manifests,
    policies,
    references,
    registry,
    routes,
    secrets,
    timeouts,
)
from gonogo.rules import mappings as mapping_rules
from gonogo.rules.drift import from_mappings
from gonogo.rules.gateway import GatewayConfig, missing_limits
from gonogo.rules.mappings import Mappings
from gonogo.rules.objects import Manifests
from gonogo.rules.registry import ModelRegistry
from gonogo.rules.schemas import violations_of
from gonogo.rules.sources import Sources
from gonogo.rules.timeouts import Client
from gonogo.targets.files import PublicPath

SAMPLES = folder("fixtures") / "deployments"
MAPPINGS = Mappings(
    load_document(SAMPLES / "kind-d" / "providers.yaml"), load_document(SAMPLES / "kind-d" / "model-mappings.yaml")
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["*", "a", "$X", "1Gi"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def gateway_rules(document: Document) -> None:
    config = GatewayConfig(document)
    windows = fallbacks.context_windows(config, MAPPINGS)
    for rule in (fallbacks.dangling, fallbacks.cycles, fallbacks.same_provider, missing_limits, timeouts.no_cooldown):
        rule(config)
    fallbacks.smaller_contexts(config, windows, [])
    timeouts.not_nested(config, MAPPINGS)
    timeouts.too_slow(config, [Client("c", 1)])
    from_mappings(config, MAPPINGS)


def mapping_file_rules(document: Document) -> None:
    for pair in (Mappings(MAPPINGS.registry, document), Mappings(document, MAPPINGS.mappings)):
        mapping_rules.disagreements(pair)
        mapping_rules.ambiguous_names(pair)
        mapping_rules.dead_patterns(pair)
        pair.context_tokens()


def manifest_rules(document: Document) -> None:
    objects = Manifests((document,))
    manifests.invalid(document, "1.34")
    policies.without_probes(objects)
    policies.without_resources(objects, {"chatbot": {"requests": {"cpu": "1"}}})
    policies.undisruptable(objects)
    policies.wrong_scaling(objects, {"chatbot": (1, 2)})
    policies.wrong_storage(objects, {"models": "1Gi"})
    policies.short_startups(objects, {"chatbot": 1})


def alert_rules(document: Document) -> None:
    alerts.unparsable([document])
    alerts.unexported([document], ["up"], ["x"])
    alerts.missing([document], {"LiteLLMDown": "critical"})


def route_rules(document: Document) -> None:
    routes.unrouted([document], [PublicPath("/api/chat/message", "POST", "chatbot")])
    routes.shadowed([document])


def registry_rules(document: Document) -> None:
    models = ModelRegistry(document)
    registry.not_one_production(models)
    registry.dishonest_states(models)
    registry.no_way_back(models)
    models.last_known_good()
    for version in models.versions():
        version.remote()
        registry.not_earned(document, version, {})


def scan_rules(document: Document) -> None:
    places = list(images.used(Sources({"compose": (document,)}))) or [document.root]
    images.unpinned(places)
    images.vulnerable(places, [document], 0)


def no_more_rules(_document: Document) -> None:
    """Nothing beyond what every kind is put through."""


CASES: dict[str, tuple[str, Callable[[Document], None]]] = {
    "gateway": ("kind-d/gateway.yaml", gateway_rules),
    "providers": ("kind-d/providers.yaml", mapping_file_rules),
    "mappings": ("kind-d/model-mappings.yaml", mapping_file_rules),
    "alerts": ("kind-d/alerts.yaml", alert_rules),
    "chatbot": ("kind-d/chatbot.json", no_more_rules),
    "compose": ("kind-e/docker-compose.yaml", scan_rules),
    "manifests": ("kind-c/k8s/phase-3-local/chatbot.yaml", manifest_rules),
    "routes": ("kind-a/ocelot.json", route_rules),
    "registry": ("kind-a/registry.json", registry_rules),
    "scan": ("kind-a/scans/web.json", scan_rules),
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in inner for deeper in paths(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("kind", CASES)
@settings(max_examples=60)
@given(data=st.data())
def test_no_form_breaks_a_rule(kind: str, data: st.DataObject) -> None:
    file, rules = CASES[kind]
    sample = data.draw(st.sampled_from(load_documents(SAMPLES / file)))
    value = sample.value
    for _ in range(data.draw(st.integers(1, 3))):
        value = replaced(value, data.draw(st.sampled_from(paths(value))), data.draw(ANYTHING))
    document = Document(sample.file, value, sample.places)
    sources = Sources({kind: (document,)})
    rules(document)
    violations_of(kind, [document])
    exposure.any_origin(sources)
    exposure.open_redis(sources, ())
    exposure.no_authentication(sources, ())
    exposure.no_tls(sources)
    references.unset(sources, {}, [])
    assert all(problem.line >= 1 for problem in secrets.plain_values(document))
