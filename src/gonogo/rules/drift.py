"""Does a generated file still say what it was generated from?"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gonogo.documents import Document, Part, Problem, Problems
from gonogo.redaction import MASK, is_reference, is_secret_name, mask_values
from gonogo.rules.gateway import Deployment, GatewayConfig
from gonogo.rules.mappings import Mappings
from gonogo.rules.patterns import compile_error

MAX_SHOWN = 60
_LIMITS = {"timeout_s": "timeout", "rpm": "rpm", "tpm": "tpm"}
"""A mapping's field and the deployment's parameter that it becomes."""


def differences(actual: Document, wanted: Document) -> Problems:
    """Every place where a file differs from what it should be; comments and layout do not count."""
    return list(_compare(actual.root, wanted.root, wanted.file))


def _compare(actual: Part, wanted: Part, source: str) -> Iterator[Problem]:
    if isinstance(actual.value, dict) and isinstance(wanted.value, dict):
        for key in dict.fromkeys((*actual.value, *wanted.value)):
            if key not in wanted:
                yield actual[key].problem(f"stands here, but not in {source}", at_key=True)
            elif key not in actual:
                yield actual.problem(f"lacks {key!r}, which {source} has")
            else:
                yield from _compare(actual[key], wanted[key], source)
    elif isinstance(actual.value, list) and isinstance(wanted.value, list):
        for left, right in zip(actual, wanted, strict=False):
            yield from _compare(left, right, source)
        if len(actual.value) != len(wanted.value):
            yield actual.problem(f"has {len(actual.value)} items, {source} has {len(wanted.value)}")
    elif actual.value != wanted.value or isinstance(actual.value, bool) != isinstance(wanted.value, bool):
        yield actual.problem(f"is {_short(actual)}, {source} says {_short(wanted)}")


def _short(part: Part) -> str:
    is_secret = any(is_secret_name(str(key)) for key in part.path) and not is_reference(part.text())
    shown = MASK if is_secret else str(mask_values(part.value))
    return repr(shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 3] + "...")


@dataclass(frozen=True)
class LoadedModel:
    """A deployment as the running gateway tells it."""

    name: str
    model: str
    api_base: str


def not_deployed(config: GatewayConfig, loaded: Sequence[LoadedModel]) -> Problems:
    """Where the running gateway's models are not those of its file.

    A server's address is compared where the gateway tells it and the file has it written out. A model that the file
    takes from a variable is any that the gateway has loaded beyond the others of that name.
    """
    running = Counter((item.name, item.model) for item in loaded)
    wanted = Counter((d.name, d.parameters["model"].text()) for d in config.deployments if not _is_named_elsewhere(d))
    bases = {(item.name, item.model): item.api_base for item in loaded}
    problems: Problems = []
    for deployment in config.deployments:
        key, base = (deployment.name, deployment.parameters["model"].text()), deployment.parameters["api_base"].text()
        if _is_named_elsewhere(deployment):
            spares = [spare for spare in running - wanted if spare[0] == deployment.name]
            key = next(iter(sorted(spares, key=lambda spare: bases[spare] != base)), key)
            wanted[key] += 1
        if not running[key]:
            problems.append(deployment.part.problem(f"{key[0]} ({key[1]}) is not loaded by the running gateway"))
        elif base and bases[key] and not is_reference(base) and bases[key] != base and wanted[key] == 1:
            message = f"{key[0]}: the running gateway asks {bases[key]}, the file says {base}"
            problems.append(deployment.parameters["api_base"].problem(message))
    for name, model in running - wanted:
        message = f"the running gateway has loaded {name} ({model}), which is not in the file"
        problems.append(config.document.root["model_list"].problem(message))
    return problems


def _is_named_elsewhere(deployment: Deployment) -> bool:
    return is_reference(deployment.parameters["model"].text())


def from_mappings(config: GatewayConfig, mappings: Mappings) -> Problems:
    """Where the gateway's models and chains are not those of the registry and the mappings.

    The built-in generator: of each mapping it knows the name, the server, the provider's id of the model, the limits
    and the timeout, and of each chain its links. What else stands in the file is not its business.
    """
    return [*_models(config, mappings), *_chains(config, mappings)]


def _models(config: GatewayConfig, mappings: Mappings) -> Iterator[Problem]:
    mapped = mappings.pools
    root = config.document.root
    for name, parts in mapped.items():
        if name not in config.pools and any(mappings.is_active(part["provider"].text()) for part in parts):
            yield root["model_list"].problem(f"lacks the model {name}, which {mappings.mappings.file} maps")
    patterns = [pattern["pattern"].text() for pattern in mappings.patterns]
    for deployment in config.deployments:
        if deployment.name in mapped:
            yield from _deployment(deployment, _meant(deployment, mapped[deployment.name]), mappings)
        elif "*" not in deployment.name and not any(_matches(pattern, deployment.name) for pattern in patterns):
            yield deployment.part.problem(f"{deployment.name} is not in {mappings.mappings.file}: added by hand?")


def _matches(pattern: str, name: str) -> bool:
    return not compile_error(pattern) and re.fullmatch(pattern, name) is not None


def _meant(deployment: Deployment, parts: list[Part]) -> Part:
    """Of the members of a pool the one that a deployment stands for; the first where none has its model."""
    return next((part for part in parts if _is_of(deployment, part["model"].text())), parts[0])


def _is_of(deployment: Deployment, model: str) -> bool:
    given = deployment.parameters["model"].text()
    return model in (given, given.partition("/")[2])


def _deployment(deployment: Deployment, mapping: Part, mappings: Mappings) -> Iterator[Problem]:
    source, parameters = mappings.mappings.file, deployment.parameters
    model = mapping["model"].text()
    if not _is_of(deployment, model):
        yield parameters["model"].problem(f"is {_short(parameters['model'])}, {source} maps to {model!r}")
    provider = mappings.providers.get(mapping["provider"].text())
    url = provider["url"].text().rstrip("/") if provider else ""
    base = parameters["api_base"]
    if url and not base:
        yield parameters.problem(f"{deployment.name} has no api_base, {mappings.registry.file} says {url!r}")
    elif url and not base.text().startswith("os.environ/") and base.text().rstrip("/") not in (url, f"{url}/v1"):
        yield base.problem(f"is {_short(base)}, {mappings.registry.file} says {url!r}")
    for field, parameter in _LIMITS.items():
        wanted, given = mapping[field].number(), parameters[parameter]
        if wanted is not None and given.number() != wanted:
            place = given if given.value is not None else deployment.part
            yield place.problem(f"{deployment.name}: {parameter} is {given.value}, {source} says {wanted:g}")


def _chains(config: GatewayConfig, mappings: Mappings) -> Iterator[Problem]:
    wanted = {start: chain.texts() for start, chain in mappings.mappings.root["fallbacks"].entries()}
    given: dict[str, list[str]] = {}
    for link in config.links:
        if link.kind == "fallbacks":
            given.setdefault(link.start, []).append(link.to)
    places = {link.start: link.place for link in reversed(config.links)}
    for start in dict.fromkeys((*wanted, *given)):
        if wanted.get(start) != given.get(start):
            place = places.get(start, config.document.root)
            shown = [" → ".join(chain) if chain else "nothing" for chain in (given.get(start), wanted.get(start))]
            yield place.problem(f"{start} falls back to {shown[0]}, {mappings.mappings.file} says {shown[1]}")
