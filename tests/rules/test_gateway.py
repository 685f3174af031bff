"""Rules on a gateway's configuration: each finds its violation at its place, and nothing in what is well."""

import itertools

import pytest

from gonogo.documents import Document, parse_document
from gonogo.rules import fallbacks, timeouts
from gonogo.rules.drift import LoadedModel, differences, from_mappings, not_deployed
from gonogo.rules.gateway import GatewayConfig, missing_limits, unread_includes
from gonogo.rules.mappings import Mappings, ambiguous_names, dead_patterns, disagreements
from gonogo.rules.schemas import violations_of
from gonogo.rules.timeouts import Client


def doc(text: str, name: str = "f") -> Document:
    return parse_document(text, name)


def gateway(settings: str = "", models: str = "abc", extra: str = "timeout: 5, rpm: 1, tpm: 1") -> GatewayConfig:
    entries = "".join(
        f"  - {{model_name: {n}, litellm_params: {{model: openai/{n}, api_base: 'http://{n}:1/v1', {extra}}}}}\n"
        for n in models
    )
    return GatewayConfig(doc(f"model_list:\n{entries}router_settings: {{{settings}}}\n"))


def messages(problems: list) -> list[str]:  # type: ignore[type-arg]
    return [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("settings", "dangling", "cycles"),
    [
        ("fallbacks: [{a: [b, c]}]", 0, []),
        ("fallbacks: [{a: [b]}, {b: [a]}]", 0, ["a → b → a"]),
        ("fallbacks: [{a: [b]}, {b: [c]}, {c: [a]}]", 0, ["a → b → c → a"]),
        ("fallbacks: [{a: [a]}]", 0, ["a → a"]),
        ("fallbacks: [{a: [x]}]", 1, []),
        ("fallbacks: [{x: [a]}]", 1, []),
        ("fallbacks: wrong", 0, []),
        ("fallbacks: [{a: [{model: b}]}], context_window_fallbacks: [{b: [a]}]", 0, ["a → b → a"]),
        ("fallbacks: [{a: [b]}], content_policy_fallbacks: [{b: [a]}]", 0, ["a → b → a"]),
        ("default_fallbacks: [b, c]", 0, []),
        ("default_fallbacks: [b], fallbacks: [{b: [c]}]", 0, ["b → c → b"]),
        ("model_group_alias: {x: a}, fallbacks: [{a: [b]}, {b: [x]}]", 0, ["a → b → a"]),
        ("model_group_alias: {x: {model: a}}, fallbacks: [{a: [x]}]", 0, ["a → a"]),
        ('fallbacks: [{"*": [b, c]}, {b: [a]}]', 0, ["b → a → b"]),
        ('fallbacks: [{"*": [b, c]}]', 0, []),
    ],
)
def test_fallback_graph(settings: str, dangling: int, cycles: list[str]) -> None:
    config = gateway(settings)
    assert len(fallbacks.dangling(config)) == dangling
    assert [m.removeprefix("a cycle: ").partition(" (")[0] for m in messages(fallbacks.cycles(config))] == cycles


def test_a_link_to_a_wildcard_resolves() -> None:
    config = GatewayConfig(
        doc(
            "model_list: [{model_name: 'openai/*'}, {model_name: a}]\nrouter_settings: {fallbacks: [{a: [openai/gpt]}]}"
        )
    )
    assert fallbacks.dangling(config) == []


def test_a_long_chain_overflows_nothing() -> None:
    names = [f"m{i}" for i in range(5000)]
    links = ", ".join(f"{{{a}: [{b}]}}" for a, b in itertools.pairwise(names))
    config = GatewayConfig(doc(f"router_settings: {{fallbacks: [{links}, {{{names[-1]}: [m0]}}]}}"))
    (problem,) = fallbacks.cycles(config)
    assert problem.message.count("→") == 5000


@pytest.mark.parametrize(
    ("settings", "windows", "wanted"),
    [
        ("fallbacks: [{a: [b]}]", {"a": 8, "b": 4}, ["a (8 tokens) falls back to b, which takes only 4"]),
        ("fallbacks: [{a: [b]}]", {"a": 4, "b": 8}, []),
        ("fallbacks: [{a: [c]}]", {"a": 8, "c": 4}, []),
        ("fallbacks: [{a: [b]}]", {"a": 8}, ["the context window of b is not known"]),
        ("context_window_fallbacks: [{a: [b]}]", {"a": 8, "b": 8}, ["b (8 tokens) is no larger than a (8)"]),
        ("default_fallbacks: [b]", {"a": 8, "b": 4, "c": 2}, ["a (8 tokens) falls back to b, which takes only 4"]),
    ],
)
def test_smaller_contexts(settings: str, windows: dict[str, float], wanted: list[str]) -> None:
    assert messages(fallbacks.smaller_contexts(gateway(settings), windows, ["c"])) == wanted


def test_a_chain_that_stays_at_its_provider() -> None:
    text = "model_list: [{model_name: a, litellm_params: {model: openai/x}}, {model_name: b, litellm_params: {model: openai/y}}]"
    settings = "router_settings: {fallbacks: [{a: [b]}], context_window_fallbacks: [{b: [a]}]}"
    problems = fallbacks.same_provider(GatewayConfig(doc(f"{text}\n{settings}")))
    assert messages(problems) == ["the chain of a ends with b at its own provider openai"]
    assert fallbacks.same_provider(gateway("fallbacks: [{a: [b]}]")) == []


def test_limits_includes_and_schema() -> None:
    assert [p.path for p in missing_limits(gateway(extra="rpm: 1"))] == [f"model_list[{i}]" for i in range(3)]
    config = doc(
        "include: [other.yaml]\nmodel_list: [{model_name: a, litellm_params: {model: x, rpm: os.environ/RPM}}]"
    )
    (included,) = unread_includes(GatewayConfig(config))
    assert included.warning
    assert violations_of("gateway", [config]) == [included]


@pytest.mark.parametrize(
    "text", ["", "[]", "model_list: {}", "model_list: [3, {litellm_params: 1}]", "router_settings: 3"]
)
def test_a_file_of_another_form_has_no_facts(text: str) -> None:
    config = GatewayConfig(doc(text))
    assert (fallbacks.cycles(config), fallbacks.dangling(config), fallbacks.same_provider(config)) == ([], [], [])
    assert violations_of("gateway", [config.document])


@pytest.mark.parametrize(
    ("settings", "client_s", "wanted"),
    [
        ("num_retries: 0, fallbacks: [{a: [b]}]", 11, []),
        ("num_retries: 0, fallbacks: [{a: [b]}]", 10, ["worst case of a is 10 s (a 1 * 5 s + b 1 * 5 s)"]),
        ("num_retries: 1, retry_after: 3", 13, ["worst case of a is 13 s (a 2 * 5 s + 3 s)"]),
        ("", 15, ["worst case of a is 15 s (a 3 * 5 s)"]),
        ("num_retries: 0, fallbacks: [{a: [b]}, {b: [a]}]", 11, []),
    ],
)
def test_worst_case(settings: str, client_s: float, wanted: list[str]) -> None:
    problems = timeouts.too_slow(gateway(settings), [Client("it", client_s, "a")])
    assert [m.partition(", but")[0] for m in messages(problems)] == wanted


def test_timeouts() -> None:
    assert messages(timeouts.not_nested(gateway(extra="rpm: 1", models="a"), None)) == [
        "a has no timeout, and neither has the gateway: LiteLLM waits 6000 s"
    ]
    assert timeouts.not_nested(gateway("timeout: 4", models="a", extra="rpm: 1"), None) == []
    assert timeouts.not_nested(gateway(models="a", extra="request_timeout: 4"), None) == []
    mappings = Mappings(doc("providers: [{name: p, timeout_s: 9}]"), doc("models: [{name: a, provider: p}]"))
    assert messages(timeouts.not_nested(gateway(models="a"), mappings)) == [
        "a: the gateway waits 5 s for a provider that may take 9 s"
    ]


def test_the_general_timeout_comes_before_the_routers() -> None:
    text = "router_settings: {timeout: 5, num_retries: 0}\nlitellm_settings: {request_timeout: 600}\nmodel_list: [{model_name: a}]"
    (problem,) = timeouts.too_slow(GatewayConfig(doc(text)), [Client("it", 30)])
    assert "worst case of a is 600 s" in problem.message


def test_a_client_that_asks_an_unknown_model() -> None:
    place = doc("model: chta").root["model"]
    config = gateway("model_group_alias: {chat: a}")
    (problem,) = timeouts.too_slow(config, [Client("the chatbot", 99, "chta", place)])
    assert problem.message == "the gateway has no model 'chta'"
    (problem,) = timeouts.too_slow(config, [Client("the chatbot", 5, "chat", place)])
    assert "worst case of a is 15 s" in problem.message


@pytest.mark.parametrize(
    ("settings", "problems"),
    [("cooldown_time: 0, fallbacks: [{a: [b]}]", 1), ("cooldown_time: 0", 0), ("fallbacks: [{a: [b]}]", 0),
     ("disable_cooldowns: true, fallbacks: [{a: [b]}]", 1), ("disable_cooldowns: true", 0)],
)  # fmt: skip
def test_cooldown(settings: str, problems: int) -> None:
    assert len(timeouts.no_cooldown(gateway(settings))) == problems


MAPPINGS = Mappings(
    doc("providers: [{name: p, url: 'http://a:1', models: [{id: a}]}, {name: q, active: false}, {name: r}]", "p"),
    doc("models: [{name: m, provider: p, model: b}, {name: m, provider: q, model: x}, {name: n, provider: z, model: x}]\n"
        "default: mm\nfallbacks: {m: [k]}", "m"),
)  # fmt: skip


def test_mappings() -> None:
    assert messages(disagreements(MAPPINGS)) == [
        "the active provider r is not mapped: no model is served by it",
        "the provider q is not active",
        "no provider is called 'z'",
        "p does not serve 'b'",
    ]
    assert messages(ambiguous_names(MAPPINGS)) == [
        "the model name m stands 2 times",
        "the model name m stands 2 times",
        "no model is called 'k'",
        "no model is called 'mm' (did you mean 'm'?)",
    ]


@pytest.mark.parametrize(
    ("patterns", "dead"),
    [
        (["gpt-.*", "llama.*"], []),
        (["llama.*", "llama3.*"], ["llama3.*"]),
        (["llama3.*", "llama.*"], []),
        ([".*", "x"], ["x"]),
        (["a|b", "[ab]"], ["[ab]"]),
        (["^gpt-4$", "gpt-4"], ["gpt-4"]),
        (["a.*", ".*b", "a.*b"], ["a.*b"]),
        (["[0-9]+", "[1-9]"], ["[1-9]"]),
        (["(", "x"], ["("]),
        (["(a|b)*b[ab][ab][ab][ab][ab][ab][ab][ab]", "(a|b)*a[ab][ab][ab][ab][ab][ab][ab][ab]"], []),
    ],
)
def test_dead_patterns(patterns: list[str], dead: list[str]) -> None:
    listed = ", ".join(f'{{pattern: "{pattern}", provider: p}}' for pattern in patterns)
    found = dead_patterns(Mappings(doc("providers: []"), doc(f"patterns: [{listed}]")))
    assert [problem.message.split("'")[1] for problem in found if not problem.warning] == dead


def test_a_pattern_that_is_too_complex_is_said_to_be() -> None:
    long = "(?i)llama.*"
    (problem,) = dead_patterns(
        Mappings(doc("providers: []"), doc(f"patterns: [{{pattern: '[a-z]+.*'}}, {{pattern: '{long}'}}]"))
    )
    assert problem.warning


def test_drift_from_mappings() -> None:
    registry = doc("providers: [{name: p, url: 'http://a:1'}]", "p")
    mapped = doc("models: [{name: a, provider: p, model: a, rpm: 2}, {name: z, provider: p, model: z}]", "m")
    assert messages(from_mappings(gateway("fallbacks: [{a: [b]}]", "ab"), Mappings(registry, mapped))) == [
        "lacks the model z, which m maps",
        "a: rpm is 1, m says 2",
        "b is not in m: added by hand?",
        "a falls back to b, m says nothing",
    ]


def test_drift_of_a_deployment_that_lost_its_address() -> None:
    mappings = Mappings(
        doc("providers: [{name: p, url: 'http://a:1'}]", "p"),
        doc("models: [{name: m, provider: p, model: llama3}]", "m"),
    )
    text = "model_list: [{model_name: m, litellm_params: {model: openai/codellama3}}]"
    assert messages(from_mappings(GatewayConfig(doc(text)), mappings)) == [
        "is 'openai/codellama3', m maps to 'llama3'",
        "m has no api_base, p says 'http://a:1'",
    ]


def test_no_message_shows_a_secret() -> None:
    actual, wanted = (
        doc("redis_password: Winter2025\nenv: {DB_PASSWORD: Winter2025}"),
        doc("redis_password: os.environ/P\nenv: 3"),
    )
    told = " ".join(messages(differences(actual, wanted)))
    assert "Winter2025" not in told
    assert "os.environ/P" in told
    numeric = doc(
        "router_settings: {redis_password: 84736251}\nmodel_list: [{model_name: a, litellm_params: {model: x}}]"
    )
    assert "84736251" not in " ".join(messages(violations_of("gateway", [numeric])))
    compose = doc("services: {a: {image: x, environment: [{DB_PASSWORD: Winter2025}]}}")
    assert "Winter2025" not in " ".join(messages(violations_of("compose", [compose])))


def test_differences() -> None:
    actual, wanted = doc("a: 1\nb: [1, 2]\nc: true\nd: {x: 1}\n", "actual"), doc("a: 1\nb: [1]\nc: 1\ne: 2\n", "wanted")
    assert [str(p) for p in differences(actual, wanted)] == [
        "actual:2:4: b: has 2 items, wanted has 1",
        "actual:3:4: c: is 'True', wanted says '1'",
        "actual:4:1: d: stands here, but not in wanted",
        "actual:1:1: lacks 'e', which wanted has",
    ]
    assert differences(actual, actual) == []


def test_not_deployed() -> None:
    config = gateway(models="ab")
    loaded = [LoadedModel("a", "openai/a", "http://other:1/v1"), LoadedModel("x", "openai/x", "")]
    assert messages(not_deployed(config, loaded)) == [
        "a: the running gateway asks http://other:1/v1, the file says http://a:1/v1",
        "b (openai/b) is not loaded by the running gateway",
        "the running gateway has loaded x (openai/x), which is not in the file",
    ]


@pytest.mark.parametrize(
    ("loaded", "wanted"),
    [
        ("openai/b openai/c", []),
        ("openai/b", ["a (os.environ/MODEL) is not loaded by the running gateway"]),
        ("openai/b openai/b", []),
        ("openai/c", ["a (openai/b) is not loaded by the running gateway"]),
        ("openai/b openai/c openai/d", ["the running gateway has loaded a (openai/d), which is not in the file"]),
        ("openai/b os.environ/MODEL", []),
    ],
)
def test_a_model_that_a_variable_names_is_any_of_that_name(loaded: str, wanted: list[str]) -> None:
    entries = (
        "{model_name: a, litellm_params: {model: os.environ/MODEL}}, {model_name: a, litellm_params: {model: openai/b}}"
    )
    config = GatewayConfig(doc(f"model_list: [{entries}]"))
    assert messages(not_deployed(config, [LoadedModel("a", model, "") for model in loaded.split()])) == wanted


def test_models_that_variables_name_are_told_apart_by_their_servers() -> None:
    entries = (f"{{model_name: a, litellm_params: {{model: os.environ/M{n}, api_base: 'http://{n}'}}}}" for n in "12")
    config = GatewayConfig(doc(f"model_list: [{', '.join(entries)}]"))
    loaded = [LoadedModel("a", "openai/y", "http://2"), LoadedModel("a", "openai/x", "http://1")]
    assert messages(not_deployed(config, loaded)) == []
