"""What a verdict is bound to: another address anywhere in the target is another deployment, a new secret is not."""

from datetime import date
from pathlib import Path

import pytest

from gonogo.targets.binding import bind
from gonogo.targets.loader import load_target

TEXT = """\
name: t
environment: staging
gateway: {kind: openai, url: "${GATEWAY}", key: {env: KEY}}
cache: {url: "${CACHE}"}
monitoring: {prometheus: {url: "${PROMETHEUS}"}}
agent: {url: "${AGENT}", key: {env: KEY}}
"""
ADDRESSES = {"GATEWAY": "http://g:1", "CACHE": "redis://c:1", "PROMETHEUS": "http://p:1", "AGENT": "http://a:1"}


def digest(folder: Path, monkeypatch: pytest.MonkeyPatch, **changed: str) -> str:
    for name, value in {**ADDRESSES, "KEY": "one", **changed}.items():
        monkeypatch.setenv(name, value)
    (folder / "t.yaml").write_text(TEXT, encoding="utf-8")
    return bind(load_target(folder / "t.yaml", date(2026, 1, 1))).endpoints_digest


@pytest.mark.parametrize("name", ADDRESSES)
def test_another_address_is_another_deployment(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ADDRESSES[name].replace(":1", ":2")
    assert digest(tmp_path, monkeypatch) != digest(tmp_path, monkeypatch, **{name: other})


def test_a_new_secret_is_the_same_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert digest(tmp_path, monkeypatch) == digest(tmp_path, monkeypatch, KEY="two")
