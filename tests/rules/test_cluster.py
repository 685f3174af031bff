"""Rules on what a cluster tells."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gonogo.probes.kubernetes import as_part
from gonogo.rules import cluster_objects, pods
from gonogo.rules.logs import error_lines, told
from gonogo.rules.network_policies import Network, depends_on_addresses, flow_flaws, named_ports_of
from gonogo.rules.objects import name_of
from gonogo.rules.revisions import (
    Choice,
    Release,
    Revision,
    last_good,
    last_good_release,
    not_there,
    releases_in,
    revisions_of,
)
from gonogo.targets.cluster import Autoscaler, Claim, Flow, ScheduledJob, Workload

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def pod(
    name: str = "a", *, ready: bool = True, status: dict[str, Any] | None = None, **metadata: Any
) -> dict[str, Any]:
    conditions = [
        {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": "2026-11-21T11:00:05Z"}
    ]
    return {
        "metadata": {
            "name": name,
            "labels": {"app": "x", "pod-template-hash": "h"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "d-h", "controller": True}],
            **metadata,
        },
        "spec": {"containers": [{"name": "c", "image": "r.example/c:1"}]},
        "status": {"phase": "Running", "conditions": conditions, "startTime": "2026-11-21T11:00:00Z", **(status or {})},
    }


def deployment(replicas: int = 2, generation: int = 3, **status: Any) -> dict[str, Any]:
    counts = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    return {"kind": "Deployment", "metadata": {"name": "d", "generation": generation},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "x"}}}, "status": {**counts, **status}}  # fmt: skip


def test_pods_that_ended_or_are_going_or_are_anothers_do_not_count() -> None:
    every = [pod("a"), pod("b", status={"phase": "Succeeded"}), pod("c", deletionTimestamp="2026-11-21T11:59:00Z"),
             pod("d", labels={"app": "y"}), pod("e", ownerReferences=[]),
             pod("f", ownerReferences=[{"kind": "ReplicaSet", "name": "other-h", "controller": True}])]  # fmt: skip
    found = pods.pods_of(as_part(deployment()), [as_part(item) for item in every])
    assert [name_of(item) for item in found] == ["a"]


def test_why_a_pod_is_not_ready() -> None:
    waiting = {
        "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]
    }
    unready = pods.unready(
        Workload("deployment", "d"),
        as_part(deployment()),
        [as_part(pod()), as_part(pod("b", ready=False, status=waiting))],
    )
    assert unready == ["1 of 2 pods are ready", "b: ImagePullBackOff: no such image"]
    assert pods.unready(Workload("deployment", "d", min_ready=3), as_part(deployment()), [as_part(pod())] * 2) == [
        "2 of 3 pods are ready"
    ]
    assert pods.unready(Workload("deployment", "d"), as_part(deployment(1)), [as_part(pod())]) == []


@pytest.mark.parametrize(
    ("container", "flawed"),
    [
        ({"restartCount": 2, "lastState": {"terminated": {"finishedAt": "2026-11-21T11:30:00Z"}}}, True),
        ({"restartCount": 2, "lastState": {"terminated": {"finishedAt": "2026-11-21T10:30:00Z"}}}, False),
        ({"restartCount": 2, "lastState": {}}, False),  # it does not say when
        ({"restartCount": 0}, False),
        (
            {
                "restartCount": 5,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"finishedAt": "2026-11-21T10:30:00Z"}},
            },
            True,
        ),
    ],
)
def test_restarts_within_the_window(container: dict[str, Any], flawed: bool) -> None:
    item = as_part(pod(status={"containerStatuses": [{"name": "c", **container}]}))
    assert bool(pods.restarted([item], NOW - timedelta(minutes=45))) is flawed


def test_restarts_without_a_time() -> None:
    item = as_part(pod(status={"containerStatuses": [{"name": "c", "restartCount": 2, "lastState": {}}]}))
    assert pods.undated_restarts([item]) == ["a/c was restarted 2 times"]
    assert pods.undated_restarts([as_part(pod())]) == []
    (flaw,) = pods.restarted([item], NOW - timedelta(hours=2))  # the pod itself is younger than that
    assert "a/c was restarted 2 times" in flaw


def test_a_pod_of_a_daemon_set_is_its_own() -> None:
    owner = {"kind": "DaemonSet", "name": "d", "uid": "1", "controller": True}
    daemons = {"kind": "DaemonSet", "metadata": {"name": "d", "uid": "1"}, "spec": deployment()["spec"]}
    found = pods.pods_of(as_part(daemons), [as_part(pod(ownerReferences=[{**owner, "uid": uid}])) for uid in "12"])
    assert len(found) == 1


@pytest.mark.parametrize(
    ("item", "done", "stalled"),
    [
        (deployment(), True, False),
        (deployment(generation=4), False, False),
        (deployment(updatedReplicas=1), False, False),
        (deployment(replicas=3), False, False),
        (deployment(availableReplicas=1, conditions=[{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]), False, True),
        # what the controller said of the version before
        (deployment(generation=4, conditions=[{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]), False, False),
        ({"kind": "DaemonSet", "metadata": {"generation": 1}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}}, True, False),
        ({"kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "currentRevision": "r1", "updateRevision": "r1"}}, True, False),
        ({"kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "r1", "updateRevision": "r2"}}, False, False),
        ({"kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}}, "status": {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "r1", "updateRevision": "r2"}}, True, False),
        ({"kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}}, "status": {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2, "updatedReplicas": 0, "currentRevision": "r1", "updateRevision": "r2"}}, False, False),
        ({}, False, False),
    ],
)  # fmt: skip
def test_how_far_a_rollout_is(item: dict[str, Any], done: bool, stalled: bool) -> None:
    state = pods.rollout_of(as_part(item))
    assert (state.done, state.stalled) == (done, stalled), state.told


def test_digests_are_told_by_the_image_that_the_pod_names() -> None:
    told_status = {"containerStatuses": [{"name": "c", "image": "docker.io/other", "imageID": "r.example/c@sha256:ab"}]}
    assert pods.digests_of([as_part(pod(status=told_status))]) == {"r.example/c:1": {"sha256:ab"}}
    assert pods.digests_of([as_part(pod(status={"containerStatuses": [{"name": "c", "imageID": ""}]}))]) == {}


def test_the_start_up_of_a_restarted_pod_is_not_known() -> None:
    assert pods.startup_s(as_part(pod())) == 5
    assert pods.startup_s(as_part(pod(status={"containerStatuses": [{"restartCount": 1}]}))) is None
    assert pods.startup_s(as_part(pod(ready=False))) is None


def test_keys_are_told_by_who_set_them() -> None:
    fields: list[dict[str, Any]] = [
        {"fieldsV1": {"f:data": {".": {}, "f:A": {}}}},
        {"fieldsV1": {"f:stringData": {"f:B": {}}}},
    ]
    metadata = as_part({"metadata": {"managedFields": fields}})
    assert cluster_objects.missing_keys(["A", "B", "C"], metadata) == ["has no key C"]
    assert cluster_objects.keys_of(as_part({"metadata": {}})) is None


@pytest.mark.parametrize(
    ("status", "spec", "flaws"),
    [
        ({"phase": "Bound", "capacity": {"storage": "10Gi"}}, {"storageClassName": "fast"}, 0),
        ({"phase": "Pending"}, {}, 1),
        ({"phase": "Bound", "capacity": {"storage": "9Gi"}}, {"storageClassName": "slow"}, 2),
        ({"phase": "Bound", "capacity": {}}, {"storageClassName": "fast"}, 1),
    ],
)
def test_claims(status: dict[str, Any], spec: dict[str, Any], flaws: int) -> None:
    found = cluster_objects.claim_flaws(Claim("c", "10Gi", "fast"), as_part({"spec": spec, "status": status}))
    assert len(found) == flaws, found


def scaler(active: str = "True", current: dict[str, Any] | None = None) -> dict[str, Any]:
    metric = {"type": "Resource", "resource": {"name": "cpu"}}
    known = {"type": "Resource", "resource": {"name": "cpu", "current": current or {"averageUtilization": 0}}}
    limited = {"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}
    conditions = [{"type": "AbleToScale", "status": "True"}, {"type": "ScalingActive", "status": active}, limited]
    return {
        "spec": {"minReplicas": 2, "maxReplicas": 5, "metrics": [metric]},
        "status": {"conditions": conditions, "currentMetrics": [known]},
    }


def test_autoscalers() -> None:
    assert cluster_objects.autoscaler_flaws(Autoscaler("a", 2, 5), as_part(scaler())) == []
    assert len(cluster_objects.autoscaler_flaws(Autoscaler("a", 1, 6), as_part(scaler("False", {"value": None})))) == 4
    idle = scaler() | {"spec": scaler()["spec"] | {"minReplicas": 0}}
    assert cluster_objects.autoscaler_flaws(Autoscaler("a", 0, 5), as_part(idle)) == []
    assert cluster_objects.autoscaler_flaws(Autoscaler("a", 1, 5), as_part(idle)) == ["has minReplicas 0, wanted 1"]
    absent = {**scaler(), "spec": {"maxReplicas": 5}}
    assert cluster_objects.autoscaler_flaws(Autoscaler("a", 2, 5), as_part(absent)) == ["has minReplicas 1, wanted 2"]
    resting = scaler("False", {"value": None})
    resting["status"]["conditions"][1]["reason"] = "ScalingDisabled"
    assert len(cluster_objects.autoscaler_flaws(Autoscaler("a"), as_part(resting))) == 2
    resting["metadata"] = {"ownerReferences": [{"kind": "ScaledObject", "name": "a"}]}
    assert cluster_objects.autoscaler_flaws(Autoscaler("a"), as_part(resting)) == []
    assert "5 replicas" in cluster_objects.at_its_limit(as_part(scaler()))


def test_cron_jobs_and_jobs() -> None:
    job = {"spec": {"suspend": True}, "status": {"lastSuccessfulTime": "2026-11-20T11:00:00Z"}}
    assert len(cluster_objects.cron_job_flaws(ScheduledJob("j", 86_400), as_part(job), NOW)) == 2
    assert cluster_objects.cron_job_flaws(ScheduledJob("j"), as_part({}), NOW) == []
    assert cluster_objects.cron_job_flaws(ScheduledJob("j", 1), as_part({}), NOW) == [
        "has not succeeded within 1 s: it never happened"
    ]
    owner = {"ownerReferences": [{"name": "j"}]}
    failed = {
        "metadata": {**owner, "creationTimestamp": "2026-11-21"},
        "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]},
    }
    before = {"metadata": {**owner, "creationTimestamp": "2026-11-20"}, "status": {}}
    assert cluster_objects.last_run_failed("j", [as_part(failed), as_part(before)]) == [
        "its last run failed (BackoffLimitExceeded)"
    ]
    assert cluster_objects.last_run_failed("j", [as_part(before)]) == []
    assert "failed" in cluster_objects.unfinished(as_part(failed))[0]
    assert "3 pods are active" in cluster_objects.unfinished(as_part({"status": {"active": 3}}))[0]


WEB, BOT = {"app": "web"}, {"app": "bot"}


def policy(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"podSelector": {"matchLabels": BOT}, **spec}}


def allowed(*policies: dict[str, Any], source: dict[str, str] | None = None, space: str = "", port: int = 80) -> bool:
    network = Network(
        {"ns": [as_part(item) for item in policies], "other": []}, {"ns": {}, "other": {"team": "b"}}, {"http": 80}
    )
    flow = Flow(WEB if source is None else source, BOT, port, allowed=True, source_namespace=space)
    return not flow_flaws(flow, "ns", network)


def test_network_policies() -> None:
    web = {"podSelector": {"matchLabels": WEB}}
    assert allowed(), "no policy selects the pod"
    assert not allowed(policy("closed")), "selected, and no rule"
    assert allowed(policy("closed"), policy("web", ingress=[{"from": [web]}])), "rules add up"
    assert not allowed(policy("web", ingress=[{"from": [web]}]), source={}), "pods without labels are not meant"
    assert not allowed(policy("web", ingress=[{"from": [web]}]), space="other"), (
        "a pod selector is about its own namespace"
    )
    assert allowed(
        policy("b", ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "b"}}}]}]), space="other"
    )
    assert not allowed(
        policy("b", ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "b"}}, **web}]}]),
        source={},
        space="other",
    )
    assert allowed(policy("all", ingress=[{}])), "an empty rule is about everybody"
    assert allowed(policy("p", ingress=[{"ports": [{"port": "http"}]}])), "a named port"
    assert allowed(policy("p", ingress=[{"ports": [{"port": 70, "endPort": 90}]}])), "a range"
    assert not allowed(policy("p", ingress=[{"ports": [{"port": 80, "protocol": "UDP"}]}]))
    assert not allowed(policy("p", ingress=[{"ports": [{"port": "grpc"}]}]))
    assert not allowed({"metadata": {"name": "out"}, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}}), (
        "the source may not go out"
    )
    assert allowed(policy("out", policyTypes=["Egress"])), "the destination may not go out: that is another direction"
    assert allowed(policy("any", ingress=[{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]))
    assert not allowed(policy("lan", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])), (
        "addresses of pods are not known"
    )


def test_blocks_of_addresses_leave_it_open() -> None:
    def depends(block: dict[str, Any], *others: dict[str, Any]) -> bool:
        policies = [policy("p", ingress=[{"from": [{"ipBlock": block}]}]), *others]
        network = Network({"ns": [as_part(item) for item in policies]}, {"ns": {}}, {})
        return depends_on_addresses(Flow(WEB, BOT, 80, allowed=True), "ns", network)

    assert depends({"cidr": "10.0.0.0/8"})
    assert depends({"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]})
    assert not depends({"cidr": "0.0.0.0/0"})
    assert not depends({"cidr": "10.0.0.0/8"}, policy("all", ingress=[{}]))


def test_a_flow_that_must_not_be() -> None:
    network = Network({"ns": []}, {"ns": {}}, {})
    assert flow_flaws(Flow(WEB, BOT, 80, allowed=False), "ns", network) == [
        "must not be allowed, but no policy is in its way"
    ]
    ports = {
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 80}, {"containerPort": 81}]}]},
        "metadata": {"labels": BOT},
    }
    assert named_ports_of([as_part(ports)], BOT) == {"http": 80}


def revision(number: int, image: str = "c:1", config_maps: tuple[str, ...] = ("m",)) -> Revision:
    return Revision(f"rs-{number}", number, (image,), config_maps, ("s",))


RELEASES = [
    Release("1", "previous", "c:1", ("m",)),
    Release("2", "rolled-back", "c:2"),
    Release("3", "production", "c:3"),
]


def test_the_last_good_revision_is_not_the_previous_one() -> None:
    history = [revision(4, "c:4"), revision(3, "c:2"), revision(2, "c:1", ("other",)), revision(1)]
    choice = last_good(history, RELEASES, "rs-4")
    assert choice.revision == revision(1)
    assert choice.passed_over == ("revision 3 is 2, which is rolled-back", "revision 2 (c:1) is no registered release")
    assert last_good(history[:3], RELEASES, "rs-4").revision is None
    assert last_good([], RELEASES, "").revision is None


@pytest.mark.parametrize(
    ("releases", "wanted"),
    [
        ([("1.0", "previous", ""), ("1.1", "previous", ""), ("1.2", "rolled-back", "")], "1.1"),
        ([("1.1", "previous", "2026-05-02"), ("1.0", "previous", "2026-03-01")], "1.1"),
        ([("1.0", "previous", "2026-05-02"), ("0.9", "production", "2026-03-01")], "0.9"),
        ([("1.0", "candidate", ""), ("1.1", "rolled-back", "")], None),
    ],
)
def test_the_last_good_release_is_the_newest_of_those_that_were(
    releases: list[tuple[str, str, str]], wanted: str | None
) -> None:
    known = [Release(version, status, "", since=since) for version, status, since in releases]
    found = last_good_release(known)
    assert (found.version if found is not None else None) == wanted


def test_what_a_revision_needs() -> None:
    choice = Choice(revision(1), Release("1", "previous", "c:1", ("m", "n")), ())
    assert not_there(choice, ["m", "n"], ["s"]) == []
    assert not_there(choice, [], []) == [
        f"revision 1 needs the {what}, which is gone" for what in ("config map m", "config map n", "secret s")
    ]
    template = {"spec": {
        "volumes": [{"configMap": {"name": "a"}}, {"projected": {"sources": [{"configMap": {"name": "b"}}, {"secret": {"name": "p"}}]}},
                    {"configMap": {"name": "maybe", "optional": True}}, {"secret": {"secretName": "q"}}],
        "containers": [{"image": "c:1", "envFrom": [{"configMapRef": {"name": "d"}}], "env": [{"valueFrom": {"secretKeyRef": {"name": "r"}}}]}],
    }, "metadata": {"labels": {"app": "x", "pod-template-hash": "1"}}}  # fmt: skip
    owner = {"metadata": {"uid": "u"}}
    sets = [{"metadata": {"name": f"rs-{i}", "annotations": {"deployment.kubernetes.io/revision": str(i)}, "ownerReferences": [{"uid": uid}]}, "spec": {"template": template}}
            for i, uid in ((9, "u"), (10, "u"), (11, "other"))]  # fmt: skip
    found = revisions_of(as_part(owner), [as_part(item) for item in sets])
    assert [item.number for item in found] == [10, 9]
    assert (found[0].config_maps, found[0].secrets) == (("a", "b", "d"), ("p", "q", "r"))
    assert found[0].template["metadata"] == {"labels": {"app": "x"}}


def test_releases_of_a_product() -> None:
    registry = {
        "releases": [
            {
                "name": "bot",
                "versions": [
                    {"version": "1", "status": "previous", "image": "c:1", "model": {"name": "m", "version": "2"}}
                ],
            }
        ]
    }
    assert releases_in(as_part(registry), "bot") == [Release("1", "previous", "c:1", (), ("m", "2"))]
    assert releases_in(as_part(registry), "other") == []


def test_error_lines() -> None:
    log = "INFO ok\nERROR one\nERROR known: client gone\nTraceback (most recent call last):\n"
    found = error_lines(log, r"\b(ERROR|Traceback)\b", ["client gone"])
    assert found == ["ERROR one", "Traceback (most recent call last):"]
    assert told([str(i) for i in range(7)]) == ["0", "1", "2", "3", "4", "... and 2 more"]
