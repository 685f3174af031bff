"""Which JSON Schema a file must meet, by its kind."""

from collections.abc import Iterable
from functools import cache

from gonogo import resources
from gonogo.documents import Document, Problems, Schema
from gonogo.rules.gateway import GatewayConfig, unread_includes

_SCHEMAS = {
    "gateway": "litellm-config",
    "providers": "provider-registry",
    "mappings": "model-mappings",
    "thresholds": "thresholds",
    "chatbot": "chatbot-settings",
    "routes": "ocelot",
    "alerts": "prometheus-rules",
    "compose": "compose",
    "modelfile": "modelfile",
    "ollama_environment": "ollama-environment",
    "registry": "model-registry",
    "evaluation": "evaluation-record",
    "scan": "trivy-report",
}
"""Kinds without a schema: environment files (any name may stand there), manifests (see `gonogo.rules.manifests`)."""


def violations_of(kind: str, documents: Iterable[Document]) -> Problems:
    """Every violation of the kind's schema, and what of the file is not verified."""
    problems: Problems = []
    for document in documents:
        if kind in _SCHEMAS:
            problems += _schema(_SCHEMAS[kind]).problems(document)
        if kind == "gateway":
            problems += unread_includes(GatewayConfig(document))
    return problems


@cache
def _schema(name: str) -> Schema:
    return Schema(resources.schema(name))
