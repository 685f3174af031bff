"""Which paths must be closed, and what an answer says of a door."""

from typing import Any

import pytest
import yaml

from gonogo import resources
from gonogo.rules.browsing import LEAST_HSTS_S, header_flaws, redirect_flaw
from gonogo.rules.doors import Door, documented_doors, doors_of, moved, open_flaw, public_of, says_nothing

INVENTORY: dict[str, Any] = {
    "any": {"public": ["/health", "/.well-known/*"], "closed": [{"path": "/.env"}]},
    "product": {
        "public": ["/ui/*"],
        "guarded": [{"path": "/v1/models"}, {"path": "/chat", "body": {"model": 0}}],
        "closed": [{"path": "/pull", "method": "DELETE", "body": []}],
    },
}
MODELS, CHAT = Door("/v1/models"), Door("/chat", "POST", b'{"model": 0}')


def test_the_doors_of_a_product_and_of_everything() -> None:
    pull, env = Door("/pull", "DELETE", b"[]", is_closed=True), Door("/.env", is_closed=True, is_own=False)
    assert doors_of(INVENTORY, "product", ()) == [MODELS, CHAT, pull, env]
    assert doors_of(INVENTORY, "unknown", ()) == [env]
    assert doors_of(INVENTORY, "product", ("/v1/*", "/.env")) == [CHAT, pull]
    assert public_of(INVENTORY, "product") == ["/ui/*", "/health", "/.well-known/*"]


def test_the_shipped_inventory_only_reads_or_sends_what_must_be_refused() -> None:
    """A body is a list, or an object whose fields have wrong types: with nothing but strings it might be taken."""
    raw = yaml.safe_load((resources.folder("fixtures") / "inventory.yaml").read_text(encoding="utf-8"))
    assert {"litellm", "vllm", "ollama", "llamacpp", "huggingface", "openai"} <= raw.keys()
    for kind, section in raw.items():
        for name in ("guarded", "closed"):
            for entry in section.get(name, ()):
                assert entry["path"].startswith("/"), (kind, entry)
                assert entry.keys() <= {"path", "method", "body", "acts"}, (kind, entry)
                if entry.get("method", "GET") != "GET":
                    assert "body" in entry, (kind, entry)
                if "body" in entry:
                    body = entry["body"]
                    values = list(body.values()) if isinstance(body, dict) else []
                    assert body == [] or any(value in (0, []) for value in values), (kind, entry)


DOCUMENT: dict[str, Any] = {
    "paths": {
        "/described": {"summary": "s", "parameters": [], "servers": []},
        "/ui/home": {"get": {}},
        "/items/{id}/parts": {"get": {}, "post": {}},
        "/open": {"get": {"security": []}},
        "/health": {"head": {}},
        "/write": {"put": {}},
    }
}


def test_of_a_document_only_what_reads_is_asked() -> None:
    assert documented_doors(DOCUMENT, public_of(INVENTORY, "product")) == [Door("/items/gonogo/parts")]
    assert documented_doors({}, ()) == []


@pytest.mark.parametrize(
    ("status", "strict", "is_open"),
    [
        (401, True, False), (403, True, False), (404, True, False), (405, True, False), (501, True, False),
        (200, True, True), (302, True, True), (400, True, True), (422, True, True), (500, True, True),
        (200, False, True), (302, False, True), (400, False, False), (500, False, False),
    ],
)  # fmt: skip
def test_an_answer_to_somebody_who_may_not_come_in(status: int, *, strict: bool, is_open: bool) -> None:
    flaw = open_flaw(MODELS, status, "  so\nmany words " * 40, "no key", strict=strict)
    assert bool(flaw) is is_open
    if is_open:
        assert flaw.startswith(f"GET /v1/models: HTTP {status} with no key: so many words")
        assert len(flaw) < 130


def test_what_says_nothing_of_the_key() -> None:
    assert [status for status in (200, 401, 404, 429, 500, 502, 503, 504) if says_nothing(status)] == [
        429,
        502,
        503,
        504,
    ]


def test_another_server_has_no_door_of_this_product() -> None:
    assert moved([(MODELS, 404), (CHAT, 405)])
    assert not moved([(MODELS, 404), (CHAT, 401)])
    assert not moved([])
    assert not moved([(Door("/pull", is_closed=True), 404), (Door("/.env", is_own=False), 404)])  # as they should be


GOOD = {"strict-transport-security": f"max-age={LEAST_HSTS_S}; includeSubDomains", "x-content-type-options": "nosniff"}
FRAMED = {**GOOD, "content-security-policy": "frame-ancestors 'none'"}


@pytest.mark.parametrize(
    ("headers", "page", "flaws"),
    [
        (GOOD, False, 0),
        (GOOD, True, 1),
        (FRAMED, True, 0),
        ({**GOOD, "x-frame-options": "DENY"}, True, 0),
        ({**GOOD, "strict-transport-security": "max-age=60"}, False, 1),
        ({**GOOD, "strict-transport-security": "includeSubDomains"}, False, 1),
        ({**GOOD, "strict-transport-security": 'max-age="31536000"'}, False, 0),
        ({**GOOD, "x-content-type-options": "sniff"}, False, 1),
        ({}, True, 3),
    ],
)
def test_headers_for_browsers(headers: dict[str, str], *, page: bool, flaws: int) -> None:
    assert len(header_flaws(headers, is_page=page)) == flaws


@pytest.mark.parametrize(
    ("status", "location", "told"),
    [
        (308, "https://chat.example/", ""),
        (301, "http://chat.example/", "not to https"),
        (302, "", "to nowhere"),
        (200, "", "answered with HTTP 200"),
        (404, "", "answered with HTTP 404"),
    ],
)
def test_plain_http(status: int, location: str, told: str) -> None:
    flaw = redirect_flaw(status, location)
    assert (bool(flaw), told in flaw) == (bool(told), True)
