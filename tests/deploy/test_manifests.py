"""The manifests: valid for kubernetes-validate, and made for real on an API server that admits restricted pods only."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml

from gonogo.resources import ROOT
from tests.calibration.conftest import GateRun
from tests.cluster.control_plane import ControlPlane, apply, path_of
from tests.cluster.namespace import await_object
from tests.forked import run_pytest
from tests.servers.build import CannotBuildError, definitions

Object = dict[str, Any]
DEPLOY = ROOT / "deploy"
SPACE = "chatbot"
MANIFESTS = sorted(
    path for folder in ("kubernetes", "argo-rollouts", "flagger") for path in (DEPLOY / folder).glob("*.yaml")
)
NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": SPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}


def objects_of(file: Path) -> list[Object]:
    return [item for item in yaml.safe_load_all(file.read_text(encoding="utf-8")) if item]


FOREIGN = ("argoproj.io/", "flagger.app/")
"""The API server knows these by their definitions."""
OBJECTS = [item for file in MANIFESTS for item in objects_of(file) if not item["apiVersion"].startswith(FOREIGN)]


@pytest.mark.parametrize(
    "item", OBJECTS, ids=[f"{item['kind']}-{item['metadata'].get('name', '')}" for item in OBJECTS]
)
def test_it_is_valid(item: Object) -> None:
    kubernetes_validate.validate(item, "1.34", strict=True)


@pytest.fixture(scope="module")
def space(control_plane: ControlPlane) -> Iterator[httpx.Client]:
    """The namespace, with the roles, the account, and the definitions of Argo Rollouts and Flagger."""
    with control_plane.client() as client:
        try:
            foreign = [item for file in definitions() for item in objects_of(file)]
        except CannotBuildError as error:
            pytest.skip(str(error))
        needed = [item for name in ("role", "account") for item in objects_of(DEPLOY / "kubernetes" / f"{name}.yaml")]
        for item in needed:
            if not item["kind"].startswith("Cluster"):
                item["metadata"]["namespace"] = SPACE
        try:
            apply(client, NAMESPACE, *foreign)
            await_object(client, f"/api/v1/namespaces/{SPACE}/serviceaccounts/default", lambda _: True)
            apply(client, *needed)
            yield client
        finally:
            for item in [*[item for item in needed if item["kind"].startswith("Cluster")], *foreign, NAMESPACE]:
                client.delete(path_of(item))


def create(client: httpx.Client, item: Object) -> Object:
    """Make an object as `kubectl create --validate=strict` does."""
    named = {**item, "metadata": {"name": "unnamed", **item["metadata"], "namespace": SPACE}}
    place = path_of(named).rpartition("/")[0]
    body = {**item, "metadata": {**item["metadata"], "namespace": SPACE}}
    answer = client.post(place, params={"fieldValidation": "Strict"}, json=body)
    assert answer.status_code == 201, answer.text
    made: Object = answer.json()
    return made


def pods_of(client: httpx.Client, job: Object) -> list[Object]:
    """The pods that the job controller has made; each was admitted."""
    name, deadline = job["metadata"]["name"], time.monotonic() + 20
    while True:
        query = {"labelSelector": f"batch.kubernetes.io/job-name={name}"}
        pods: list[Object] = client.get(f"/api/v1/namespaces/{SPACE}/pods", params=query).json()["items"]
        if pods:
            return pods
        if time.monotonic() > deadline:
            events = client.get(f"/api/v1/namespaces/{SPACE}/events").json()["items"]
            raise AssertionError([event["message"] for event in events if event["involvedObject"]["name"] == name])
        time.sleep(0.1)


def expect_a_gate(pods: list[Object], account: str = "gonogo") -> None:
    """One pod, under the account, without root, with its state on the claim."""
    (pod,) = pods
    spec = pod["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (account, True)
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert "gonogo-state" in [volume.get("persistentVolumeClaim", {}).get("claimName") for volume in spec["volumes"]]


def test_the_job_is_made_and_its_pod_admitted(space: httpx.Client) -> None:
    (job,) = objects_of(DEPLOY / "kubernetes" / "job.yaml")
    made = create(space, job)
    expect_a_gate(pods_of(space, made))


def test_the_drill_of_the_month_makes_such_a_job(space: httpx.Client) -> None:
    (item,) = objects_of(DEPLOY / "kubernetes" / "cronjob.yaml")
    made = create(space, item)
    assert made["spec"]["timeZone"] == "Etc/UTC"
    template = made["spec"]["jobTemplate"]  # what `kubectl create job --from=cronjob/...` takes
    now = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "gonogo-drill-now"}, "spec": template["spec"]}
    pods = pods_of(space, create(space, now))
    expect_a_gate(pods, "gonogo-drill")
    assert "--allow-disruptive" in pods[0]["spec"]["containers"][0]["args"]


def test_argo_rollouts_takes_the_analysis_and_its_job_is_one(space: httpx.Client) -> None:
    (item,) = objects_of(DEPLOY / "argo-rollouts" / "analysis-template.yaml")
    made = create(space, item)
    spec = made["spec"]["metrics"][0]["provider"]["job"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    told = {"{{args.stage}}": "smoke", "{{args.change}}": "CHG-1"}
    for argument, value in told.items():
        container["args"] = [word.replace(argument, value) for word in container["args"]]
    assert container["args"][1:3] == ["--stage=smoke", "--change=CHG-1"]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "gonogo-analysis"}, "spec": spec}
    expect_a_gate(pods_of(space, create(space, job)))


def test_flagger_takes_the_canary_and_the_webhook_is_made(space: httpx.Client) -> None:
    (canary,) = objects_of(DEPLOY / "flagger" / "canary.yaml")
    made = create(space, canary)
    (hook,) = made["spec"]["analysis"]["webhooks"]
    objects = {item["kind"]: create(space, item) for item in objects_of(DEPLOY / "flagger" / "webhook.yaml")}
    service, deployment = objects["Service"], objects["Deployment"]
    assert hook["url"] == f"http://{service['metadata']['name']}.{SPACE}/"
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == service["spec"]["selector"]


def test_the_distributed_load_run_is_made(space: httpx.Client) -> None:
    jobs = [
        made
        for item in objects_of(DEPLOY / "kubernetes" / "load.yaml")
        if (made := create(space, item))["kind"] == "Job"
    ]
    workers = jobs[1]["spec"]["parallelism"]
    assert [len(pods_of(space, job)) > 0 for job in jobs] == [True, True]
    (master,) = pods_of(space, jobs[0])
    assert f"--expect-workers {workers}" in " ".join(master["spec"]["containers"][0]["args"])


RIGHTS = [
    ("gonogo", "list", "pods", "", SPACE, True),
    ("gonogo", "patch", "deployments", "apps", SPACE, False),
    ("gonogo-drill", "patch", "deployments", "apps", SPACE, True),
    ("gonogo-drill", "list", "pods", "", SPACE, True),
    ("gonogo-drill", "list", "pods", "", "default", False),
    ("gonogo-drill", "list", "secrets", "", SPACE, False),
    ("gonogo-drill", "delete", "secrets", "", SPACE, False),
    ("gonogo-drill", "create", "pods", "", SPACE, False),
    ("gonogo-drill", "create", "rolebindings", "rbac.authorization.k8s.io", SPACE, False),
    ("gonogo-drill", "impersonate", "serviceaccounts", "", SPACE, False),
]


@pytest.mark.parametrize(("account", "verb", "resource", "group", "namespace", "allowed"), RIGHTS)
def test_the_accounts_have_these_rights(
    space: httpx.Client, account: str, verb: str, resource: str, group: str, namespace: str, allowed: bool
) -> None:
    asked = {"verb": verb, "resource": resource, "group": group, "namespace": namespace}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
              "spec": {"user": f"system:serviceaccount:{SPACE}:{account}", "resourceAttributes": asked}}  # fmt: skip
    answer = space.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", json=review).json()
    assert answer["status"]["allowed"] is allowed


def test_the_kubeconfig_inside_leads_to_the_api_server(
    space: httpx.Client, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """The config map's, with a token as the kubelet mounts one; only the two addresses differ here."""
    told = space.get(f"/api/v1/namespaces/{SPACE}/configmaps/gonogo-kubeconfig").json()["data"]["kubeconfig"]
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": None}}
    token = space.post(f"/api/v1/namespaces/{SPACE}/serviceaccounts/gonogo/token", json=request).json()["status"][
        "token"
    ]
    mounted = "/var/run/secrets/kubernetes.io/serviceaccount"
    certificate = yaml.safe_load(control_plane.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    assert told.count(mounted) == 2
    told = told.replace("https://kubernetes.default.svc", control_plane.server)
    told = told.replace(f"{mounted}/ca.crt", certificate["certificate-authority"]).replace(mounted, str(tmp_path))
    (tmp_path / "token").write_text(token, encoding="utf-8")
    (tmp_path / "kubeconfig").write_text(told, encoding="utf-8")
    (tmp_path / "target.yaml").write_text(
        f"name: inside\nenvironment: staging\ncluster: {{context: in-cluster, kubeconfig: kubeconfig, namespace: {SPACE}}}\n",
        encoding="utf-8",
    )
    words = [
        f"--target={tmp_path / 'target.yaml'}",
        "--stage=ci",
        f"--report-dir={tmp_path / 'runs'}",
        "--check=cluster.api.reachable",
    ]
    output = tmp_path / "output.txt"
    code = run_pytest([*words, str(ROOT / "suites")], {"XDG_STATE_HOME": str(tmp_path / "state")}, output)
    run = GateRun.read(code, output.read_text(encoding="utf-8"), tmp_path / "runs")
    assert run.outcomes()["cluster.api.reachable"] == "pass", run.output
