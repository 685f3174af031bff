"""Who gives up first, and how long does a client wait at worst?"""

from gonogo.documents import Document
from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_none
from gonogo.rules import timeouts
from gonogo.rules.gateway import GatewayConfig
from gonogo.rules.mappings import Mappings
from gonogo.rules.sources import Sources
from gonogo.rules.timeouts import Client
from gonogo.targets.files import ConfigRules


def clients_of(chatbots: tuple[Document, ...], rules: ConfigRules) -> list[Client]:
    """Who asks the gateway and how long each waits: the chatbot by its settings, others by the target."""
    clients = [Client("a client", rules.client_timeout_s)] if rules.client_timeout_s is not None else []
    for document in chatbots:
        timeout_s = document.root["timeout_s"].number()
        if timeout_s is not None:
            model = document.root["model"]
            clients.append(Client("the chatbot", timeout_s, model.text(), model or None))
    return clients


@check("config.timeouts.nested", severity="critical", covers=["D6"], permission="static", smoke=True)
def test_timeouts_nested(gateway_config: GatewayConfig, known_mappings: Mappings | None) -> None:
    """Every request has a timeout, and the gateway waits at least as long as what it asks."""
    expect_none(timeouts.not_nested(gateway_config, known_mappings))


@check("config.timeouts.worst_case", severity="critical", covers=["D6"], permission="static", smoke=True)
def test_timeouts_worst_case(gateway_config: GatewayConfig, sources: Sources, rules: ConfigRules) -> None:
    """Retries, timeouts and fallbacks together take less time than a client waits."""
    clients = clients_of(sources.of("chatbot"), rules)
    if not clients:
        raise NotDeclared(
            "nothing says how long clients wait (config.rules.client_timeout_s, or the chatbot's settings)"
        )
    expect_none(timeouts.too_slow(gateway_config, clients))


@check("config.timeouts.cooldown", severity="major", covers=["D6"], permission="static", smoke=True)
def test_timeouts_cooldown(gateway_config: GatewayConfig) -> None:
    """A deployment that fails cools down where there is another one to ask."""
    expect_none(timeouts.no_cooldown(gateway_config))
