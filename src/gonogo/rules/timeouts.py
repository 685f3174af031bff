"""Timeouts, retries and cooldowns: who gives up first, and how long may a client have to wait at worst?"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gonogo.documents import Part, Problem, Problems, did_you_mean
from gonogo.rules.gateway import Deployment, GatewayConfig
from gonogo.rules.mappings import Mappings

LITELLM_TIMEOUT_S = 6000.0
"""LiteLLM's own timeout where none is set (`litellm.request_timeout`; BerriAI/litellm#7001)."""
LITELLM_RETRIES = 2
"""LiteLLM's retries where none are set (the openai client's DEFAULT_MAX_RETRIES)."""


@dataclass(frozen=True)
class Client:
    """Who asks the gateway and gives up after a time."""

    name: str
    timeout_s: float
    model: str = ""
    """The only model it asks; empty for all."""
    place: Part | None = None
    """Where the model is named."""


def not_nested(config: GatewayConfig, mappings: Mappings | None) -> Problems:
    """Deployments without any timeout, and those that the gateway gives up on before they do themselves."""
    problems: Problems = []
    for deployment in config.deployments:
        timeout_s = waiting_s(config, deployment)
        if timeout_s is None:
            message = (
                f"{deployment.name} has no timeout, and neither has the gateway: LiteLLM waits {LITELLM_TIMEOUT_S:g} s"
            )
            problems.append(deployment.part.problem(message))
        problems += _shorter_than_provider(deployment, timeout_s, mappings)
    return problems


def waiting_s(config: GatewayConfig, deployment: Deployment) -> float | None:
    """Seconds that LiteLLM waits for a deployment: its own setting, then the general one, then the router's.

    The order of LiteLLM 1.106 (`Router._get_timeout`); None where nothing is set.
    """
    parameters, root = deployment.parameters, config.document.root
    return (
        parameters["timeout"].number()
        or parameters["request_timeout"].number()
        or root.at("litellm_settings", "request_timeout").number()
        or root.at("router_settings", "timeout").number()
    )


def _shorter_than_provider(deployment: Deployment, timeout_s: float | None, mappings: Mappings | None) -> Problems:
    if mappings is None or timeout_s is None:
        return []
    part = mappings.by_name.get(deployment.name)
    provider = mappings.providers.get(part["provider"].text()) if part else None
    limit = provider["timeout_s"].number() if provider else None
    if limit is None or timeout_s >= limit:
        return []
    message = f"{deployment.name}: the gateway waits {timeout_s:g} s for a provider that may take {limit:g} s"
    return [deployment.part.problem(message)]


def too_slow(config: GatewayConfig, clients: list[Client]) -> Problems:
    """Chains whose worst case is longer than a client waits, with the arithmetic printed."""
    costs = {name: attempts(config, name) for name in config.pools}
    problems: Problems = []
    for client in clients:
        if client.place is not None and not config.knows(client.model):
            hint = did_you_mean(client.model, config.pools)
            problems.append(client.place.problem(f"the gateway has no model {client.model!r}{hint}"))
            continue
        for name in [config.behind(client.model)] if client.model else config.pools:
            problems += _against(config, name, client, costs)
    return problems


def _against(
    config: GatewayConfig, name: str, client: Client, costs: Mapping[str, tuple[int, float, float]]
) -> Iterator[Problem]:
    terms = [(link, *costs[link]) for link in chain(config, name)]
    total = sum(tries * timeout + pause for _, tries, timeout, pause in terms)
    if total < client.timeout_s:
        return
    shown = " + ".join(f"{link} {tries} * {timeout:g} s + {pause:g} s" for link, tries, timeout, pause in terms)
    shown = shown.replace(" + 0 s", "")
    message = f"worst case of {name} is {total:g} s ({shown}), but {client.name} gives up after {client.timeout_s:g} s"
    yield config.pools[name][0].part.problem(message)


def worst_case_s(config: GatewayConfig, name: str) -> float:
    """Seconds that a request for a model may take, if every link of its chain uses all its time."""
    costs = [attempts(config, link) for link in chain(config, name)]
    return sum(tries * timeout + pause for tries, timeout, pause in costs)


def chain(config: GatewayConfig, name: str) -> list[str]:
    """A model and every model that may be asked after it, each once, in the order in which they are reached."""
    reached, waiting = {name: None}, deque([name])
    while waiting:
        for link in config.next_of(waiting.popleft()):
            if link.to not in reached and link.to in config.pools:
                reached[link.to] = None
                waiting.append(link.to)
    return list(reached)


def attempts(config: GatewayConfig, name: str) -> tuple[int, float, float]:
    """Tries, seconds for each, and seconds of pauses, of one model at worst."""
    pool = config.pools.get(name, [])
    timeout = max((waiting_s(config, d) or LITELLM_TIMEOUT_S for d in pool), default=LITELLM_TIMEOUT_S)
    given = config.setting("num_retries").number()
    retries = max((r for d in pool if (r := d.parameters["num_retries"].number()) is not None), default=given)
    tries = 1 + int(LITELLM_RETRIES if retries is None else retries)
    pause = (config.setting("retry_after").number() or 0.0) * (tries - 1)
    return tries, timeout, pause


def no_cooldown(config: GatewayConfig) -> Problems:
    """A gateway with someone else to ask that goes on asking a deployment which has just failed."""
    has_others = bool(config.links or config.defaults) or any(len(pool) > 1 for pool in config.pools.values())
    disabled, time = config.setting("disable_cooldowns"), config.setting("cooldown_time")
    if not has_others or (not disabled and time.value != 0):
        return []
    place = disabled or time
    return [place.problem("a failed deployment never cools down: every request waits for it again")]
