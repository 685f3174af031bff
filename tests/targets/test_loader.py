"""Target files: good ones become targets, bad ones name every problem."""

from datetime import date
from pathlib import Path

import pytest

from gonogo.documents import DocumentError
from gonogo.errors import GonogoError
from gonogo.model import Permission
from gonogo.targets.loader import load_target
from gonogo.targets.model import Target
from gonogo.targets.permissions import permitted

TODAY = date(2026, 11, 21)
GOOD = """\
name: staging
environment: staging
gateway:
  kind: litellm
  url: http://${HOST:-localhost}:4000/
  key: {env: KEY}
  models: [{name: chat, provider: main, upstream: bsae, fallbacks: [b]}, {name: b}]
providers: [{name: main, kind: vllm, url: "http://main:8000"}]
load:
  model: chat
  objectives: {latency_ms: {p95: {warn_above: 2000, fail_above: 3000}}, errors: {fail_above: 0.01}}
waivers: [{check: config.a.b, reason: known, owner: ana, expires: 2026-12-01}]
"""


def load(tmp_path: Path, text: str, **environment: str) -> Target:
    file = tmp_path / "target.yaml"
    file.write_text(text, encoding="utf-8")
    return load_target(file, TODAY, environment)


def refused(tmp_path: Path, text: str, **environment: str) -> str:
    with pytest.raises(DocumentError) as caught:
        load(tmp_path, text, **environment)
    return str(caught.value)


def watched(prometheus: str) -> str:
    """A section with a Prometheus."""
    return f"monitoring: {{prometheus: {{url: 'http://p', {prometheus}}}}}"


def test_good(tmp_path: Path) -> None:
    target = load(tmp_path, GOOD, KEY="s3cret-key")
    assert target.gateway is not None
    assert target.gateway.url == "http://localhost:4000"
    assert target.gateway.key is not None
    assert (target.gateway.key.value, str(target.gateway.key)) == ("s3cret-key", "$KEY")
    assert "s3cret" not in repr(target)
    assert target.load is not None
    assert [o.name for o in target.load.objectives] == ["latency_ms.p95", "errors"]
    assert target.declared_suites() == {"contract", "security", "load"}
    assert "security.auth.wrong_key" in {deviation.check_id for deviation in target.gateway.deviations}


def test_unset_secret_names_the_variable_and_the_place(tmp_path: Path) -> None:
    assert "target.yaml:6:8: gateway.key: the secret's environment variable KEY is not set" in refused(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("${HOST:-localhost}", "${HOST}", "environment variable HOST is not set"),
        ("provider: main", "provider: mian", "no provider is called 'mian' (did you mean 'main'?)"),
        ("fallbacks: [b]", "fallbacks: [bb]", "no model of the gateway is called 'bb' (did you mean 'b'?)"),
        ("expires: 2026-12-01", "expires: 2026-11-20", "the waiver for config.a.b expired on 2026-11-20"),
        ("expires: 2026-12-01", "expires: 2026-13-01", "is not a date"),
        ("fail_above: 3000", "fail_above: 1000", "lies on the passing side"),
        ("fail_above: 3000", "fail_below: 3000", "mixes _above and _below"),
        ("  model: chat", "  model: chat\n  profile: smok", "no profile or file 'smok' (did you mean 'smoke'?)"),
        ("key: {env: KEY}", "key: plain", "gateway.key: must be a reference, never the value itself"),
        ("key: {env: KEY}", "key: {file: nope}", "the secret's file nope cannot be read"),
        ("name: main, kind", "name: gateway, kind", "the name 'gateway' is taken"),
        ("name: main, kind", "name: '', kind", "providers[0].name"),
        ("{name: b}", "{name: chat}", "gateway.models[1].name: the name 'chat' is taken"),
        ("{name: b}", "{name: b, pool: {main: 0, other: 0}}", "gateway.models[1].pool: all weights are 0"),
        ("4000/", "4000/v1/", "gateway.url: ends with /v1, which is added to it"),
        ("4000/", "4000/?key=x", "gateway.url: "),
        (
            "  model: chat",
            "  model: caht",
            "load.model: no model of the gateway is called 'caht' (did you mean 'chat'?)",
        ),
        (
            "  model: chat",
            "  model: b\n  gateway_overhead_ms: {fail_above: 50}",
            "which model stands behind the gateway's b",
        ),
        ('main:8000"', 'main:8000", models: [{name: base}]', "is called 'bsae' (did you mean 'base'?)"),
        ("{env: KEY}", "{env: KEY}\n  deviations: [{check: a.b.c, matches: x, reason: r, models: [caht]}]", "'caht'"),
        ("{env: KEY}", "{env: ''}", "gateway.key.env"),
    ],
)
def test_refused(tmp_path: Path, old: str, new: str, wanted: str) -> None:
    assert old in GOOD
    assert wanted in refused(tmp_path, GOOD.replace(old, new), KEY="k" * 8)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("key: {env: KEY}", "key: hunter2plain"),
        ("key: {env: KEY}", 'key: {env: "${KEY}"}'),
        ("key: {env: KEY}", "key: {env: hunter2plain=}"),
        ("main:8000", "ana:hunter2plain@main:8000"),
        ("main:8000", "hunter2plain@main:8000"),
        ("main:8000", "ana:hunter2plain/x@main:8000"),
        ("main:8000", "ana:hunter2plain[x@main:8000"),
        ("main:8000", "ana:hunter2plain℀x@main:8000"),
        (
            "fallbacks: [b]}, {name: b}]",
            'fallbacks: [b]}, {name: b}]\n  routing: {tenants: [{name: a, key: {env: "${KEY}"}}]}',
        ),
        ("main:8000", "ana:hunter2plain,x@main:99999"),
        ("main:8000", "ana:${KEY}@main:99999"),
        ("http://main:8000", "redis://:hunter2plain@main:99999"),
    ],
)
def test_an_inline_secret_is_not_repeated(tmp_path: Path, old: str, new: str) -> None:
    assert "hunter2plain" not in refused(tmp_path, GOOD.replace(old, new), KEY="hunter2plain")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("", "is empty"), (" \n", "is empty"), ("a\nb", "no header can carry"), ("schlüssel", "no header can carry")],
)
def test_a_secret_that_cannot_be_used_is_told(tmp_path: Path, value: str, wanted: str) -> None:
    (tmp_path / "key").write_text(value, encoding="utf-8")
    assert wanted in refused(tmp_path, GOOD.replace("{env: KEY}", "{file: key}"))


def test_blanks_around_a_secret_do_not_count(tmp_path: Path) -> None:
    target = load(
        tmp_path,
        GOOD + "cache: {url: 'redis://ana@r', password: {env: PASSWORD}}\n",
        KEY=" s3cret-key\n",
        PASSWORD="grün7",
    )
    assert target.gateway is not None
    assert target.gateway.key is not None
    assert (target.gateway.key.value, [secret.value for secret in target.secrets]) == (
        "s3cret-key",
        ["s3cret-key", "grün7"],
    )


def test_a_password_in_an_address_is_a_secret(tmp_path: Path) -> None:
    monitoring = "monitoring: {prometheus: {url: 'https://ana:${PASSWORD}@p:9090/prom'}}\n"
    text = f"{GOOD}{monitoring}cache: {{url: 'redis://r/0?password=hunter4'}}\n"
    target = load(tmp_path, text, KEY="s3cret-key", PASSWORD="hun%20ter2")
    assert target.monitoring.prometheus is not None
    assert target.monitoring.prometheus.url == "https://ana:hun%20ter2@p:9090/prom"
    assert {secret.value for secret in target.secrets} == {"s3cret-key", "hun%20ter2", "hun ter2", "hunter4"}
    assert "hunter4" not in repr(target.secrets)


@pytest.mark.parametrize(
    "extra",
    [
        "host: {allowed_lines: ['http://[a-z]+:x']}",
        watched("objectives: [{name: a, query: node_filesystem_avail_bytes, fail_below: 2.0e+12}]"),
        "artifacts: {registry: r.json, datasets: [{name: d, url: 'http://d/q', query: {since: 1760000000000}, expect: x}]}",
        "cache: {url: 'redis://ana@[::1]:6379/0?client_name=a@b'}",
        "cache: {url: 'redis://:hunter2@r'}",
        "commands: {a: {do: [curl, 'http://u:p@[x'], undo: [x]}}",
        "monitoring: {metrics: [{name: a, url: 'http://ana:hunter2@a/metrics'}]}",
        "toxiproxy: {url: 'http://[fe80::1]:8474'}",
        "web: {url: 'https://chat.example?embed=1#/chat', prompt: p, answer: a}",
        "monitoring: {metrics: [{name: a, url: 'http://a/metrics?format=prometheus'}]}",
        "monitoring: {alertmanager: {url: 'http://a', drills: [{name: d, alert: A, labels: {env: '${KEY}'}}]}}",
    ],
)
def test_odd_values_that_are_right(tmp_path: Path, extra: str) -> None:
    target = load(tmp_path, f"{GOOD}{extra}\n", KEY="s3cret-key")
    alarms = target.monitoring.alertmanager
    assert alarms is None or alarms.drills[0].labels == {"env": "s3cret-key"}


def test_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    target = load(tmp_path, GOOD + "cluster: {context: c, kubeconfig: ~/kube}\n", KEY="k" * 8)
    assert target.cluster is not None
    assert target.cluster.kubeconfig == tmp_path / "kube"


def agent(more: str) -> str:
    """A section with an agent."""
    return f"agent: {{url: 'http://agent/', key: {{env: KEY}}, {more}}}"


def drilled(kind: str, more: str) -> str:
    """A section with a drill on a service without a cluster."""
    parts = "name: d, service: bot, release: r, files: {a: a.json}, versions: v"
    supervisor = "supervisor: {url: 'http://s'}"
    return f"{supervisor}\ndrills: {{{kind}: [{{{parts}, {more}}}]}}"


def playbook(step: str) -> str:
    """A section with a playbook whose symptom is that step."""
    rest = "name: d, trigger: errors, action: {command: c}"
    return f"commands: {{c: {{do: [a], undo: [b]}}}}\ndrills: {{playbooks: [{{{rest}, symptom: [{step}]}}]}}"


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ("monitoring: {metrics: [{name: a, url: 'http://a'}, {name: a, url: 'http://b'}]}", "the name 'a' is taken"),
        ("objectives: {fallback_rate: {warn_above: .nan}}", "must be a finite number"),
        (
            "objectives: {fallback_rate: {fail_above: 15}}",
            "objectives.fallback_rate: is a share: at least 0 and under 1",
        ),
        ("objectives: {fallback_rate: {fail_above: 1}}", "objectives.fallback_rate: is a share"),
        ("objectives: {fallback_rate: {warn_above: -0.1}}", "objectives.fallback_rate: is a share"),
        ("objectives: {fallback_rate: {fail_below: 0.1}}", "needs warn_above or fail_above, or both: the other side"),
        ("objectives: {mean_confidence: {fail_below: 65}}", "is a share: over 0 and at most 1"),
        ("objectives: {intent_accuracy: {fail_above: 0.8}}", "needs warn_below or fail_below"),
        ("host: {cpu: {fail_above: 95}}", "host.cpu: is a share"),
        ("host: {disk: {path: /, fail_above: -1}}", "host.disk: is a share"),
        ("valid_hours: 1.0e+9", "valid_hours: '1000000000.0' breaks maximum"),
        ("valid_hours: .nan", "valid_hours: must be a finite number"),
        (f"budget: {{requests: {'9' * 401}}}", "budget.requests: must be a finite number"),
        ("budget: {requests: '2'}", "budget.requests: must be integer, is '2'"),
        ('root: "a\\0b"', "root: holds a NUL character"),
        ("root: nowhere", "root: there is no folder 'nowhere'"),
        ("checks: [nowhere]", "checks[0]: there is no folder 'nowhere'"),
        (
            "web: {url: 'http://h:65536/', prompt: p, answer: a}",
            "web.url: must be an http:// or https:// URL without credentials, its port at most 65535",
        ),
        ("web: {url: 'http://[::1/', prompt: p, answer: a}", "web.url: must be an http:// or https:// URL"),
        ("cache: {url: 'redis://h:99999'}", "cache.url: must be a redis:// or rediss:// URL, its port at most 65535"),
        (
            "toxiproxy: {url: 'http://t/?a=1'}",
            "toxiproxy.url: must be an http:// or https:// URL without credentials, query and fragment, its port",
        ),
        ("security: {listen: 'here:70000'}", "security.listen: 'here:70000' is not host:port"),
        ("chatbot: {url: 'http://bot', message_path: chat}", "chatbot.message_path: 'chat' is not a path"),
        ("chatbot: {url: 'http://bot', metrics_path: '@evil/m'}", "is not a path that begins with /"),
        ("chatbot: {url: 'http://bot', schema: own.json}", "chatbot.schema: there is no file 'own.json'"),
        ("chatbot: {url: 'http://bot', consistency: own.json}", "chatbot.consistency: there is no file 'own.json'"),
        ("chatbot: {url: 'http://bot', baseline: own.jsonl}", "chatbot.baseline: there is no file 'own.jsonl'"),
        ("services: [{name: '', url: 'http://s'}]", "services[0].name"),
        (
            "monitoring: {alertmanager: {url: 'http://a', drills: [{name: d, alert: A, provoke: [{sotp: x}]}]}}",
            "provoke[0].sotp: unknown key 'sotp' (did you mean 'stop'?)",
        ),
        (
            playbook("{control: mian, fault: slow}"),
            "symptom[0].control: no part of the target is called 'mian' (did you",
        ),
        (playbook("{stop: a, restart: b}"), "symptom[0]: must name one means, and only one"),
        (playbook("{control: main}"), "drills.playbooks[0].symptom[0]"),
        (playbook("{fault: slow}"), "symptom[0]: must name one means, and only one: command, commit, container"),
        (watched("objectives: [{name: a, query: 'sum(', fail_above: 1}]"), "not PromQL"),
        (watched("objectives: [{name: a, query: up}]"), "needs warn_above"),
        (watched("jobs: [gateway], series: [{name: up, job: gatway}]"), "not among the jobs (did you mean 'gateway'?)"),
        (watched("series: [{name: up}, {name: up}]"), "the name 'up' is taken"),
        ("monitoring: {counters: [{name: c, page: p, metric: m, label: l}]}", "no metrics page is called 'p'"),
        (
            "monitoring: {alertmanager: {url: 'http://a', drills: [{name: d, alert: A, provoke: [{stop: x}]}]}}",
            "fires in monitoring.prometheus",
        ),
        (drilled("rollbacks", "change: {image: 'shop:2'}"), "only a workload of the cluster has an image"),
        (drilled("rollouts", "change: {environment: {A: b}}"), "only a workload of the cluster has an image"),
        (agent("approver_key: {env: KEY}"), "agent.approver_key: is the same key as `key`"),
        (agent("actions: {R2: {tool: a, arguments: []}}"), "R2 and R3 need `approver_key`"),
        (agent("actions: {R9: {tool: a, arguments: []}}"), "unknown key 'R9'"),
        (agent("tools: [{name: git, read: [log], writes: [], witness: [log]}]"), "agent.tools[0].writes"),
    ],
)
def test_refused_sections(tmp_path: Path, extra: str, wanted: str) -> None:
    assert wanted in refused(tmp_path, GOOD + extra + "\n", KEY="k" * 8)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("fail_above: 0.01", "fail_above: 5", "between 0 and 1"),
        ("fail_above: 0.01", "fail_above: 0", "between 0 and 1"),
        ("fail_above: 0.01", "fail_above: 0.01, failures: exclude", "is for quantiles"),
        (
            "fail_above: 3000}}, errors: {fail_above: 0.01}",
            "fail_above: 3000, failures: exclude}}",
            "needs an objective on errors that carries them",
        ),
        ('url: "http://main:8000"', 'url: "http://main:8000", requests_metric: r', "needs metrics_path"),
        (
            "kind: litellm",
            "kind: litellm\n  deviations: [{check: a.b.c, matches: '(', reason: r}]",
            "regular expression",
        ),
    ],
)
def test_refused_values(tmp_path: Path, old: str, new: str, wanted: str) -> None:
    assert old in GOOD
    assert wanted in refused(tmp_path, GOOD.replace(old, new), KEY="k" * 8)


def test_routing_is_declared_by_what_its_checks_need(tmp_path: Path) -> None:
    metrics = ", metrics_path: /m, requests_metric: r}"
    counted = GOOD.replace('"http://main:8000"}', '"http://main:8000"' + metrics)
    assert "routing" in load(tmp_path, counted, KEY="k" * 8).declared_suites()
    assert "routing" in load(tmp_path, GOOD + "cache: {url: 'redis://r'}\n", KEY="k" * 8).declared_suites()


def test_paths_are_relative_to_the_file_and_secrets_may_be_files(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("from-a-file\n", encoding="utf-8")
    target = load(tmp_path, GOOD.replace("{env: KEY}", "{file: key.txt}") + "artifacts: {registry: r.json}\n")
    assert target.registry == tmp_path / "r.json"
    assert target.gateway is not None
    assert target.gateway.key is not None
    assert target.gateway.key.value == "from-a-file"


@pytest.mark.parametrize(
    ("environment", "allowed", "flag", "change", "disruptive"),
    [
        ("staging", False, False, "", False),
        ("staging", False, True, "", True),
        ("production", True, False, "C1", False),
        ("production", True, True, "C1", True),
    ],
)
def test_permissions(
    tmp_path: Path, environment: str, allowed: bool, flag: bool, change: str, disruptive: bool
) -> None:
    text = f"name: p\nenvironment: {environment}\nallow_disruptive: {str(allowed).lower()}\n"
    given = permitted(load(tmp_path, text), allow_disruptive=flag, change_id=change)
    assert (Permission.DISRUPTIVE in given) is disruptive


@pytest.mark.parametrize(("allowed", "change"), [("false", "C1"), ("true", "")])
def test_production_needs_all_three_keys(tmp_path: Path, allowed: str, change: str) -> None:
    target = load(tmp_path, f"name: p\nenvironment: production\nallow_disruptive: {allowed}\n")
    with pytest.raises(GonogoError, match="--change|allow_disruptive"):
        permitted(target, allow_disruptive=True, change_id=change)


def test_promises_are_the_kinds_with_and_without(tmp_path: Path) -> None:
    text = """\
name: t
environment: development
providers:
  - name: p
    kind: llamacpp
    url: http://localhost:1
    deviations: [{check: contract.a.b, matches: x, reason: r, models: [m]}]
    models: [{name: m, has: [tools], lacks: [seed, n]}, {name: plain}]
services: [{name: s, url: "http://localhost:2/", routes: {chat: {path: /ask}, generate: }}]
"""
    target = load(tmp_path, text)
    special, plain = target.providers[0].models
    assert special.promises == (plain.promises | {"tools"}) - {"seed", "n"}
    assert target.providers[0].deviations[-1].models == ("m",)
    routes = target.services[0].routes
    assert (set(routes), routes["chat"].path, routes["chat"].answer) == ({"chat", "generate"}, "/ask", "/response")
    assert target.services[0].url == "http://localhost:2"
    assert target.declared_suites() == {"contract", "security"}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("services: [{name: p, url: 'http://a'}]", "the name 'p' is taken"),
        ("services: [{name: s, url: 'http://a'}, {name: s, url: 'http://b'}]", "the name 's' is taken"),
        ("services: [{name: gateway, url: 'http://a'}]", "the name 'gateway' is taken"),
        ("services: [{name: s, url: 'http://a', routes: {speak: {}}}]", "unknown key 'speak'"),
    ],
)
def test_services_have_names_of_their_own(tmp_path: Path, extra: str, message: str) -> None:
    base = "name: t\nenvironment: development\nproviders: [{name: p, kind: vllm, url: 'http://a'}]\n"
    with pytest.raises(DocumentError, match=message):
        load(tmp_path, base + extra + "\n")


def test_unknown_features_are_refused(tmp_path: Path) -> None:
    text = "name: t\nenvironment: development\nproviders: [{name: p, kind: vllm, url: 'http://a', models: [{name: m, lacks: [tool]}]}]\n"
    with pytest.raises(DocumentError, match="did you mean 'tools'"):
        load(tmp_path, text)


CHATBOT = GOOD + "chatbot:\n  url: http://bot/\n"


def test_a_chatbot_by_its_defaults(tmp_path: Path) -> None:
    bot = load(tmp_path, CHATBOT, KEY="s3cret-key").chatbot
    assert bot is not None
    assert (bot.url, bot.message_path, bot.completions) == ("http://bot", "/api/chat/message", None)
    assert [path.name for path in bot.conversations] == ["cars-es.yaml", "adversarial-es.jsonl"]
    assert bot.schema.is_file()
    assert bot.consistency is not None
    assert bot.consistency.is_file()


def test_a_chatbot_with_everything(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Eres amable.", encoding="utf-8")
    (tmp_path / "own.jsonl").write_text('{"text": "Hola"}\n', encoding="utf-8")
    (tmp_path / "accepted.jsonl").touch()
    section = f"""  key: {{env: KEY}}
  completions: {{model: chat}}
  system_prompt: prompt.txt
  conversations: [own.jsonl, {tmp_path}/own.jsonl, cars-en]
  fields: {{text: /answer}}
  asking: {{repeats: 5, agree: 4, money: 1.5, price_per_message: 0.01}}
  baseline: accepted.jsonl
"""
    bot = load(tmp_path, CHATBOT + section, KEY="s3cret-key").chatbot
    assert bot is not None
    assert bot.key is not None
    assert (bot.message_path, bot.health_path, bot.system_prompt) == ("/v1/chat/completions", "/health", "Eres amable.")
    assert [path.name for path in bot.conversations] == ["own.jsonl", "own.jsonl", "cars-en.yaml"]
    assert (bot.fields.text, bot.fields.intent, bot.asking.most_messages) == ("/answer", "/intent", 150)
    assert bot.baseline == tmp_path / "accepted.jsonl"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("  conversations: [cars-se]", "no file or shipped set 'cars-se' (did you mean 'cars-es'?)"),
        ("  conversations: [/nowhere/set.yaml]", "no file or shipped set '/nowhere/set.yaml'"),
        ("  asking: {repeats: 2, agree: 3}", "chatbot.asking.agree: must be more than half of the 2 repeats"),
        ("  asking: {repeats: 3, agree: 1}", "chatbot.asking.agree: must be more than half of the 3 repeats"),
        ("  asking: {money: 0.5, price_per_message: 1}", "chatbot.asking.money: does not pay for one message"),
        ("  asking: {seconds: .nan}", "chatbot.asking.seconds: must be a finite number of at most 1e+09"),
        ("  canaries: ['------------']", "chatbot.canaries[0]: has fewer than 8 letters and digits"),
        ("  canaries: [sk-canary-7Q4Z1138]", "chatbot.canaries[0]: looks like a key"),
        ("  asking: {money: 2}", "chatbot.asking.money: needs price_per_message"),
        ("  system_prompt: gone.txt", "chatbot.system_prompt: gone.txt cannot be read"),
        ("  prompts: 60", "unknown key 'prompts'"),
        ("  fields: {text: answer}", "chatbot.fields.text"),
        ("  canaries: [abc]", "chatbot.canaries[0]"),
    ],
)
def test_a_wrong_chatbot_is_told_with_its_place(tmp_path: Path, section: str, message: str) -> None:
    assert message in refused(tmp_path, f"{CHATBOT}{section}\n", KEY="s3cret-key")


def test_an_agent(tmp_path: Path) -> None:
    tools = "tools: [{name: git, read: [log], writes: [[tag, 'x-{nonce}']], witness: {tool: ls, arguments: []}}]"
    found = load(
        tmp_path, GOOD + agent(f"other_key: {{env: OTHER}}, ttl_s: 3, {tools}"), KEY="k" * 8, OTHER="o" * 8
    ).agent
    assert found is not None
    assert (found.url, found.ttl_s, found.paths.audit) == ("http://agent", 3, "/v1/audit")
    assert str(found.tools[0].writes[0].with_nonce("7")) == "git tag x-7"
    assert found.tools[0].witness.tool == "ls"
