"""How a part can fail, and by which means each failure can be made on a given deployment.

Several means do for most of them; the first one that the target declares is taken. A failure that only some means can
make is not verified where they are missing, and the reason says what to declare.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gonogo.errors import NotDeclared
from gonogo.faults.interface import Step
from gonogo.targets.endpoints import Levers


@dataclass(frozen=True)
class Failure:
    """One way in which a server fails."""

    control: str = ""
    """The deviation of its control API that does it; empty if none can."""
    parameters: dict[str, Any] = field(default_factory=dict)
    toxic: str = ""
    """The toxic of Toxiproxy that does it, or ``down``."""
    attributes: dict[str, Any] = field(default_factory=dict)
    act: str = ""
    """What to do with its container."""
    scale: bool = False
    """Its workload in the cluster is scaled to zero."""
    service: str = ""
    """What to do with its service: ``stop`` or ``freeze``."""
    redis: Step = field(default_factory=dict)
    """A step that a Redis server itself can do."""
    arrives: bool = True
    """Attempts reach the server, so they can be counted there."""
    answers: bool = False
    """The server does answer, only badly or late: a gateway may take that answer."""

    def steps(self, levers: Levers) -> list[Step]:
        """The steps that make a part fail so; which of them are possible, an `Injector` knows."""
        steps: list[Step] = []
        if self.control and levers.control:
            steps.append({"control": levers.name, "fault": self.control, "parameters": self.parameters})
        if self.toxic and levers.proxy:
            steps.append({"toxic": levers.name, "type": self.toxic, "attributes": self.attributes})
        if self.act and levers.container:
            steps.append({"container": levers.name, "act": self.act})
        if self.scale and levers.workload:
            steps.append({"scale": levers.name, "replicas": 0})
        if self.service and levers.service:
            steps.append({self.service: levers.service})
        return [*steps, self.redis] if self.redis else steps

    def step_for(self, levers: Levers, lacks: Callable[[Step], str]) -> Step:
        """The first step that can be done.

        Args:
            levers: what the part can be broken by.
            lacks: what a step needs and the target does not declare.

        Raises:
            NotDeclared: none can; the message says what would do.
        """
        for step in self.steps(levers):
            if not lacks(step):
                return step
        means = {"control_url": self.control, "proxy": self.toxic, "container": self.act, "workload": self.scale}
        means["service"] = self.service
        wanted = [name for name, possible in means.items() if possible]
        if self.redis:
            wanted.append(lacks(self.redis))
        raise NotDeclared(
            f"{levers.name} cannot be made to fail so: the target declares no {' or '.join(wanted)} of it"
        )


FAILURES: dict[str, Failure] = {
    "refused": Failure(toxic="down", act="kill", scale=True, service="stop", arrives=False),
    "reset": Failure(toxic="reset_peer", attributes={"timeout": 0}, arrives=False),
    "frozen": Failure(act="pause", service="freeze", arrives=False),
    "silent": Failure("silent", toxic="timeout", attributes={"timeout": 0}),
    "500": Failure("http-500"),
    "502-html": Failure("http-502-html"),
    "503": Failure("http-503"),
    "429": Failure("http-429"),
    "429-retry-after": Failure("http-429", {"retry_after_s": "7"}),
    "broken-json": Failure("broken-json"),
    "empty": Failure("empty-200"),
    "error-in-200": Failure("error-in-200"),
    "slow-first-byte": Failure(
        "slow-first-byte", {"delay_ms": 300}, toxic="latency", attributes={"latency": 300}, answers=True
    ),
    "trickle": Failure(
        "trickle", {"delay_ms": 30}, toxic="slicer", attributes={"average_size": 64, "delay": 10_000}, answers=True
    ),
    "wrong-media-type": Failure("wrong-media-type", answers=True),
    "wrong-model": Failure("wrong-model", answers=True),
}
"""By name. Delays of those that answer are short: they must not cost an answer, only try the gateway's reading."""

OUTAGES: dict[str, Failure] = {
    "stopped": Failure(toxic="down", act="kill", scale=True, service="stop"),
    "frozen": Failure(act="pause", service="freeze"),
    "read-only": Failure(redis={"redis_config": ["min-replicas-to-write", "1"]}),
    "full": Failure(redis={"redis_full": True}),
    "slow": Failure(toxic="latency", attributes={"latency": 400}, redis={"redis_pause": 800}),
    "flushed": Failure(redis={"redis_flush": True}),
}
"""How a Redis that is only a cache fails. A primary that waits for replicas that are not there takes no writes."""
