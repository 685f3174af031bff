"""Rules on what can be reached, on variables and on secrets."""

import pytest

from gonogo.documents import Document, parse_document, parse_environment
from gonogo.rules import exposure, references, secrets
from gonogo.rules.secrets import Line
from gonogo.rules.sources import Sources, is_inside, is_loopback


def sources(kind: str, text: str) -> Sources:
    parse = parse_environment if kind in ("environment_files", "ollama_environment") else parse_document
    return Sources({kind: (parse(text, kind),)})


@pytest.mark.parametrize(
    ("kind", "text", "count"),
    [
        ("chatbot", "allowed_origins: ['*']", 1),
        ("chatbot", "allowed_origins: [https://a.example, 'https://*.example']", 1),
        ("chatbot", "allowed_origins: [https://a.example]", 0),
        ("ollama_environment", "OLLAMA_ORIGINS=*\n", 1),
        ("compose", "services: {a: {environment: ['CORS_ORIGINS=*']}}", 1),
        ("compose", "services: {a: {environment: {CORS_ORIGINS: '*'}}}", 1),
        ("manifests", "kind: Ingress\nmetadata: {annotations: {nginx.ingress.kubernetes.io/enable-cors: 'true'}}", 1),
        ("manifests", "kind: Pod\nspec: {containers: [{env: [{name: ALLOWED_ORIGINS, value: '*'}]}]}", 1),
    ],
)
def test_any_origin(kind: str, text: str, count: int) -> None:
    assert len(exposure.any_origin(sources(kind, text))) == count


def test_default_origins() -> None:
    given = sources("gateway", "model_list: []")
    assert len(exposure.default_origins(given, ())) == 1
    assert exposure.default_origins(given, ("LITELLM_CORS_ORIGINS",)) == []


@pytest.mark.parametrize(("value", "count"), [("", 3), ("secret-or-origin", 0), ("${FROM_THE_HOST}", 0)])
def test_a_variable_with_nothing_behind_it_sets_nothing(value: str, count: int) -> None:
    names = ("LITELLM_MASTER_KEY", "REDIS_PASSWORD", "LITELLM_CORS_ORIGINS")
    given = sources("environment_files", "".join(f"{name}={value}\n" for name in names))
    gateway = sources("gateway", "model_list: []\nrouter_settings: {redis_host: redis.prod.example}")
    both = Sources({**given.by_kind, **gateway.by_kind})
    problems = [
        *exposure.default_origins(both, ()),
        *exposure.open_redis(both, ()),
        *exposure.no_authentication(both, ()),
    ]
    assert len(problems) == count


@pytest.mark.parametrize(
    ("kind", "text", "count"),
    [
        ("gateway", "router_settings: {redis_host: redis}", 1),
        ("gateway", "router_settings: {redis_host: 127.0.0.1}", 0),
        ("gateway", "router_settings: {redis_host: '::1'}", 0),
        ("gateway", "router_settings: {redis_host: redis, redis_password: os.environ/P}", 0),
        ("gateway", "router_settings: {redis_host: os.environ/REDIS_HOST}", 1),
        ("gateway", "router_settings: {redis_host: r}\nenvironment_variables: {REDIS_PASSWORD: os.environ/P}", 0),
        ("chatbot", "redis_url: 'redis://default@cache:6379'", 1),
        ("chatbot", "redis_url: 'redis://:${P}@cache:6379'", 0),
        ("manifests", "kind: ConfigMap\ndata: {REDIS_URL: 'redis://redis.prod:6379'}", 1),
        ("manifests", "kind: Deployment\nspec: {template: {spec: {containers: [{image: 'redis:7'}]}}}", 1),
        (
            "manifests",
            "kind: Deployment\nspec: {template: {spec: {containers: [{image: 'redis:7', args: [--requirepass, $(P)]}]}}}",
            0,
        ),
        ("compose", "services: {r: {image: 'bitnami/redis:7', environment: ['REDIS_PASSWORD=${P}']}}", 0),
        ("compose", "services: {r: {image: 'redis:7', entrypoint: [redis-server, --requirepass, $P]}}", 0),
        ("compose", "services: {r: {image: 'redis:7', command: [redis-server, --requirepass, '']}}", 1),
        ("gateway", "litellm_settings: {cache_params: {host: 10.0.0.1}}", 1),
        ("gateway", "litellm_settings: {cache_params: {url: 'redis://:${P}@r:1'}}", 0),
        ("gateway", "litellm_settings: {cache_params: {url: 'redis://r:1'}}", 1),
        ("chatbot", "redis_url: rediss://cache.example:6379/0", 1),
        ("environment_files", "REDIS_URL=redis://localhost:6379\n", 0),
        ("environment_files", "CACHE_REDIS_URL=redis://r:6379\n", 1),
        ("compose", "services: {r: {image: 'redis:7', command: redis-server}}", 1),
        ("compose", "services: {r: {image: 'redis:7', command: [redis-server, --requirepass, x]}}", 0),
        ("compose", "services: {r: {image: 'registry.example:5000/valkey@sha256:1'}}", 1),
    ],
)
def test_open_redis(kind: str, text: str, count: int) -> None:
    assert len(exposure.open_redis(sources(kind, text), ())) == count


@pytest.mark.parametrize(
    ("kind", "text", "count"),
    [
        ("gateway", "general_settings: {master_key: os.environ/K}", 0),
        ("gateway", "general_settings: {}", 1),
        ("compose", "services: {o: {image: 'ollama/ollama:1', ports: ['11434:11434']}}", 1),
        ("compose", "services: {o: {image: 'ollama/ollama:1', ports: ['127.0.0.1:11434:11434']}}", 0),
        (
            "compose",
            "services: {o: {image: 'ollama/ollama:1', ports: [{target: 1, published: 1, host_ip: 127.0.0.1}]}}",
            0,
        ),
        ("compose", "services: {o: {image: 'ollama/ollama:1', ports: [{target: 1, published: 1}]}}", 1),
        ("compose", "services: {v: {image: 'vllm/vllm-openai:1', ports: ['8000:8000'], command: '--api-key $K'}}", 0),
        (
            "compose",
            "services: {v: {image: 'vllm/vllm-openai:1', ports: ['8000:8000'], environment: [VLLM_API_KEY=$K]}}",
            0,
        ),
        ("compose", "services: {w: {image: 'web:1', ports: ['80:80']}}", 0),
        (
            "compose",
            "services: {v: {image: 'vllm/vllm-openai:1', ports: ['8000:8000'], environment: [HF_TOKEN=$T]}}",
            1,
        ),
        ("compose", "services: {o: {image: 'ollama/ollama:1', ports: ['1:1'], environment: [OPENAI_API_KEY=$T]}}", 1),
        ("compose", "services: {o: {image: 'ollama/ollama:1', network_mode: host}}", 1),
        ("gateway", "environment_variables: {LITELLM_MASTER_KEY: os.environ/K}", 0),
    ],
)
def test_no_authentication(kind: str, text: str, count: int) -> None:
    assert len(exposure.no_authentication(sources(kind, text), ())) == count


@pytest.mark.parametrize(
    ("port", "found"),
    [
        ("127.0.0.1:${PORT:-11434}:11434", []),
        ("${BIND:-127.0.0.1}:11434:11434", []),
        ("${BIND-127.0.0.1}:${PORT}:11434", []),
        ("${BIND:-0.0.0.0}:11434:11434", [False]),
        ("${PORT:-11434}:11434", [False]),
        ("$PORT:11434", [False]),
        ("${BIND}:11434:11434", [True]),
        ("${PORTS}", [True]),
        ("${A:-${B:-127.0.0.1}}:80:80", []),
        ("${A:-${B:-8000}}:8000", [False]),
        ("${IP:-0.0.0.0}:${P:-${Q:-1}}:80", [False]),
        ("${BIND:?say where}:11434:11434", [True]),
        ("[::1]:11434:11434", []),
    ],
)
def test_a_published_port_with_variables(port: str, found: list[bool]) -> None:
    text = f"services: {{o: {{image: 'ollama/ollama:1', ports: ['{port}']}}}}"
    assert [problem.warning for problem in exposure.no_authentication(sources("compose", text), ())] == found


@pytest.mark.parametrize(
    "server",
    [
        "{image: 'redis:7', command: [redis-server, /usr/local/etc/redis/redis.conf]}",
        "{image: 'redis:7', command: redis-server --aclfile /run/users.acl}",
    ],
)
def test_a_redis_with_settings_that_are_not_seen_is_a_warning(server: str) -> None:
    found = sources("compose", f"services: {{r: {server[:-1]}, ports: ['6379:6379']}}}}")
    assert [problem.warning for problem in exposure.open_redis(found, ())] == [True]
    assert [problem.warning for problem in exposure.no_authentication(found, ())] == [True]


def test_a_password_may_stand_in_a_secret_that_is_passed_as_a_whole() -> None:
    container = "{image: 'bitnami/redis:7', envFrom: [{secretRef: {name: redis}}]}"
    found = sources("manifests", f"kind: Deployment\nspec: {{template: {{spec: {{containers: [{container}]}}}}}}")
    assert [problem.warning for problem in exposure.open_redis(found, ())] == [True]


@pytest.mark.parametrize(
    ("kind", "text", "count"),
    [
        ("manifests", "kind: Ingress\nspec: {rules: []}", 1),
        ("manifests", "kind: Ingress\nspec: {tls: [{hosts: [a]}]}", 0),
        ("manifests", "kind: Ingress\nmetadata: {annotations: {alb.ingress.kubernetes.io/certificate-arn: x}}", 0),
        ("providers", "providers: [{url: 'http://api.example.com'}, {url: 'http://10.1.2.3'}, {url: 'http://vllm'}]", 1),
        ("gateway", "model_list: [{litellm_params: {api_base: 'http://a.svc:1'}}, {litellm_params: {api_base: 'http://x.io'}}]", 1),
        ("routes", "GlobalConfiguration: {BaseUrl: 'http://shop.example'}", 1),
    ],
)  # fmt: skip
def test_no_tls(kind: str, text: str, count: int) -> None:
    assert len(exposure.no_tls(sources(kind, text))) == count


@pytest.mark.parametrize(
    ("host", "loopback", "inside"),
    [("127.0.0.1", True, True), ("localhost", True, True), ("::1", True, True), ("10.0.0.1", False, True),
     ("redis", False, True), ("a.svc", False, True), ("a.example", False, False), ("8.8.8.8", False, False)],
)  # fmt: skip
def test_hosts(host: str, loopback: bool, inside: bool) -> None:
    assert (is_loopback(host), is_inside(host)) == (loopback, inside)


@pytest.mark.parametrize(
    ("kind", "text", "unset"),
    [
        ("gateway", "general_settings: {master_key: os.environ/NO_SUCH}", ["NO_SUCH"]),
        ("gateway", "environment_variables: {A: 1}\ngeneral_settings: {master_key: os.environ/A}", []),
        ("gateway", "general_settings: {master_key: os.environ/ELSEWHERE, x: os.environ/HERE}", []),
        ("gateway", "general_settings: {master_key: os.environ/EMPTY}", ["EMPTY"]),
        ("compose", "services: {a: {command: '$X ${Y} ${Z:-d} ${W?must} $$V'}}", ["X", "Y", "W"]),
        ("providers", "providers: [{key_env: K}]", ["K"]),
        ("compose", "services: {a: {environment: {X: '${X}', Y: '${Y:-d}', Z: 1}, command: '$Z'}}", ["X"]),
        ("compose", "services: {a: {environment: [PASSED_ON]}}", ["PASSED_ON"]),
        ("gateway", "environment_variables: {X: os.environ/X}", ["X"]),
    ],
)
def test_unset_variables(kind: str, text: str, unset: list[str]) -> None:
    found = references.unset(sources(kind, text), {"HERE": "1", "EMPTY": ""}, ["ELSEWHERE"])
    assert [problem.message.split()[0] for problem in found] == unset


KEY = "sk-proj-" + "4f9a7c2e81d05b36a9e4"
"""Put together here, so that this repository holds no key itself."""


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (f"api_key: {KEY}", 1),
        (f"api_key: {KEY}  # pragma: allowlist secret", 0),
        ("api_key: sk-1234567890abcdef1234", 0),
        ("uses sk-learn-pipeline-with-many-words", 0),
        ("api_key: os.environ/OPENAI_API_KEY", 0),
        ("url: postgres://user:" + "pa55word@db:5432/x", 1),
        ("url: redis://:${PASSWORD}@redis:6379", 0),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", 1),
        ("key: AKIA" + "2E0A8F3B244C9986", 1),
        ("key: AKIA" + "IOSFODNN7EXAMPLE", 0),
        ("image: x@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 0),
    ],
)
def test_secrets_in_lines(line: str, count: int) -> None:
    found = secrets.in_lines([Line("f", 7, line)])
    assert len(found) == count
    assert all(problem.line == 7 and KEY not in problem.message for problem in found)


def test_a_published_service_of_kubernetes() -> None:
    texts = (
        "kind: Deployment\nmetadata: {name: o}\nspec: {template: {metadata: {labels: {app: o}}, spec: {containers: [{image: 'ollama/ollama:1'}]}}}",
        "kind: Service\nmetadata: {name: s}\nspec: {type: LoadBalancer, selector: {app: o}}",
    )
    found = Sources({"manifests": tuple(parse_document(text, "k8s") for text in texts)})
    assert [p.message for p in exposure.no_authentication(found, ())] == [
        "o asks for no key and is published as a LoadBalancer"
    ]


def test_a_known_secret_is_accepted_by_its_fingerprint() -> None:
    assert secrets.in_lines([Line("f", 1, KEY)], [secrets.fingerprint(KEY)]) == []


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("redis_password: girasol-7", ["redis_password"]),
        ("redis_password: os.environ/P", []),
        ("password: ${P}", []),
        ("token: '{{ .Values.token }}'", []),
        ("api_key: none", []),
        ("max_tokens: 4000", []),
        ("environment: [DB_PASSWORD=girasol-7]", ["environment[0]"]),
        ("env: [{name: DB_PASSWORD, value: girasol-7}]", ["env[0].value"]),
        ("env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: x, key: y}}}]", []),
        ("apiVersion: v1\nkind: Secret\nstringData: {whatever: girasol-7}", ["stringData.whatever"]),
        ("apiVersion: v1\nkind: ConfigMap\ndata: {DB_PASSWORD: girasol-7, other: girasol-7}", ["data.DB_PASSWORD"]),
        ("apiVersion: x/v1\nkind: ExternalSecret\nspec: {data: [{secretKey: openai-api-key}]}", []),
        ("apiVersion: x/v1\nkind: SealedSecret\nspec: {encryptedData: {redis-password: AgBy}}", []),
        (
            "apiVersion: v1\nkind: Pod\nspec: {containers: [{args: [--api-key, girasol-7]}]}",
            ["spec.containers[0].args[1]"],
        ),
        ("password: ${DB_PASSWORD:-girasol-7}", ["password"]),
        ("command: [redis-server, --requirepass, girasol-7]", ["command[2]"]),
        ("command: redis-server --requirepass girasol-7", ["command"]),
        ("command: [serve, --api-key=girasol-7]", ["command[1]"]),
        ("headers: {X-Api-Key: girasol-7}", ["headers.X-Api-Key"]),
        ("password: 84736251", ["password"]),
        ("max_token: 84736251", []),
        ("api_key: ollama", []),
        ("auth: {existingSecret: my-secret}", []),
        ("apiKey: girasol-7", ["apiKey"]),
    ],
)
def test_plain_values(text: str, paths: list[str]) -> None:
    document: Document = parse_document(text, "f")
    assert [problem.path for problem in secrets.plain_values(document)] == paths
