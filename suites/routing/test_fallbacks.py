"""Does a chain of fallbacks hold, however a provider fails? Attempts are counted where they arrive."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from fixtures.routing import Chain
from gonogo import resources
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import ChatAnswer
from gonogo.rules.attempts import attempt_flaws
from gonogo.rules.refusals import form_flaws, leaks
from gonogo.rules.structured import improbable_schema, json_flaws, schema_request

LIMIT = 8
ROOM = 300
PAUSE_S = 0.5


@dataclass(frozen=True)
class Failure:
    """A way in which a provider fails, by the name that its control API has for it."""

    fault: str
    parameters: dict[str, Any] = field(default_factory=dict)


FAILURES = {
    "500": Failure("http-500"),
    "502-html": Failure("http-502-html"),
    "503": Failure("http-503"),
    "429": Failure("http-429"),
    "429-retry-after": Failure("http-429", {"retry_after_s": "7"}),
    "broken-json": Failure("broken-json"),
    "empty": Failure("empty-200"),
    "error-in-200": Failure("error-in-200"),
    "silent": Failure("silent"),
}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def _named(name: str, flaws: list[str]) -> list[str]:
    """Flaws with what was tried before each, so that a deviation can name it."""
    return [f"{name}: {flaw}" for flaw in flaws]


def _answer_flaws(answer: ChatAnswer) -> list[str]:
    """What is wrong with an answer that a user gets although a provider failed."""
    flaws = [] if answer.status == 200 else [f"HTTP {answer.status}: {answer.http.text[:200]}"]
    flaws += [] if answer.error is None else [f"an error inside HTTP 200: {str(answer.error)[:200]}"]
    flaws += [] if answer.status != 200 or answer.text.strip() else ["the answer is empty"]
    return flaws if answer.done else [*flaws, "the stream did not end"]


@check("routing.fallback.survives", severity="critical", covers=["R2"], permission="disruptive")
@pytest.mark.parametrize("failure", FAILURES)
@BOTH
def test_fallback_survives(chain: Chain, failure: str, stream: bool) -> None:
    """However the first provider fails, the next link answers, and none is asked more often than its retries allow."""
    before, how = chain.counts(), FAILURES[failure]
    with chain.broken(how.fault, **how.parameters):
        answer = chain.chat.ask(f"¿Y si falla? [{uuid.uuid4()}]", stream=stream, max_tokens=LIMIT)
    flaws = attempt_flaws(chain.names, chain.moved(before), 1, chain.most_attempts)
    name = f"{failure}-{'streamed' if stream else 'whole'}"
    expect_flawless(_named(name, [*_answer_flaws(answer), *flaws]))


@check("routing.fallback.order", severity="critical", covers=["R2"], permission="disruptive")
@BOTH
def test_fallback_order(chain: Chain, stream: bool) -> None:
    """With all links broken but the last, each is asked in its turn, and the last one answers."""
    before, broken = chain.counts(), len(chain.links) - 1
    with chain.broken("http-500", broken):
        answer = chain.chat.ask(f"¿Y si fallan casi todos? [{uuid.uuid4()}]", stream=stream, max_tokens=LIMIT)
    flaws = attempt_flaws(chain.names, chain.moved(before), broken, chain.most_attempts)
    expect_flawless([*_answer_flaws(answer), *flaws])


@check("routing.fallback.exhausted", severity="critical", covers=["R4"], permission="disruptive")
@BOTH
def test_fallback_exhausted(chain: Chain, stream: bool) -> None:
    """With every link broken there is one clear error, in time, and no link is asked again and again."""
    before, began = chain.counts(), time.monotonic()
    with chain.broken("http-500", len(chain.links)):
        answer = chain.chat.ask(f"¿Y si fallan todos? [{uuid.uuid4()}]", stream=stream, max_tokens=LIMIT)
        took_s = time.monotonic() - began
    flaws = attempt_flaws(chain.names, chain.moved(before), len(chain.links), chain.most_attempts)
    if answer.status == 200:
        flaws.append(f"HTTP 200 with {answer.text[:80]!r} although every link is broken")
    else:
        text = answer.http.text
        flaws += [*form_flaws(text, resources.schema(chain.chat.endpoint.error_form)), *leaks(text)]
    expect_flawless(flaws if took_s <= chain.chat.endpoint.timeout_s else [*flaws, f"it took {took_s:.1f} s"])


@check("routing.fallback.keeps_contract", severity="critical", covers=["R3"], permission="disruptive")
@BOTH
def test_fallback_keeps_contract(chain: Chain, stream: bool) -> None:
    """A JSON Schema is enforced by the fallback too."""
    mark = uuid.uuid4().hex[:12]
    schema = improbable_schema("nested", mark)
    with chain.broken("http-500"):
        answer = chain.chat.ask(
            f"Describe un coche. [{mark}]", stream=stream, response_format=schema_request(schema), max_tokens=ROOM
        )
    expect_flawless(_answer_flaws(answer) or json_flaws(answer.text, schema))


@check("routing.fallback.returns", severity="major", covers=["R5"], permission="disruptive")
def test_fallback_returns(chain: Chain) -> None:
    """After it has recovered, the first provider is asked again, within its cooldown."""
    with chain.broken("http-500"):
        for i in range(3):
            chain.chat.ask(f"¿Y ahora? [{uuid.uuid4()} {i}]", max_tokens=1)
    before, began = chain.counts(), time.monotonic()
    while time.monotonic() - began <= chain.cooldown_s:
        chain.chat.complete(f"¿Ha vuelto? [{uuid.uuid4()}]", max_tokens=1)
        if chain.moved(before)[0] >= 1:
            return
        time.sleep(PAUSE_S)
    expect_flawless([f"{chain.names[0]} was not asked again within {chain.cooldown_s:g} s after it recovered"])
