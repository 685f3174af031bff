"""What is broken over a server's own API: the control API of scripted servers and pass-throughs, Toxiproxy, Redis."""

import json
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from gonogo.errors import EndpointFailedError, GonogoError
from gonogo.faults.interface import Details, Step
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http, open_client
from gonogo.targets.model import Target

if TYPE_CHECKING:
    from redis import Redis

DOWN = "down"


def request(context: ProbeContext, method: str, url: str, body: object = None, gone: int | None = None) -> Any:  # noqa: ANN401
    """Send JSON, read JSON; a status of `gone` is fine as well.

    Raises:
        EndpointFailedError: any other status than one of success, or no answer.
    """
    with open_client() as client:
        sent = None if body is None else json.dumps(body).encode()
        answer = Http(client, url, None, context, 10).send(method, "", sent)
    if not (200 <= answer.status < 300 or answer.status == gone):
        raise EndpointFailedError(f"{method} {url}: HTTP {answer.status} {answer.text[:200]}")
    return answer.json() if answer.body else None


class ControlMeans:
    """``control``: a deviation switched on over a control API.

    The name is a provider's or a service's, ``gateway``, ``chatbot`` or ``agent``; ``fault`` names the deviation, with
    ``parameters`` where it has some.
    """

    keys: ClassVar[tuple[str, ...]] = ("control",)
    kind: ClassVar[str] = "control"

    def __init__(self, target: Target, context: ProbeContext) -> None:
        self._target, self._context = target, context

    def lacks(self, step: Step) -> str:
        """A control API, where none is declared."""
        return "" if self._target.control_url(step["control"]) else f"a control_url of {step['control']}"

    def prepare(self, step: Step) -> Details:
        """Where the deviation is switched.

        Raises:
            GonogoError: nothing there is called so.
        """
        url = (self._target.control_url(step["control"]) or "").rstrip("/")
        known = request(self._context, "GET", f"{url}/faults").get("known", {})
        if step["fault"] not in known:
            raise GonogoError(f"the fault does not fit: {step['control']} has no fault {step['fault']!r} to switch on")
        return {"url": f"{url}/faults/{step['fault']}"}

    def apply(self, step: Step, details: Details) -> None:
        """Switch it on."""
        request(self._context, "PUT", details["url"], step.get("parameters"))

    def undo(self, details: Details) -> None:
        """Switch it off."""
        request(self._context, "DELETE", details["url"], gone=404)


class ToxicMeans:
    """``toxic``: a part behind Toxiproxy (https://github.com/Shopify/toxiproxy) gets a bad connection.

    ``type`` is one of its toxics (latency, timeout, reset_peer, slow_close, bandwidth, limit_data, slicer) with its
    ``attributes``, or ``down``: connections are refused.
    """

    keys: ClassVar[tuple[str, ...]] = ("toxic",)
    kind: ClassVar[str] = "toxic"

    def __init__(self, target: Target, context: ProbeContext) -> None:
        self._target, self._context = target, context

    def lacks(self, step: Step) -> str:
        """Toxiproxy, or the part's place behind it."""
        levers = self._target.levers(step["toxic"])
        if self._target.toxiproxy is None:
            return "toxiproxy"
        return "" if levers is not None and levers.proxy is not None else f"a proxy of {step['toxic']}"

    def prepare(self, step: Step) -> Details:
        """Where its proxy is, and what the toxic will be called."""
        levers = self._target.levers(step["toxic"])
        assert levers is not None
        proxy = f"{self._target.toxiproxy}/proxies/{levers.proxy}"
        request(self._context, "GET", proxy)  # one that is not there is told before anything is journalled
        return {"proxy": proxy, "toxic": "" if step["type"] == DOWN else f"gonogo-{uuid.uuid4().hex[:8]}"}

    def apply(self, step: Step, details: Details) -> None:
        """Add the toxic, or take the proxy down."""
        if not details["toxic"]:
            request(self._context, "POST", details["proxy"], {"enabled": False})
            return
        toxic = {"name": details["toxic"], "type": step["type"], "stream": "downstream", "toxicity": 1.0}
        toxic["attributes"] = step.get("attributes", {})
        request(self._context, "POST", f"{details['proxy']}/toxics", toxic)

    def undo(self, details: Details) -> None:
        """Remove the toxic, or bring the proxy up; connections that it holds are cut."""
        if details["toxic"]:
            request(self._context, "DELETE", f"{details['proxy']}/toxics/{details['toxic']}", gone=404)
        request(self._context, "POST", details["proxy"], {"enabled": False}, gone=404)
        proxy = request(self._context, "POST", details["proxy"], {"enabled": True}, gone=404)
        if not proxy.get("enabled", "error" in proxy):  # one that was removed meanwhile is not broken any more
            raise EndpointFailedError(f"{details['proxy']} is not enabled again")


class RedisMeans:
    """``redis_config: [parameter, value]``: a setting of the target's cache, changed while it runs.

    ``redis_full: true``: it takes no more writes, and evicts nothing; ``redis_pause: milliseconds``: it answers nobody
    for so long; ``redis_flush: true``: it is emptied, which nothing puts back and which the target must allow
    (``cache.flushable``).
    """

    keys: ClassVar[tuple[str, ...]] = ("redis_config", "redis_full", "redis_pause", "redis_flush")
    kind: ClassVar[str] = "redis"

    def __init__(self, target: Target) -> None:
        self._cache = target.cache

    def lacks(self, step: Step) -> str:
        """A cache, or that it may be emptied."""
        if self._cache is None:
            return "a cache"
        return "cache.flushable" if "redis_flush" in step and not self._cache.flushable else ""

    def prepare(self, step: Step) -> Details:
        """Which Redis it is, and what its settings are now."""
        assert self._cache is not None
        client = self._client(self._cache.url)
        before = {name: client.config_get(name)[name] for name in _settings(step)}
        return {"url": self._cache.url, "settings": before}

    def apply(self, step: Step, details: Details) -> None:
        """Change it, pause or empty it."""
        client = self._client(details["url"])
        for name, value in _settings(step).items():
            client.config_set(name, value)
        if "redis_pause" in step:
            client.client_pause(step["redis_pause"])
        elif "redis_flush" in step:
            client.flushdb()

    def undo(self, details: Details) -> None:
        """Set what was set, the last one first; what was paused goes on.

        Raises:
            EndpointFailedError: the target's cache is another one now, so its password does not fit.
        """
        if self._cache is None or self._cache.url != details["url"]:
            raise EndpointFailedError(f"the cache that was changed is {details['url']}, the target names another one")
        client = self._client(details["url"])
        for name, value in reversed(details["settings"].items()):
            client.config_set(name, value)
        if not details["settings"]:
            client.client_unpause()

    def answers(self) -> bool:
        """Whether it answers now."""
        from redis import RedisError  # noqa: PLC0415 (ADR 12)

        assert self._cache is not None
        try:
            return bool(self._client(self._cache.url).ping())
        except RedisError:
            return False

    def _client(self, url: str) -> "Redis":
        from redis import Redis  # noqa: PLC0415 (ADR 12)

        password = self._cache.password.value if self._cache and self._cache.password else None
        return Redis.from_url(url, password=password, socket_timeout=10, decode_responses=True)


def _settings(step: Step) -> dict[str, str]:
    """The settings that a step changes, in their order."""
    if "redis_full" in step:
        return {"maxmemory-policy": "noeviction", "maxmemory": "1"}
    return dict([step["redis_config"]]) if "redis_config" in step else {}
