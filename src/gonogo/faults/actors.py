"""Actors: what can stop, start and look at a service. One interface, one class for each kind of supervision."""

import http.client
import xmlrpc.client
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import quote, urlsplit

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.targets.model import Actor


@dataclass(frozen=True)
class ServiceState:
    """A service as its supervisor sees it."""

    running: bool
    pid: int
    """0 when it does not run; a changed pid means that it was restarted."""


class ServiceActor(Protocol):
    """Acts on services by name."""

    def state(self, service: str) -> ServiceState:
        """How the service is now."""

    def own_pid(self) -> int:
        """The number of the supervisor's own process, on its machine."""

    def stop(self, service: str) -> None:
        """Stop it and wait until it has stopped."""

    def start(self, service: str) -> None:
        """Start it; returns when its supervisor has started it, which is not when it answers."""


class SupervisorActor:
    """Services under supervisord (http://supervisord.org/api.html), over its XML-RPC interface."""

    _NOT_RUNNING, _ALREADY_STARTED, _NO_FILE_OR_SPAWN, _ABNORMAL = 70, 60, (10, 20, 21, 50), 40

    def __init__(self, actor: Actor) -> None:
        parts = urlsplit(actor.url)
        password = actor.password.value if actor.password else ""
        login = f"{quote(actor.user, safe='')}:{quote(password, safe='')}@" if actor.user else ""
        self._url = actor.url
        self._endpoint = f"{parts.scheme}://{login}{parts.netloc}{parts.path or '/RPC2'}"

    def state(self, service: str) -> ServiceState:
        """How the service is now."""
        info = cast("dict[str, Any]", self._call("getProcessInfo", service))
        return ServiceState(info["statename"] == "RUNNING", int(info["pid"]))

    def own_pid(self) -> int:
        """The number of supervisord's process."""
        return cast("int", self._call("getPID"))

    def stop(self, service: str) -> None:
        """Stop it and wait until it has stopped; one that does not run stays as it is."""
        self._call("stopProcess", service, tolerated=(self._NOT_RUNNING,))

    def start(self, service: str) -> None:
        """Start it; one that ends at once is seen in its `state`, not here."""
        self._call("startProcess", service, tolerated=(self._ALREADY_STARTED, self._ABNORMAL, *self._NO_FILE_OR_SPAWN))

    def _call(self, method: str, *service: str, tolerated: tuple[int, ...] = ()) -> object:
        try:
            with xmlrpc.client.ServerProxy(self._endpoint) as proxy:
                return cast("object", getattr(proxy.supervisor, method)(*service))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in tolerated:
                return None
            raise InconclusiveError(
                f"supervisor at {self._url}: {method}({', '.join(service)}): {fault.faultString}"
            ) from fault
        except xmlrpc.client.ProtocolError as error:
            raise InconclusiveError(f"supervisor at {self._url}: HTTP {error.errcode} {error.errmsg}") from error
        except (OSError, http.client.HTTPException) as error:
            raise EndpointFailedError(f"supervisor at {self._url}: {error}") from error


def actor_of(actor: Actor) -> ServiceActor:
    """The actor that the target describes."""
    return SupervisorActor(actor)


def restart(actor: ServiceActor, service: str) -> None:
    """Stop and start a service."""
    actor.stop(service)
    actor.start(service)
