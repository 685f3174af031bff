"""Does a REST service in front of a model do what its routes, health and documents say?"""

import pytest

from gonogo.plugin import check, expect_flawless
from gonogo.probes.metrics import scrape
from gonogo.probes.services import Service
from gonogo.rules.embeddings import vector_flaws
from gonogo.rules.openapi import answer_flaws, undocumented
from gonogo.rules.refusals import leaks

SENTENCES = ("generate", "chat")


@check("contract.service.health", severity="critical", covers=["C12", "C1"])
def test_service_health(service: Service, prompt: str) -> None:
    """The service's health is 200 exactly when it answers, and else 503."""
    health = service.http.get(service.declared.health_path).status
    name = next(iter(service.declared.routes))
    answers = service.call(name, prompt).http.status == 200
    assert (health, answers) == (200, True), f"health says HTTP {health}, {name} {'works' if answers else 'fails'}"


@check("contract.service.answers", severity="critical", covers=["C12"])
@pytest.mark.parametrize("route", SENTENCES)
def test_service_answers(service: Service, prompt: str, route: str) -> None:
    """A call answers with a text."""
    answer = service.call(route, prompt)
    said = isinstance(answer.content, str) and answer.content.strip()
    told = f"HTTP {answer.http.status}, {service.route(route).answer} is {answer.content!r}"
    assert (answer.http.status, bool(said)) == (200, True), told


@check("contract.service.embeddings", severity="critical", covers=["C12", "C9"])
def test_service_embeddings(service: Service) -> None:
    """A text has the same vector each time: finite, not zero, and another than another text's."""
    vectors = [service.call("embeddings", text).content for text in ("garantía", "garantía", "gazpacho")]
    expect_flawless(vector_flaws(*vectors))


@check("contract.service.documented", severity="major", covers=["C12"])
def test_service_documented(service: Service) -> None:
    """The service's OpenAPI document names its routes, and its page of documentation is there."""
    paths = [service.declared.health_path, *(route.path for route in service.declared.routes.values())]
    docs = service.http.get(service.declared.docs_path)
    flaws = undocumented(service.document(), paths)
    found = docs.status in (200, 301, 302, 307, 308)
    expect_flawless(flaws if found else [*flaws, f"{service.declared.docs_path}: HTTP {docs.status}"])


@check("contract.service.as_documented", severity="major", covers=["C12"])
def test_service_as_documented(service: Service, prompt: str) -> None:
    """Every call answers as the service's own OpenAPI document says."""
    document, flaws = service.document(), []
    for name, route in service.declared.routes.items():
        flaws += answer_flaws(document, route.path, service.call(name, prompt).body)
    expect_flawless(flaws)


@check("contract.service.metrics", severity="major", covers=["C12"])
def test_service_metrics(service: Service) -> None:
    """The service's metrics are Prometheus text with at least one series."""
    scrape(service.http, service.declared.metrics_path)  # a page without a sample is a finding already


@check("contract.service.malformed", severity="major", covers=["C12", "C7"])
def test_service_malformed(service: Service) -> None:
    """Bodies that are no JSON, or lack everything, are refused with 400 or 422, without a leak."""
    flaws = []
    for route in service.declared.routes.values():
        for body in (b"", b"hola", b"[]", b"{}"):
            answer = service.http.send("POST", route.path, body)
            wrong = [] if answer.status in (400, 422) else [f"HTTP {answer.status}, wanted 400 or 422"]
            flaws += [f"{route.path} {body!r}: {flaw}" for flaw in [*wrong, *leaks(answer.text)]]
    expect_flawless(flaws)
