"""Fallback chains of a gateway: every link exists, none comes back, none loses context, none stays at its provider."""

from collections.abc import Collection, Mapping

from gonogo.documents import Problem, Problems, did_you_mean
from gonogo.rules.gateway import GatewayConfig, Link
from gonogo.rules.mappings import Mappings


def dangling(config: GatewayConfig) -> Problems:
    """Links from or to a model that the gateway does not have."""
    problems: Problems = []
    for link in (*config.links, *config.defaults):
        for name in (link.start, link.to):
            if name != "*" and not config.knows(name):
                hint = did_you_mean(name, config.pools)
                problems.append(link.place.problem(f"{link.start} → {link.to}: no model is called {name!r}{hint}"))
    return problems


def cycles(config: GatewayConfig) -> Problems:
    """Chains that come back to a model that they have already asked, through whatever kind of fallback.

    Depth-first search with three colours: each cycle's closing link is reported once, with the path that leads to it.
    """
    finished: set[str] = set()
    problems: Problems = []
    for start in dict.fromkeys((*(link.start for link in config.links), *config.pools)):
        _search(config, start, finished, problems)
    return problems


def _search(config: GatewayConfig, start: str, finished: set[str], problems: Problems) -> None:
    """Search from one model, without recursion: a chain may be longer than Python's stack."""
    path: dict[str, None] = {}
    stack = [(start, iter(config.next_of(start)))]
    path[start] = None
    while stack:
        name, links = stack[-1]
        link = next(links, None)
        if link is None:
            stack.pop()
            del path[name]
            finished.add(name)
        elif link.to in path:
            names = [*list(path)[list(path).index(link.to) :], link.to]
            problems.append(link.place.problem(f"a cycle: {' → '.join(names)} (closed by {link.kind})"))
        elif link.to not in finished:
            path[link.to] = None
            stack.append((link.to, iter(config.next_of(link.to))))


def context_windows(config: GatewayConfig, mappings: Mappings | None) -> dict[str, float]:
    """Context windows in tokens by public model name; the smallest one of a pool; what the gateway's file says wins."""
    windows = mappings.context_tokens() if mappings else {}
    for name, pool in config.pools.items():
        told = [tokens for deployment in pool if (tokens := deployment.context_tokens)]
        windows |= {name: min(told)} if told else {}
    return windows


def smaller_contexts(config: GatewayConfig, known: Mapping[str, float], accepted: Collection[str]) -> Problems:
    """Links to a model with a smaller context window than the one that failed.

    Args:
        config: the gateway's configuration.
        known: context windows in tokens by public model name.
        accepted: models that may be fallen back to although their window is smaller.
    """
    problems: Problems = []
    for link in _all_links(config):
        before, after = known.get(link.start), known.get(link.to)
        if before is None or after is None:
            unknown = link.start if before is None else link.to
            problems.append(link.place.problem(f"the context window of {unknown} is not known", warning=True))
        elif link.kind == "context_window_fallbacks" and after <= before:
            problems.append(
                link.place.problem(f"{link.to} ({after:g} tokens) is no larger than {link.start} ({before:g})")
            )
        elif after < before and link.to not in accepted:
            message = f"{link.start} ({before:g} tokens) falls back to {link.to}, which takes only {after:g}"
            problems.append(link.place.problem(message))
    return list(dict.fromkeys(problems))


def same_provider(config: GatewayConfig) -> Problems:
    """Chains whose last link is served by the provider that has just failed.

    Fallbacks for a full context window may stay at their provider: it has not failed.
    """
    last: dict[str, Link] = {}
    for link in _all_links(config):
        if link.kind not in ("context_window_fallbacks", "content_policy_fallbacks"):
            last[link.start] = link
    return list(dict.fromkeys(problem for link in last.values() for problem in _stays(config, link)))


def _stays(config: GatewayConfig, link: Link) -> list[Problem]:
    before = {deployment.provider for deployment in config.pools.get(link.start, ())}
    after = {deployment.provider for deployment in config.pools.get(link.to, ())}
    if not after or not after <= before:
        return []
    where = ", ".join(sorted(after))
    return [link.place.problem(f"the chain of {link.start} ends with {link.to} at its own provider {where}")]


def _all_links(config: GatewayConfig) -> list[Link]:
    """Every link that is written out, and the defaults once for each model without a chain of its own."""
    written = {(link.kind, link.place.path) for link in config.defaults}
    applied = [
        link for name in config.pools for link in config.next_of(name) if (link.kind, link.place.path) in written
    ]
    return [*config.links, *applied]
