"""Kubernetes manifests against the API of the cluster's version, offline (the schemas of kubernetes-validate)."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from kubernetes_validate import utils

from gonogo.documents import Document, Problems, Schema

_GROUPS = frozenset(
    "apps batch policy autoscaling extensions admissionregistration.k8s.io apiregistration.k8s.io "
    "authentication.k8s.io authorization.k8s.io certificates.k8s.io coordination.k8s.io discovery.k8s.io events.k8s.io "
    "flowcontrol.apiserver.k8s.io networking.k8s.io node.k8s.io rbac.authorization.k8s.io resource.k8s.io "
    "scheduling.k8s.io storage.k8s.io storagemigration.k8s.io".split()
)
"""API groups that Kubernetes itself serves, beside the core's; any other is of a custom resource."""
_PRESENT_APIS = "v1 apps/v1 batch/v1 policy/v1 autoscaling/v2 networking.k8s.io/v1 rbac.authorization.k8s.io/v1".split()


def unrolled(documents: Iterable[Document]) -> Iterator[Document]:
    """The same objects, those of a List each as a document of its own."""
    for document in documents:
        if document.root["kind"].text() == "List":
            yield from (document.below("items", i) for i, _ in enumerate(document.root["items"]))
        else:
            yield document


def newest_version() -> str:
    """The newest version of Kubernetes whose schemas are here, like ``1.37``."""
    return str(utils.major_minor(utils.latest_version()))


def known_versions() -> list[str]:
    """The versions of Kubernetes whose schemas are here, oldest first."""
    return list(dict.fromkeys(str(utils.major_minor(version)) for version in utils.all_versions()))


def invalid(document: Document, version: str) -> Problems:
    """Everything in a manifest that the API of that version (like ``1.34``) would refuse, unknown fields included."""
    root = document.root
    if not isinstance(root.value, dict):
        return [root.problem("is not a Kubernetes object")]
    kind, api = root["kind"].text(), root["apiVersion"].text()
    if not kind or not api:
        return [root.problem("lacks kind or apiVersion")]
    schema = _schema(kind, api, version)
    if schema is not None:
        return schema.problems(document)
    group, slash, _ = api.partition("/")
    if not slash or group in _GROUPS:
        return [root["apiVersion"].problem(f"Kubernetes {version} has no {kind} in {api}{_served_as(kind, version)}")]
    return [root["kind"].problem(f"{kind} of {api} is a custom resource: its fields are not verified", warning=True)]


@cache
def _schema(kind: str, api: str, version: str) -> Schema | None:
    """The schema of one kind of object: the strict ones, which refuse unknown fields; None where there is none."""
    folder = f"v{_full(version)}-local-strict"
    try:
        schema = utils.schema_contents(f"kubernetes-json-schema/{folder}/{_file(kind, api)}.json", version)
    except (FileNotFoundError, utils.VersionNotSupportedError, OSError):
        return None
    definitions = _definitions(folder, version)
    return Schema(
        {**schema, "$id": f"{definitions['$id']}/../{_file(kind, api)}.json"}, {definitions["$id"]: definitions}
    )


@cache
def _definitions(folder: str, version: str) -> dict[str, Any]:
    found: dict[str, Any] = utils.schema_contents(f"kubernetes-json-schema/{folder}/_definitions.json", version)
    return found


def _full(version: str) -> str:
    return next((full for full in utils.all_versions() if utils.major_minor(full) == version), version)


def _file(kind: str, api: str) -> str:
    """How kubernetes-validate names the schema of a kind: ``ingress-networking-v1``."""
    group, slash, revision = api.partition("/")
    short = f"{group.partition('.')[0]}-{revision}" if slash else api
    safe = re.sub(r"[^a-z0-9.-]", "", f"{kind.lower()}-{short}")
    return safe or "none"


@cache
def _served_as(kind: str, version: str) -> str:
    """Where that version serves the kind instead."""
    found = [api for api in _PRESENT_APIS if _schema(kind, api, version) is not None]
    return f"; it serves {found[0]}" if found else ""
