"""Can the deployment be watched: are the metrics there, finite, and moving?"""

import uuid
from functools import partial

from gonogo.errors import NotDeclared
from gonogo.fixtures.probes import request_counter
from gonogo.plugin import check
from gonogo.probes.chat import Chat
from gonogo.probes.chatbot import ChatbotProbe
from gonogo.probes.context import ProbeContext
from gonogo.probes.counters import Counter
from gonogo.probes.http import Client, Http
from gonogo.probes.metrics import Samples
from gonogo.probes.patience import patiently
from gonogo.targets.model import Target
from gonogo.targets.monitoring import MetricsEndpoint


@check("monitoring.metrics.exposed", severity="major", covers=["M1"], smoke=True)
def test_metrics_exposed(metrics_page: tuple[MetricsEndpoint, Samples]) -> None:
    """The metrics page is Prometheus text and holds every required series."""
    page, samples = metrics_page
    assert samples.absent(page.required) == []


@check("monitoring.metrics.finite", severity="minor", covers=["M1"], smoke=True)
def test_metrics_finite(metrics_page: tuple[MetricsEndpoint, Samples]) -> None:
    """No required series reads NaN or infinity."""
    page, samples = metrics_page
    assert samples.not_finite(page.required) == []


@check("monitoring.counters.provider_moves", severity="major", covers=["M2"], smoke=True)
def test_counters_provider_moves(routed_chat: Chat, target: Target, client: Client, context: ProbeContext) -> None:
    """Three requests through the gateway move the provider's counter by at least three."""
    provider = target.provider(routed_chat.model.provider)
    assert provider is not None
    counter = request_counter(provider, client, context)
    before = counter.read()
    statuses = [routed_chat.ask(f"Cuenta {n} [{uuid.uuid4()}]", max_tokens=1).status for n in range(3)]
    assert statuses == [200, 200, 200]
    moved = counter.moved_since(before, 3)
    assert moved >= 3, f"three requests moved the counter by {moved:g}"


@check("monitoring.counters.chatbot_moves", severity="major", covers=["M2"], smoke=True)
def test_counters_chatbot_moves(chatbot_probe: ChatbotProbe, chatbot_http: Http) -> None:
    """Three messages move the chatbot's counter by at least three."""
    declared = chatbot_probe.chatbot
    if declared.metrics_path is None or declared.messages_metric is None:
        raise NotDeclared("the target names no message counter of the chatbot (metrics_path, messages_metric)")
    name = declared.messages_metric
    counter = Counter(chatbot_http, declared.metrics_path, lambda page: page.total(name))
    before = counter.read()
    for text in ("Hola", "¿Qué precio tiene?", "Quiero una cita"):
        patiently(partial(chatbot_probe.say, text), "the chatbot", chatbot_http.remaining_s)
    moved = counter.moved_since(before, 3)
    assert moved >= 3, f"three messages moved the counter by {moved:g}"
