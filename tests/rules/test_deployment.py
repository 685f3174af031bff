"""Rules on manifests, alerts, route tables, registries and images."""

import math

import pytest

from gonogo.documents import parse_document, parse_documents
from gonogo.resources import folder
from gonogo.rules import alerts, images, manifests, policies, registry, routes
from gonogo.rules.objects import Manifests, quantity
from gonogo.rules.objects import images as every_image
from gonogo.rules.registry import GgufHeader, ModelRegistry, RemoteCopy, Version
from gonogo.targets.files import PublicPath


def objects(text: str) -> Manifests:
    return Manifests(tuple(parse_documents(text, "k8s.yaml")))


WEB = "kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2, template: {metadata: {labels: {app: web}}, spec: {containers: [%s]}}}\n"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100m", 0.1),
        ("2", 2),
        ("128Mi", 128 * 2**20),
        ("1.5G", 1.5e9),
        ("4Gi", 4 * 2**30),
        ("x", math.nan),
        ("1e3", 1000),
    ],
)
def test_quantity(text: str, number: float) -> None:
    assert quantity(text) == pytest.approx(number, nan_ok=True)


def test_resources() -> None:
    bare = objects(WEB % "{name: c, resources: {requests: {cpu: 2, memory: 1Gi}, limits: {cpu: 1}}}")
    assert [p.message for p in policies.without_resources(bare, {})] == [
        "web/c requests more cpu (2) than its limit (1)",
        "web/c has no limits.memory",
    ]
    wanted = {"web": {"requests": {"cpu": "1"}}, "wbe": {"requests": {"cpu": "1"}}}
    assert [p.message for p in policies.without_resources(bare, wanted)][2:] == [
        "web/c: requests.cpu is 2, the target wants 1",
        "no Deployment or StatefulSet or DaemonSet or Job or CronJob or Pod is called 'wbe' (did you mean 'web'?)",
    ]


@pytest.mark.parametrize(
    ("budget", "wanted"),
    [
        ("", ["web has no PodDisruptionBudget"]),
        ("minAvailable: 1, selector: {matchLabels: {app: web}}", []),
        ("minAvailable: 100%, selector: {matchLabels: {app: web}}", ["b forbids every eviction: a node can never be drained"]),
        ("maxUnavailable: 0, selector: {matchLabels: {app: web}}", ["b forbids every eviction"]),
        ("minAvailable: 90%, selector: {matchLabels: {app: web}}", ["b forbids every eviction: a node can never be drained"]),
        ("minAvailable: 50%, selector: {matchLabels: {app: web}}", []),
        ("minAvailable: 1, selector: {matchExpressions: [{key: app, operator: In, values: [web]}]}", []),
        ("minAvailable: 1, selector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}",
         ["web has no PodDisruptionBudget", "b selects no workload of these manifests"]),
        ("minAvailable: 1, selector: {matchLabels: {app: x}}",
         ["web has no PodDisruptionBudget", "b selects no workload of these manifests"]),
    ],
)  # fmt: skip
def test_disruption(budget: str, wanted: list[str]) -> None:
    text = WEB % "{name: c}"
    text += f"---\nkind: PodDisruptionBudget\nmetadata: {{name: b}}\nspec: {{{budget}}}\n" if budget else ""
    assert [p.message for p in policies.undisruptable(objects(text))] == wanted


@pytest.mark.parametrize(
    ("head", "selector", "wanted"),
    [
        ("apiVersion: policy/v1", "{}", []),
        ("apiVersion: policy/v1", "{matchLabels: {}}", []),
        ("apiVersion: policy/v1", "null", ["web has no PodDisruptionBudget", "b selects no workload of these manifests"]),
        ("apiVersion: policy/v1beta1", "{}", ["web has no PodDisruptionBudget", "b selects no workload of these manifests"]),
    ],
)  # fmt: skip
def test_an_empty_selector_of_a_budget(head: str, selector: str, wanted: list[str]) -> None:
    """https://kubernetes.io/docs/tasks/run-application/configure-pdb/: in policy/v1 it takes every pod."""
    budget = (
        f"{head}\nkind: PodDisruptionBudget\nmetadata: {{name: b}}\nspec: {{minAvailable: 1, selector: {selector}}}\n"
    )
    assert [p.message for p in policies.undisruptable(objects(f"{WEB % '{name: c}'}---\n{budget}"))] == wanted


@pytest.mark.parametrize(
    ("of_web", "of_others", "is_met"),
    [("chat", "", True), ("", "chat", True), ("chat", "chat", True), ("chat", "infra", False)],
)
def test_an_object_without_a_namespace_may_be_in_any(of_web: str, of_others: str, is_met: bool) -> None:
    web = f"kind: Deployment\nmetadata: {{name: web, namespace: '{of_web}'}}\nspec: {{replicas: 1, template: {{metadata: {{labels: {{app: web}}}}}}}}\n"
    budget = f"kind: PodDisruptionBudget\nmetadata: {{name: b, namespace: '{of_others}'}}\nspec: {{minAvailable: 2, selector: {{matchLabels: {{app: web}}}}}}\n"
    scaler = f"kind: HorizontalPodAutoscaler\nmetadata: {{name: s, namespace: '{of_others}'}}\nspec: {{minReplicas: 3, maxReplicas: 4, scaleTargetRef: {{kind: Deployment, name: web}}}}\n"
    found = policies.undisruptable(objects(f"{web}---\n{budget}---\n{scaler}"))
    assert (found == []) is is_met


def deployed(name: str, space: str, replicas: int) -> str:
    template = f"template: {{metadata: {{labels: {{app: {name}}}}}}}"
    return f"---\nkind: Deployment\nmetadata: {{name: {name}, namespace: {space}}}\nspec: {{replicas: {replicas}, {template}}}\n"


def scaled(name: str, space: str, least: int) -> str:
    bounds = f"minReplicas: {least}, maxReplicas: 9, scaleTargetRef: {{kind: Deployment, name: {name}}}"
    return (
        f"---\nkind: HorizontalPodAutoscaler\nmetadata: {{name: h{least}, namespace: '{space}'}}\nspec: {{{bounds}}}\n"
    )


@pytest.mark.parametrize(("least", "is_met"), [(1, True), (3, True), (4, False)])
def test_a_budget_counts_the_pods_of_all_that_it_selects(least: int, *, is_met: bool) -> None:
    budget = f"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: b, namespace: s}}\nspec: {{minAvailable: {least}, selector: {{}}}}\n"
    found = policies.undisruptable(objects(budget + deployed("a", "s", 2) + deployed("c", "s", 2)))
    assert (found == []) is is_met


def test_the_autoscaler_of_a_namespace_counts_before_one_without() -> None:
    budget = "kind: PodDisruptionBudget\nmetadata: {name: b, namespace: prod}\nspec: {minAvailable: 1, selector: {matchLabels: {app: a}}}\n"
    found = objects(budget + deployed("a", "prod", 3) + scaled("a", "", 1) + scaled("a", "prod", 3))
    assert policies.undisruptable(found) == []
    suspect = policies.wrong_scaling(found, {"a": (3, 9)})
    assert [(p.message, p.warning) for p in suspect] == [("a has 1 to 9 replicas, the target wants 3 to 9", True)]
    assert [p.warning for p in policies.wrong_scaling(found, {"a": (2, 9)})] == [False, False]


def test_a_workload_that_stands_there_for_each_environment_counts_once() -> None:
    budget = (
        "kind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {minAvailable: 2, selector: {matchLabels: {app: a}}}\n"
    )
    found = policies.undisruptable(objects(budget + deployed("a", "prod", 2) + deployed("a", "staging", 2)))
    assert [p.message for p in found] == ["b forbids every eviction: a node can never be drained"]


def test_side_cars_and_claims_of_a_stateful_set() -> None:
    text = (
        "kind: StatefulSet\nmetadata: {name: llama}\nspec:\n  volumeClaimTemplates: [{metadata: {name: store}, "
        "spec: {resources: {requests: {storage: 10Gi}}}}]\n  template: {spec: {initContainers: [{name: fetch, "
        "resources: {requests: {cpu: 100m}, limits: {cpu: 1, memory: 1Gi}}}], containers: [{name: metrics, livenessProbe: "
        "{periodSeconds: 1}, resources: {limits: {cpu: 10m, memory: 1Mi}}}, {name: llama, startupProbe: {failureThreshold: 60}, "
        "resources: {requests: {cpu: 1500m}, limits: {cpu: 2, memory: 1Gi}}}]}}\n"
    )
    found = objects(text)
    assert policies.without_resources(found, {"llama": {"requests": {"cpu": "1500m"}}}) == []
    assert policies.short_startups(found, {"llama": 600}) == []
    assert policies.wrong_storage(found, {"store": "10Gi"}) == []
    (missing,) = policies.without_resources(found, {"llama": {"limits": {"nvidia.com/gpu": "1"}}})
    assert missing.message == "llama/llama: limits.nvidia.com/gpu is not set, the target wants 1"


@pytest.mark.parametrize(
    ("probe", "seconds"),
    [
        ("{name: c}", math.inf),
        ("{name: c, livenessProbe: {httpGet: {}}}", 30),
        ("{name: c, livenessProbe: {initialDelaySeconds: 60, periodSeconds: 5}}", 75),
        ("{name: c, startupProbe: {periodSeconds: 10, failureThreshold: 60}, livenessProbe: {periodSeconds: 1}}", 600),
    ],
)
def test_startup_budget(probe: str, seconds: float) -> None:
    assert policies.startup_budget_s(parse_document(probe, "f").root) == seconds


def test_objects_of_a_list_and_of_every_kind_are_seen() -> None:
    cron = "kind: CronJob\nmetadata: {name: n}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{image: a}]}}}}}\n"
    listed = "kind: List\nitems:\n  - kind: Pod\n    metadata: {name: p}\n    spec: {containers: [{image: b}], initContainers: [{image: c}]}\n"
    found = Manifests(tuple(manifests.unrolled(parse_documents(f"{cron}---\n{listed}", "k8s.yaml"))))
    seen = [part.text() for part in every_image(found)]
    assert sorted(seen) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "version", "wanted"),
    [
        ("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}", "1.34", []),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {prots: []}", "1.34",
         ["unknown key 'prots' (did you mean 'ports'?)"]),
        ("apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}", "1.34",
         ["Kubernetes 1.34 has no CronJob in batch/v1beta1; it serves batch/v1"]),
        ("apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}", "1.34",
         ["PrometheusRule of monitoring.coreos.com/v1 is a custom resource: its fields are not verified"]),
        ("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}", "1.34",
         ["HTTPRoute of gateway.networking.k8s.io/v1 is a custom resource: its fields are not verified"]),
        ("kind: Service", "1.34", ["lacks kind or apiVersion"]),
        ("[]", "1.34", ["is not a Kubernetes object"]),
        ("apiVersion: ../../x\nkind: ../y", "1.34", ["../y of ../../x is a custom resource: its fields are not verified"]),
    ],
)  # fmt: skip
def test_manifest_schemas(text: str, version: str, wanted: list[str]) -> None:
    assert [p.message for p in manifests.invalid(parse_document(text, "f"), version)] == wanted


def rule_file(*rules: str) -> tuple:  # type: ignore[type-arg]
    return (parse_document(f"groups: [{{name: g, rules: [{', '.join(rules)}]}}]", "alerts.yaml"),)


def test_alerts() -> None:
    files = rule_file(
        "{alert: A, expr: 'up == 0'}", "{alert: A, expr: 'up == 0'}", "{alert: B, expr: 'sum(rate(x[5m])'}"
    )
    assert [p.message for p in alerts.unparsable(files)] == [
        "the alert A stands twice with the same labels",
        "B: not PromQL: unclosed left parenthesis",
    ]


def test_required_alerts() -> None:
    twice = rule_file(
        "{alert: E, expr: up, labels: {severity: critical}}", "{alert: E, expr: up, labels: {severity: warning}}"
    )
    assert alerts.missing(twice, {"E": "critical"}) == []
    group = (parse_document("groups: [{name: g, labels: {severity: critical}, rules: [{alert: E, expr: up}]}]", "a"),)
    assert alerts.missing(group, {"E": "critical"}) == []
    assert [p.message for p in alerts.missing(group, {"E": "warning", "F": ""})] == [
        "E has severity 'critical', required is 'warning'",
        "the alert F is required",
    ]


def test_the_rules_of_an_operators_object() -> None:
    text = "kind: PrometheusRule\nspec:\n  groups: [{name: g, rules: [{alert: A, expr: 'up =='}]}]\n"
    (problem,) = alerts.unparsable([alerts.unwrapped(parse_document(text, "rule.yaml"))])
    assert str(problem).startswith("rule.yaml:3:47: groups[0].rules[0].expr: A: not PromQL")


@pytest.mark.parametrize("name", ["c", "h", "c_total_total", "g_bucket"])
def test_names_that_only_look_exported(name: str) -> None:
    page = "# TYPE c_total counter\nc_total 1\n# TYPE h histogram\nh_bucket 1\n# TYPE g gauge\ng 1\n"
    (problem,) = alerts.unexported(rule_file(f"{{alert: A, expr: {name}}}"), alerts.sample_names(page), [])
    assert f"nobody exports {name}" in problem.message


@pytest.mark.parametrize(
    ("expr", "missing"),
    [
        ("rate(a_total[5m]) > 1", []),
        ("rate(h_bucket[5m]) + h_sum / h_count", []),
        ("b > 1", ["b"]),
        ("r:x > 1", []),
        ("absent(up{job='x'}) or ALERTS", []),
        ("{__name__='b'} > 1", ["b"]),
        ("topk(3, max_over_time(b[5m:1m]))", ["b"]),
        ("label_replace(b, 'x', '$1', 'y', '.*') and vector(1)", ["b"]),
    ],
)
def test_unexported_metrics(expr: str, missing: list[str]) -> None:
    files = rule_file(f'{{alert: A, expr: "{expr}"}}', "{record: 'r:x', expr: 'a_total'}")
    found = [problem.message for problem in alerts.unexported(files, {"a_total"}, {"h"})]
    assert [message.split(" exports ")[1].split()[0] for message in found] == missing


def test_sample_names() -> None:
    page = '# HELP a_total x\n# TYPE a_total counter\na_total{x="1"} 3\nb 4\n# TYPE h histogram\nh_bucket{le="1"} 2\n'
    assert alerts.sample_names(page) == {"a_total", "b", "h_bucket", "h_sum", "h_count"}


def table(*templates: str) -> tuple:  # type: ignore[type-arg]
    listed = ", ".join(
        f'{{UpstreamPathTemplate: "{t.partition(" ")[0]}", UpstreamHttpMethod: [{t.partition(" ")[2]}], '
        f"DownstreamHostAndPorts: [{{Host: h{i}, Port: 1}}]}}"
        for i, t in enumerate(templates)
    )
    return (parse_document(f"Routes: [{listed}]", "ocelot.json"),)


@pytest.mark.parametrize(
    ("templates", "path", "host"),
    [
        (["/api/chat/{x}"], "/api/chat/message", "h0"),
        (["/api/chat/{x}"], "/API/Chat/a/b?q=1", "h0"),
        (["/api/chat/{x}"], "/api/chats", None),
        (["/{all}", "/api/cars/{id}"], "/api/cars/7", "h1"),
        (["/api/{a}/items/{b}"], "/api/x/y/items/1", None),
        (["/api/{a}/items/{b}"], "/api/x/items/1/2", "h0"),
        (["/api/chat POST", "/{all}"], "/api/chat", "h1"),
        (["/api/chat/"], "/api/chat", "h0"),
        (["/a.b"], "/axb", None),
    ],
)
def test_routes(templates: list[str], path: str, host: str | None) -> None:
    found = routes.unrouted(table(*templates), [PublicPath(path, "GET", host or "")])
    assert bool(found) == (host is None), found


@pytest.mark.parametrize(
    ("templates", "dead"),
    [
        (["/api/{x}", "/api/chat/{y}"], ["/api/chat/{y}"]),
        (["/api/chat/{y}", "/api/{x}"], []),
        (["/{all}", "/api/{x}"], []),
        (["/api/{x} GET", "/api/{x} POST"], []),
        (["/api/{x}", "/api/chat POST"], ["/api/chat"]),
        (["/a/{id}", "/a"], []),
    ],
)
def test_shadowed_routes(templates: list[str], dead: list[str]) -> None:
    assert [problem.message.split()[0] for problem in routes.shadowed(table(*templates))] == dead


SAMPLE = parse_document(
    (folder("fixtures") / "deployments" / "kind-a" / "registry.json").read_text("utf-8"), "registry.json"
)
VERSION = ModelRegistry(SAMPLE).versions("production")[0]


def changed(text: str) -> ModelRegistry:
    return ModelRegistry(parse_document(text, "registry.json"))


def test_registry_states() -> None:
    text = "models: [{name: m, last_known_good: '3', versions: [%s]}]"
    two = changed(text % "{version: '1', status: production}, {version: '2', status: production}")
    assert [p.message for p in registry.not_one_production(two)] == [
        "m has 2 versions in production (1, 2), it must be one"
    ]
    assert [p.message for p in registry.no_way_back(two)] == ["m: no version '3'"]
    steps = "history: [{status: candidate, date: '2026-02-01'}, {status: previous, date: '2026-01-01'}]"
    skipped = changed(text % f"{{version: '3', status: archived, {steps}}}")
    assert [p.message for p in registry.dishonest_states(skipped)] == [
        "m 3 is archived, but its history ends with previous",
        "m 3: previous follows candidate, allowed is staging, production, archived",
        "m 3: the dates of its history go backwards",
    ]
    assert [p.message for p in registry.no_way_back(skipped)] == ["m: the last known good version 3 is archived"]
    healthy = ModelRegistry(SAMPLE)
    assert (
        registry.not_one_production(healthy) + registry.dishonest_states(healthy) + registry.no_way_back(healthy) == []
    )


@pytest.mark.parametrize(
    ("record", "extra", "count"),
    [
        ("{sha256: %s, go_nogo_result: GO, results: {a: 0.9}, thresholds: {a: {min: 0.9}}}", {}, 0),
        ("{sha256: %s, go_nogo_result: GO, results: {a: 0.89}, thresholds: {a: {min: 0.9}}}", {}, 1),
        ("{sha256: %s, go_nogo_result: NO-GO, results: {a: 1}, thresholds: {a: {min: 0.9}}}", {}, 1),
        ("{sha256: abc, go_nogo_result: GO, results: {a: 1}, thresholds: {a: {min: 0.9}}}", {}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {a: 1}, thresholds: {}}", {}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {}, thresholds: {a: {max: 1}}}", {}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {a: .nan}, thresholds: {a: {max: 1}}}", {}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {a: 1}, thresholds: {a: {}}}", {}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {a: 1}, thresholds: {a: 0.9}}", {}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {a: 1}, thresholds: {a: {min: '0.9'}}}", {}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {a: 1}, thresholds: {a: null}}", {}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {a: 1}, thresholds: {a: {min: 0.9}}}", {"a": {"max": 0.5}}, 1),
        ("{sha256: %s, go_nogo_result: GO, results: {a: 1}, thresholds: {a: {min: 0.9}}}", {"b": {"min": 0}}, 1),
    ],
)
def test_evaluations(record: str, extra: dict, count: int) -> None:  # type: ignore[type-arg]
    text = record.replace("%s", VERSION.part["sha256"].text())
    assert len(registry.not_earned(parse_document(text, "e.json"), VERSION, extra)) == count


def test_headers_bytes_and_copies() -> None:
    header = GgufHeader("llama", "ALL_F32", 2, vocabulary=8, embeddings=8, context_tokens=4096)
    assert registry.other_header(VERSION, header) + registry.other_tokenizer(VERSION, header) == []
    other = GgufHeader("qwen2", "MOSTLY_Q4_0", 2, vocabulary=9, embeddings=8, context_tokens=1024)
    assert len(registry.other_header(VERSION, other)) == 3
    silent = GgufHeader("llama", "", 2, vocabulary=8, embeddings=8, context_tokens=4096)
    assert registry.other_header(VERSION, silent) == []
    assert len(registry.other_tokenizer(VERSION, other)) == 2
    sha256, size = VERSION.part["sha256"].text(), int(VERSION.part["size_bytes"].text())
    assert registry.other_bytes(VERSION, sha256, size) == []
    assert len(registry.other_bytes(VERSION, "0" * 64, size + 1)) == 2

    def told(copy: RemoteCopy) -> list[bool]:
        return [problem.warning for problem in registry.other_copy(VERSION, copy)]

    assert told(RemoteCopy("u", size_bytes=size, sha256=sha256)) == []
    assert told(RemoteCopy("u", size_bytes=size, same_md5=True)) == []
    assert told(RemoteCopy("u", size_bytes=size)) == [True]
    for wrong in (
        RemoteCopy("u", exists=False),
        RemoteCopy("u", size_bytes=size + 1, sha256=sha256),
        RemoteCopy("u", size_bytes=size, sha256="0" * 64),
        RemoteCopy("u", size_bytes=size, same_md5=False),
    ):
        assert told(wrong) == [False]


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("redis", ("registry-1.docker.io", "library/redis", "", "")),
        ("docker.io/qdrant/qdrant:v1", ("registry-1.docker.io", "qdrant/qdrant", "v1", "")),
        ("index.docker.io/redis:7", ("registry-1.docker.io", "library/redis", "7", "")),
        ("registry-1.docker.io/library/redis:7", ("registry-1.docker.io", "library/redis", "7", "")),
        ("team/app:1", ("registry-1.docker.io", "team/app", "1", "")),
        (f"ghcr.io/a/b:c@{DIGEST}", ("ghcr.io", "a/b", "c", DIGEST)),
        ("localhost:5000/a", ("localhost:5000", "a", "", "")),
        ("localhost:5000/a:1", ("localhost:5000", "a", "1", "")),
    ],
)
def test_image_references(text: str, parts: tuple[str, str, str, str]) -> None:
    image = images.parse_image(parse_document(f'"{text}"', "f").root)
    assert image is not None
    assert (image.registry, image.repository, image.tag, image.digest) == parts


def test_images() -> None:
    places = list(parse_document(f"['a:1', 'b:latest@{DIGEST}', 'c:1@{DIGEST}', '@@']", "f").root)
    assert [(p.line, p.warning) for p in images.unpinned(places)] == [(1, False), (1, True), (1, False)]
    scan = parse_document(
        f"{{ArtifactName: x, Metadata: {{RepoDigests: ['c@{DIGEST}']}}, "
        "Results: [{Vulnerabilities: [{VulnerabilityID: CVE-1, Severity: CRITICAL}]}, {Vulnerabilities: null}]}", "s.json"
    )  # fmt: skip
    assert [p.message for p in images.vulnerable(places[2:3], [scan], 1)] == []
    assert [p.message for p in images.vulnerable(places[:1], [scan], 0)] == [
        "x has 1 critical findings (CVE-1), allowed are 0",
        "a:1 has no scan report",
    ]
    found = images.FoundImage(exists=True, digest="sha256:other")
    assert [len(images.absent(places[2], f)) for f in (found, images.FoundImage(exists=False), None)] == [1, 1, 1]
    assert images.absent(places[0], found) == []


def test_an_image_that_a_variable_names() -> None:
    (place,) = list(parse_document("['ghcr.io/x/y:${TAG:-main}']", "f").root)
    (problem,) = images.unpinned([place])
    assert problem.message.endswith("is not pinned: a variable says which image it is")


def test_a_version_says_where_its_copy_lies() -> None:
    part = parse_document("{file: models/a.gguf, remote: {hub: o/n, revision: r}}", "f").root
    assert Version("m", part).remote() == registry.RemotePlace("", "o/n", "a.gguf", "r")
