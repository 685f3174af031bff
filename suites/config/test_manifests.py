"""Are the Kubernetes manifests valid for the cluster's version, and do they say what they must?"""

import pytest

from gonogo.documents import DocumentError
from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.fixtures.static import Reader
from gonogo.plugin import check, expect_none
from gonogo.rules import manifests as schemas
from gonogo.rules import policies
from gonogo.rules.objects import Manifests
from gonogo.targets.files import ConfigRules, Configuration, KubernetesRules


@pytest.fixture
def wanted(rules: ConfigRules) -> KubernetesRules:
    """What the target demands of the manifests."""
    return rules.kubernetes


@check("config.manifests.valid", severity="critical", covers=["D1", "D7"], permission="static", smoke=True)
def test_manifests_valid(config: Configuration, reader: Reader, wanted: KubernetesRules) -> None:
    """Every manifest can be read, is valid for the cluster's version of Kubernetes, and no field is misspelt."""
    if not config.of("manifests"):
        raise NotDeclared("the target declares no manifests (config.manifests)")
    version = wanted.version or schemas.newest_version()
    if version not in schemas.known_versions():
        raise InconclusiveError(f"no schemas of Kubernetes {version} here, only {', '.join(schemas.known_versions())}")
    try:
        problems = [problem for doc in reader.open("manifests") for problem in schemas.invalid(doc, version)]
    except DocumentError as error:
        problems = error.problems
    expect_none(problems)


@check("config.manifests.probes", severity="critical", covers=["D7"], permission="static", smoke=True)
def test_manifests_probes(manifests: Manifests) -> None:
    """Every container that serves has a readiness and a liveness probe."""
    expect_none(policies.without_probes(manifests))


@check("config.manifests.resources", severity="major", covers=["D7"], permission="static", smoke=True)
def test_manifests_resources(manifests: Manifests, wanted: KubernetesRules) -> None:
    """Every container has requests and limits, and those that the target demands."""
    expect_none(policies.without_resources(manifests, wanted.resources))


@check("config.manifests.disruption", severity="major", covers=["D7"], permission="static", smoke=True)
def test_manifests_disruption(manifests: Manifests) -> None:
    """Every replicated workload has a PodDisruptionBudget that allows a node to be drained."""
    expect_none(policies.undisruptable(manifests))


@check("config.manifests.scaling", severity="major", covers=["D7"], permission="static", smoke=True)
def test_manifests_scaling(manifests: Manifests, wanted: KubernetesRules) -> None:
    """Every autoscaler scales a workload that is there, within the bounds that the target demands."""
    expect_none(policies.wrong_scaling(manifests, wanted.replicas))


@check("config.manifests.storage", severity="major", covers=["D7"], permission="static", smoke=True)
def test_manifests_storage(manifests: Manifests, wanted: KubernetesRules) -> None:
    """Every claim that a pod uses is declared, with the size that the target demands."""
    expect_none(policies.wrong_storage(manifests, wanted.volumes))


@check("config.manifests.startup", severity="critical", covers=["D7"], permission="static", smoke=True)
def test_manifests_startup(manifests: Manifests, wanted: KubernetesRules) -> None:
    """Every workload is given the time that its model needs to load before it is killed."""
    expect_none(policies.short_startups(manifests, wanted.startup_s))
