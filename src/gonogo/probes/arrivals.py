"""The arrivals probe: which completions reached a server, told by the server itself or by a pass-through before it."""

import hashlib
from dataclasses import dataclass

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Client, Http
from gonogo.rules.reading import number, objects
from gonogo.targets.endpoints import Endpoint


@dataclass(frozen=True)
class Arrival:
    """A completion that arrived."""

    at_s: float
    """Unix time, by the server's clock."""
    ended_s: float | None
    """When its answer ended; None while it goes on."""


class Arrivals:
    """Completions that arrived at one server (``GET <control_url>/arrivals?prompt=<SHA256>``).

    They are told apart by the digest of their last message, so that other traffic does not count.
    """

    def __init__(self, endpoint: Endpoint, client: Client, context: ProbeContext) -> None:
        self.name = endpoint.name
        self._http = Http(client, endpoint.control_url or "", None, context, 10)

    def count(self) -> int:
        """How many completions have arrived, whatever their prompt.

        Raises:
            InconclusiveError: the control API does not tell it.
        """
        counters = self._told("/counters")
        told = (
            counters.get("arrived", 0) if isinstance(counters, dict) else None
        )  # what has not happened has no counter
        if not isinstance(told, int):
            raise InconclusiveError(f"{self._http.base_url}/counters tells no count of arrivals")
        return told

    def of(self, prompt: str) -> tuple[Arrival, ...]:
        """Those of one prompt, the earliest first.

        Raises:
            InconclusiveError: the control API does not tell them.
        """
        digest = hashlib.sha256(prompt.encode()).hexdigest()
        listed = self._told(f"/arrivals?prompt={digest}")
        if not isinstance(listed, list):
            raise InconclusiveError(f"{self._http.base_url}/arrivals is no list of arrivals")
        return tuple(
            Arrival(
                at_s=number(item.get("at_s")) or 0.0,
                ended_s=number(item.get("ended_s")),
            )
            for item in objects(listed)
        )

    def _told(self, path: str) -> object:
        """A page of the control API: what measures, not what is measured.

        Raises:
            InconclusiveError: it does not answer, or not with JSON.
        """
        try:
            answer = self._http.get(path)
            told = answer.json()
        except EndpointFailedError as error:
            raise InconclusiveError(f"what arrives at {self.name} cannot be told: {error}") from error
        if answer.status != 200:
            raise InconclusiveError(f"what arrives at {self.name} cannot be told: {path}: HTTP {answer.status}")
        return told
