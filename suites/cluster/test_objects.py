"""Are the cluster's other objects there, and do they work?"""

from collections.abc import Sequence

from gonogo.documents import Document
from gonogo.errors import InconclusiveError, InWarningBand, NotDeclared
from gonogo.fixtures.cluster import ClusterView, now
from gonogo.plugin import check, expect_flawless
from gonogo.probes.kubernetes import ClusterApi, RefusedError
from gonogo.rules import cluster_objects as rules
from gonogo.rules.network_policies import depends_on_addresses, flow_flaws
from gonogo.rules.objects import name_of
from gonogo.targets.cluster import Access, Autoscaler, Claim, Cluster, Flow, ScheduledJob

_Keys = tuple[str, tuple[str, ...]]
"""An object's name, and the keys that it must have."""


@check("cluster.secrets.keys", severity="critical", covers=["K3"], smoke=True)
def test_secrets_keys(secret: _Keys, cluster_view: ClusterView) -> None:
    """The secret is there with its keys; its values are never read."""
    expect_keys("Secret", secret, cluster_view)


@check("cluster.config_maps.keys", severity="critical", covers=["K3"], smoke=True)
def test_config_maps_keys(config_map: _Keys, cluster_view: ClusterView) -> None:
    """The config map is there with its keys."""
    expect_keys("ConfigMap", config_map, cluster_view)


def expect_keys(kind: str, wanted: _Keys, view: ClusterView) -> None:
    """End a check by which keys an object has.

    Raises:
        FlawsFoundError, EndpointFailedError: keys are missing, or the object.
        InconclusiveError: nobody noted who set its keys, so that they cannot be seen without its values.
    """
    name, keys = wanted
    metadata = view.metadata(kind, name)
    if keys and rules.keys_of(metadata) is None:
        raise InconclusiveError(f"{kind} {name} is there; its metadata has no managedFields that tell its keys")
    expect_flawless([f"{kind} {name} {flaw}" for flaw in rules.missing_keys(keys, metadata)])


@check("cluster.storage.classes", severity="major", covers=["K3"])
def test_storage_classes(storage_class: str, cluster_view: ClusterView) -> None:
    """The storage class exists."""
    known = [name_of(item) for item in cluster_view.all("StorageClass")]
    assert storage_class in known, f"there are {', '.join(known) or 'none'}"


@check("cluster.storage.claims", severity="critical", covers=["K3"])
def test_storage_claims(claim: Claim, cluster_view: ClusterView) -> None:
    """The volume claim is bound, large enough, and of its class."""
    found = cluster_view.find("PersistentVolumeClaim", claim.name)
    expect_flawless([f"{claim.name} {flaw}" for flaw in rules.claim_flaws(claim, found)])


@check("cluster.autoscalers.able", severity="major", covers=["K5"])
def test_autoscalers_able(autoscaler: Autoscaler, cluster_view: ClusterView) -> None:
    """The autoscaler can scale within its bounds, knows its metrics, and does not want more than it may."""
    found = cluster_view.find("HorizontalPodAutoscaler", autoscaler.name)
    expect_flawless(rules.autoscaler_flaws(autoscaler, found))
    if limited := rules.at_its_limit(found):
        raise InWarningBand(limited)


@check("cluster.cron_jobs.scheduled", severity="major", covers=["K5"])
def test_cron_jobs_scheduled(cron_job: ScheduledJob, cluster_view: ClusterView) -> None:
    """The CronJob is not suspended, its last run did not fail, and its last success is recent enough."""
    found = cluster_view.find("CronJob", cron_job.name)
    flaws = rules.cron_job_flaws(cron_job, found, now())
    expect_flawless(flaws + rules.last_run_failed(cron_job.name, cluster_view.all("Job")))


@check("cluster.jobs.completed", severity="major", covers=["K5"])
def test_jobs_completed(job: str, cluster_view: ClusterView) -> None:
    """The job has completed."""
    expect_flawless([f"{job} {flaw}" for flaw in rules.unfinished(cluster_view.find("Job", job))])


@check("cluster.monitors.present", severity="major", covers=["K6"])
def test_monitors_present(cluster: Cluster, cluster_view: ClusterView) -> None:
    """The Prometheus operator's rules and monitors are in the cluster."""
    if not cluster.monitors:
        raise NotDeclared("the target declares no monitors (cluster.monitors)")
    known = {kind: {name_of(item) for item in cluster_view.all(kind)} for kind in cluster.monitors}
    expect_flawless(
        [
            f"there is no {kind} {name}"
            for kind, names in cluster.monitors.items()
            for name in names
            if name not in known[kind]
        ]
    )


@check("cluster.manifests.accepted", severity="critical", covers=["K6"])
def test_manifests_accepted(manifests_to_apply: Sequence[Document], cluster_api: ClusterApi, cluster: Cluster) -> None:
    """The API server would take every manifest that is to be applied (a dry run on its side: nothing is changed)."""
    flaws = []
    for manifest in manifests_to_apply:
        spaced = {"namespace": cluster.namespace, **(manifest.value.get("metadata") or {})}
        try:
            cluster_api.dry_apply({**manifest.value, "metadata": spaced})
        except RefusedError as error:
            flaws.append(f"{manifest.file}: {manifest.value.get('kind')} {spaced.get('name')}: {error.message}")
    expect_flawless(flaws)


@check("cluster.network.flows", severity="critical", covers=["K7"])
def test_network_flows(flow: Flow, cluster: Cluster, cluster_view: ClusterView) -> None:
    """The network policies allow the flow, or stop it, as declared (by analysis; no traffic is sent)."""
    network = cluster_view.network(flow)
    if network.others:
        told = f"{len(network.others)} policies of other kinds decide about it as well, like {network.others[0]}"
        raise InconclusiveError(told)
    if depends_on_addresses(flow, cluster.namespace, network):
        raise InconclusiveError("a block of addresses (ipBlock) decides about it, and those of pods change")
    expect_flawless(flow_flaws(flow, cluster.namespace, network))


@check("cluster.access.rights", severity="critical", covers=["K7"])
def test_access_rights(access: Access, cluster_api: ClusterApi) -> None:
    """The account may do what is declared, and may not do what is forbidden (asked of the API server's authoriser)."""
    may = cluster_api.may(access)
    assert may is access.allowed, f"{access.subject} may{'' if may else ' not'} {access.verb} {access.resource}"
