"""Kubernetes objects, as files or an API server tell them: which there are, their names, what they select."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from gonogo.documents import Document, Part
from gonogo.rules.selectors import holds
from gonogo.rules.sources import containers

LONG_RUNNING = ("Deployment", "StatefulSet", "DaemonSet")
WORKLOADS = (*LONG_RUNNING, "Job", "CronJob", "Pod")
_FACTORS = {
    "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number: ``100m`` is 0.1, ``128Mi`` is 134217728; NaN for anything else."""
    match = re.fullmatch(r"(\d{1,18}\.?\d{0,18}|\.\d{1,18})(?:[eE]([+-]?\d{1,2})|(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi))?", text)
    if match is None:
        return math.nan
    return float(match.group(1)) * 10.0 ** int(match.group(2) or 0) * _FACTORS[match.group(3) or ""]


@dataclass(frozen=True)
class Manifests:
    """The objects of a deployment."""

    documents: tuple[Document, ...]

    def of(self, *kinds: str) -> list[Part]:
        """The objects of some kinds."""
        return [part for kind in kinds for part in self._by_kind.get(kind, ())]

    @cached_property
    def scalers(self) -> dict[str, list[Part]]:
        """The autoscalers by the name of what they scale."""
        scalers: dict[str, list[Part]] = {}
        for scaler in self.of("HorizontalPodAutoscaler"):
            scalers.setdefault(scaler.at("spec", "scaleTargetRef", "name").text(), []).append(scaler)
        return scalers

    def scaler_of(self, workload: Part) -> Part | None:
        """The autoscaler of a workload: one of its own namespace, else one that may be in it."""
        scalers = [scaler for scaler in self.scalers.get(name_of(workload), []) if _may_meet(scaler, workload)]
        return next(iter(sorted(scalers, key=lambda scaler: space_of(scaler) != space_of(workload))), None)

    def selected_by(self, selector: Part, *, empty_takes_all: bool = False) -> list[Part]:
        """The workloads whose pods a selector takes, in its object's namespace.

        Args:
            selector: ``matchLabels`` and ``matchExpressions``, or, as a Service has it, the labels themselves.
            empty_takes_all: an empty selector takes every workload, and else none.
        """
        is_plain = "matchLabels" not in selector and "matchExpressions" not in selector
        wanted, expressions = (
            _labels(selector if is_plain else selector["matchLabels"]),
            list(selector["matchExpressions"]),
        )
        if not wanted and not expressions and not empty_takes_all:
            return []
        candidates = self._by_label.get(next(iter(wanted)), []) if wanted else self.of(*LONG_RUNNING)
        root = selector.document.root
        return [w for w in candidates if _may_meet(root, w) and _takes(wanted, expressions, w)]

    @cached_property
    def _by_label(self) -> dict[tuple[str, str], list[Part]]:
        by_label: dict[tuple[str, str], list[Part]] = {}
        for workload in self.of(*LONG_RUNNING):
            for label in _labels(workload.at("spec", "template", "metadata", "labels")):
                by_label.setdefault(label, []).append(workload)
        return by_label

    @cached_property
    def _by_kind(self) -> dict[str, list[Part]]:
        by_kind: dict[str, list[Part]] = {}
        for document in self.documents:
            by_kind.setdefault(document.root["kind"].text(), []).append(document.root)
        return by_kind

    @property
    def place(self) -> Part:
        """Where to point when an object is missing: the first one, if there is any."""
        return self.documents[0].root if self.documents else Document("manifests", None).root

    def named(self, name: str, *kinds: str) -> Part | None:
        """The object of that name."""
        return next((part for part in self.of(*kinds) if name_of(part) == name), None)


def name_of(part: Part) -> str:
    """An object's name."""
    return part.at("metadata", "name").text()


def space_of(part: Part) -> str:
    """An object's namespace; empty where it does not say."""
    return part.at("metadata", "namespace").text()


def _may_meet(one: Part, other: Part) -> bool:
    """Whether two objects may be in one namespace: what names none goes where it is applied, which may be any."""
    spaces = {space_of(one), space_of(other)}
    return len(spaces) == 1 or "" in spaces


def images(manifests: Manifests) -> Iterator[Part]:
    """Every container image."""
    for workload in manifests.of(*WORKLOADS):
        for container in containers(workload, initial=True):
            yield container["image"]


def _takes(wanted: frozenset[tuple[str, str]], expressions: list[Part], workload: Part) -> bool:
    labels = _labels(workload.at("spec", "template", "metadata", "labels"))
    given = dict(labels)
    return wanted <= labels and all(holds(expression, given) for expression in expressions)


def _labels(part: Part) -> frozenset[tuple[str, str]]:
    return frozenset((key, value.text()) for key, value in part.entries())
