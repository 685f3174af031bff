"""A known deviation excuses exactly what it names: every flaw, on the models that it is known of."""

from types import SimpleNamespace
from typing import Any

import pytest

from gonogo.model import CheckInfo, Permission, Severity
from gonogo.plugin.checks import FlawsFoundError
from gonogo.plugin.outcomes import _known_deviation
from gonogo.targets.endpoints import ChatModel, Deviation, Endpoint

INFO = CheckInfo("contract.a.b", "title", Severity.MAJOR, Permission.LIVE, ("C1",), smoke=False)
KNOWN = (
    Deviation("contract.a.b", "^first: ", "the first is known"),
    Deviation("contract.a.b", "^second: ", "the second is known", ("small",)),
    Deviation("contract.other.check", ".*", "of another check"),
)
ENDPOINT = Endpoint("e", "vllm", "http://127.0.0.1", deviations=KNOWN)


def excuse(error: AssertionError, *parts: object) -> str:
    item: Any = SimpleNamespace(callspec=SimpleNamespace(params={"chat": (ENDPOINT, *parts)}))
    call: Any = SimpleNamespace(excinfo=SimpleNamespace(value=error))
    return _known_deviation(item, INFO, call, str(error))


@pytest.mark.parametrize(
    ("error", "model", "reason"),
    [
        (AssertionError("first: HTTP 200"), "any", "the first is known"),
        (AssertionError("third: HTTP 200"), "any", ""),
        (FlawsFoundError(["first: a", "first: b"]), "any", "the first is known"),
        (FlawsFoundError(["first: a", "third: b"]), "any", ""),
        (FlawsFoundError(["first: a", "second: b"]), "any", ""),
        (FlawsFoundError(["first: a", "second: b"]), "small", "the first is known; the second is known"),
        (FlawsFoundError([f"first: {i}" for i in range(50)] + ["third: hidden in the reason"]), "any", ""),
    ],
)
def test_every_flaw_must_be_known(error: AssertionError, model: str, reason: str) -> None:
    assert excuse(error, ChatModel(model)) == reason


def test_an_endpoint_without_a_model_has_those_of_all_models() -> None:
    assert excuse(AssertionError("first: x")) == "the first is known"
    assert excuse(AssertionError("second: x")) == ""
