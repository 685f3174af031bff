"""Does the endpoint tell the truth about itself: probes, completions and counters?"""

import uuid
from collections.abc import Sequence

from gonogo.errors import NotDeclared
from gonogo.fixtures.probes import request_counter
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat
from gonogo.probes.context import ProbeContext
from gonogo.probes.counters import LAG_S
from gonogo.probes.http import Client
from gonogo.rules.readiness import Glimpse, readiness_flaws


@check("contract.health.truthful", severity="critical", covers=["C1"], smoke=True)
def test_health_truthful(chat: Chat, prompt: str) -> None:
    """The health and readiness probes are green exactly when a real completion works."""
    paths = dict.fromkeys([chat.endpoint.health_path, chat.endpoint.ready_path or chat.endpoint.health_path])
    probes = {path: chat.http.get(path).status for path in paths}
    completion = chat.ask(prompt, max_tokens=4).status
    assert ({*probes.values()}, completion) == ({200}, 200), f"probes say HTTP {probes}, a completion HTTP {completion}"


@check("contract.health.counted", severity="major", covers=["C1"])
def test_health_counted(speaker: Chat, client: Client, context: ProbeContext) -> None:
    """Completions, whole and streamed, move the server's own request counter."""
    if speaker.endpoint.requests_metric is None or speaker.endpoint.metrics_path is None:
        raise NotDeclared(f"{speaker.endpoint.name} names no request counter (metrics_path, requests_metric)")
    counter = request_counter(speaker.endpoint, client, context)
    before = counter.read()
    for stream in (False, True):
        speaker.complete(f"Cuenta [{uuid.uuid4()}]", stream=stream, max_tokens=1)
    moved = counter.moved_since(before, 2)
    assert moved >= 2, f"two completions moved the counter by {moved:g} within {sum(LAG_S):g} s"


@check("contract.health.ready_after_start", severity="critical", covers=["C1"], permission="disruptive")
def test_health_ready_after_start(restarted: Sequence[Glimpse]) -> None:
    """Restarted, a provider says that it is ready only when completions really work."""
    expect_flawless(readiness_flaws(restarted))
