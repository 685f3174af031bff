"""Does what must run in the cluster really run, of the revision that it should?"""

from datetime import timedelta

from gonogo.errors import EndpointFailedError, InconclusiveError, NotDeclared, Unsupported
from gonogo.fixtures.cluster import Running, now
from gonogo.plugin import check, expect_flawless
from gonogo.probes.images import ImageRegistries
from gonogo.probes.kubernetes import (
    ApiBusyError,
    ApiDownError,
    ClusterApi,
    UnreachableError,
    WrongClusterError,
    as_part,
)
from gonogo.rules import pods as rules
from gonogo.rules.objects import name_of
from gonogo.targets.files import Artifacts

_PLAUSIBLE = 10
"""What took more than so many times its budget was more probably not ready for a while, much later."""


@check("cluster.api.reachable", severity="critical", covers=["K1"], smoke=True)
def test_api_reachable(cluster_api: ClusterApi) -> None:
    """The API server of the named context answers, it is the declared one, and the namespace is there."""
    try:
        found = cluster_api.read("Namespace", cluster_api.cluster.namespace)
    except (ApiBusyError, UnreachableError):
        raise
    except (ApiDownError, WrongClusterError) as error:
        raise EndpointFailedError(str(error)) from error
    phase = as_part(found or {}).at("status", "phase").text()
    assert phase == "Active", f"the namespace {cluster_api.cluster.namespace} is {phase or 'not there'}"


@check("cluster.pods.ready", severity="critical", covers=["K2"], smoke=True)
def test_pods_ready(workload: Running) -> None:
    """As many pods of the workload are ready as are wanted."""
    expect_flawless(rules.unready(workload.declared, workload.found, workload.pods))


@check("cluster.pods.restarts", severity="major", covers=["K2"], smoke=True)
def test_pods_restarts(workload: Running) -> None:
    """No container of the workload was restarted within its window."""
    expect_flawless(rules.restarted(workload.pods, now() - timedelta(seconds=workload.declared.restart_window_s)))
    if undated := rules.undated_restarts(workload.pods):
        raise InconclusiveError(f"nothing tells when: {'; '.join(undated)}")


@check("cluster.pods.memory", severity="major", covers=["K2"])
def test_pods_memory(workload: Running) -> None:
    """No container of the workload was killed because it took too much memory."""
    expect_flawless(rules.memory_kills(workload.pods))


@check("cluster.rollouts.complete", severity="critical", covers=["K4"], smoke=True)
def test_rollouts_complete(workload: Running) -> None:
    """The workload's rollout is complete, or completes in time: every pod is of the latest revision."""
    state = workload.rollout()
    assert state.done, f"not complete within {workload.declared.rollout_s:g} s: {state.told}"


@check("cluster.images.same", severity="major", covers=["K4"])
def test_images_same(workload: Running) -> None:
    """All pods of the workload run the same bytes of an image, whatever its tag means today."""
    found = rules.digests_of(workload.pods)
    if not found:
        raise Unsupported("no pod of the workload tells which digest it runs")  # as with images of the node's own
    flaws = [f"{image} runs as {', '.join(sorted(digests))}" for image, digests in found.items() if len(digests) > 1]
    expect_flawless(flaws)


@check("cluster.images.registered", severity="critical", covers=["K4"])
def test_images_registered(workload: Running, running_image_registries: ImageRegistries, artifacts: Artifacts) -> None:
    """The images that run are those that their registry has under the same names (of registries that are declared)."""
    wanted = rules.images_of(workload.found, artifacts.image_registries)
    if not wanted:
        raise NotDeclared("none of its images is of a declared registry (artifacts.image_registries)")
    running = rules.digests_of(workload.pods)
    unknown = [place.text() for place in wanted if place.text() not in running]
    if unknown:
        raise InconclusiveError(f"no pod of the workload tells which digest it runs of {', '.join(unknown)}")
    flaws = []
    for place in wanted:
        image, found = place.text(), running_image_registries.look(place)
        digests = running.get(image, set())
        if found is None or not found.exists:
            flaws.append(f"{image} runs, and is not at its registry")
        elif digests != {found.digest}:
            flaws.append(f"{image} runs as {', '.join(sorted(digests))}, its registry has {found.digest}")
    expect_flawless(flaws)


@check("cluster.pods.account", severity="major", covers=["K7"])
def test_pods_account(workload: Running) -> None:
    """The workload's pods run under the declared service account."""
    if not workload.declared.service_account:
        raise NotDeclared(f"{workload.declared.reference} declares no service_account")
    pods = workload.pods
    if not pods:
        raise InconclusiveError("the workload has no pod")
    expect_flawless(rules.other_accounts(workload.declared.service_account, pods))


@check("cluster.startup.recorded", severity="major", covers=["K10"])
def test_startup_recorded(workload: Running) -> None:
    """The workload's pods were ready within their budget after their start, as the cluster recorded it."""
    budget_s = workload.declared.startup_s
    if budget_s is None:
        raise NotDeclared(f"{workload.declared.reference} declares no startup_s")
    taken = {name_of(pod): rules.startup_s(pod) for pod in workload.pods}
    known = {name: seconds for name, seconds in taken.items() if seconds is not None}
    if not known:
        raise InconclusiveError("no pod tells when it started and when it became ready")
    slow = {name: seconds for name, seconds in known.items() if seconds > budget_s}
    expect_flawless(
        [f"{name} took {s:g} s, wanted {budget_s:g}" for name, s in slow.items() if s <= _PLAUSIBLE * budget_s]
    )
    if slow:  # the cluster keeps only the latest time at which a pod became ready
        told = ", ".join(f"{name} {seconds:g} s" for name, seconds in slow.items())
        raise InconclusiveError(f"ready only long after the start, or readiness was lost since then: {told}")
