"""Probes that read files and pages."""

from pathlib import Path

import pytest

from gonogo.documents import parse_document
from gonogo.errors import EndpointFailedError
from gonogo.probes.context import ProbeContext
from gonogo.probes.files import Evaluation, Files, ModelVersion
from gonogo.probes.gateway_config import read_gateway_config
from gonogo.probes.language import foreign_texts
from gonogo.probes.mappings import read_mappings
from gonogo.probes.metrics import parse
from gonogo.redaction import Redactor

FILES = Files(ProbeContext(lambda _: None, Redactor()))


def config(fallbacks: str) -> str:
    models = ", ".join(f"{{model_name: {name}, litellm_params: {{model: x/{name}}}}}" for name in "abc")
    return f"model_list: [{models}]\nrouter_settings: {{fallbacks: {fallbacks}}}\n"


@pytest.mark.parametrize(
    ("fallbacks", "dangling", "cycles"),
    [
        ("[{a: [b, c]}]", [], []),
        ("[{a: [b]}, {b: [a]}]", [], ["a → b → a"]),
        ("[{a: [b]}, {b: [c]}, {c: [a]}]", [], ["a → b → c → a"]),
        ("[{a: [a]}]", [], ["a → a"]),
        ("[{a: [x]}]", ["a → x"], []),
        ("[{x: [a]}]", ["x → x"], []),
        ("wrong", [], []),
    ],
)
def test_fallback_graph(fallbacks: str, dangling: list[str], cycles: list[str]) -> None:
    facts = read_gateway_config(parse_document(config(fallbacks), "f"))
    assert (facts.dangling_links(), facts.cycles()) == (dangling, cycles)


def test_limits() -> None:
    facts = read_gateway_config(parse_document(config("[]"), "f"))
    assert facts.without_rpm == ("a", "b", "c")


@pytest.mark.parametrize("text", ["", "[]", "model_list: {}", "model_list: [3, {litellm_params: 1}]"])
def test_a_configuration_of_another_form_has_no_facts(text: str) -> None:
    assert read_gateway_config(parse_document(text, "f")).cycles() == []


def test_mappings() -> None:
    providers = parse_document("providers: [{name: p}, {name: q, active: false}, {name: r}]", "p")
    mappings = parse_document("models: [{name: m, provider: p}, {name: m, provider: q}, {name: n, provider: z}]", "m")
    assert read_mappings(providers, mappings).disagreements() == [
        "active provider r is not mapped",
        "model m: inactive provider q",
        "model n: unknown provider z",
        "model name m stands 2 times",
    ]


def test_metrics() -> None:
    samples = parse('# TYPE a counter\na_total{x="1"} 2\na_total{x="2"} 3\nb NaN\nc{quantile="0.5"} NaN\n')
    assert (samples.total("a_total"), samples.total("zz")) == (5.0, None)
    assert samples.absent(("a_total", "a", "zz")) == ["zz"]
    assert samples.not_finite() == ["b"]


@pytest.mark.parametrize("page", ["<html>x</html>", "", "a{b 1"])
def test_a_page_that_is_not_prometheus(page: str) -> None:
    with pytest.raises(EndpointFailedError):
        parse(page)


VERSION = ModelVersion("m", "1", "production", Path("f"), "abc", 1, "llama", "F32", Path("e"))


@pytest.mark.parametrize(
    ("evaluation", "flaws"),
    [
        (Evaluation(VERSION, "abc", "GO", {"x": 0.9}, {"x": {"min": 0.8}}), 0),
        (Evaluation(VERSION, "abc", "GO", {"x": 0.7}, {"x": {"min": 0.8}}), 1),
        (Evaluation(VERSION, "abc", "GO", {}, {"x": {"min": 0.8}}), 1),
        (Evaluation(VERSION, "abc", "GO", {"x": float("nan")}, {"x": {"max": 0.8}}), 1),
        (Evaluation(VERSION, "xyz", "NO-GO", {}, {}), 3),
        (Evaluation(VERSION, "abc", "GO", {"x": 0.1}, {"x": {"gte": 0.8}}), 1),
    ],
)
def test_evaluation_is_computed_again(evaluation: Evaluation, flaws: int) -> None:
    assert len(evaluation.flaws()) == flaws


def test_gguf_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"not a gguf at all, but long enough to read a header from")
    with pytest.raises(EndpointFailedError, match="not a well-formed GGUF"):
        FILES.gguf_header(tmp_path / "x.gguf")


@pytest.mark.parametrize("text", ["[1]", '{"models": []}', '{"models": 3}', '{"models": [{"name": "m"}]}', "nope"])
def test_registry_of_another_form(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    with pytest.raises(EndpointFailedError):
        FILES.registry(tmp_path / "r.json")


def test_language() -> None:
    spanish, english = "¿Quiere que le muestre los coches más recientes?", "Would you like to see our latest cars?"
    assert foreign_texts([spanish, english], "es", ("en", "fr")) == [english]
