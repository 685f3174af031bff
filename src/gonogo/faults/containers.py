"""Containers of a Docker engine: paused (a frozen peer), killed, stopped, cut off from their networks.

The engine is the one of the environment: ``DOCKER_HOST``, else the local socket; the docker command's contexts are not
read.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError
from gonogo.faults.interface import Details, Step
from gonogo.targets.model import Target

ACTS = ("pause", "kill", "stop", "disconnect")
_RUNNING_WITHIN_S = 30.0


class ContainerMeans:
    """``container``: the container of a part (a provider, ``gateway`` or ``cache``); ``act`` is one of `ACTS`."""

    keys: ClassVar[tuple[str, ...]] = ("container",)
    kind: ClassVar[str] = "container"

    def __init__(self, target: Target, await_part: Callable[[str], None]) -> None:
        self._target, self._await_part = target, await_part

    def lacks(self, step: Step) -> str:
        """The part's container, where none is declared."""
        levers = self._target.levers(step["container"])
        return "" if levers is not None and levers.container is not None else f"a container of {step['container']}"

    def prepare(self, step: Step) -> Details:
        """Its networks, with the names that it has on them.

        Raises:
            GonogoError: it does not run, or the act is unknown.
        """
        levers = self._target.levers(step["container"])
        assert levers is not None
        if step["act"] not in ACTS:
            raise GonogoError(f"a container can be broken by {', '.join(ACTS)}, not by {step['act']}")
        with _container(levers.container or "") as container:
            if container.status != "running":
                raise GonogoError(f"the fault needs the container {levers.container} running, it is {container.status}")
            networks = container.attrs["NetworkSettings"]["Networks"]
            aliases = {name: network.get("Aliases") or [] for name, network in networks.items()}
        host = os.environ.get("DOCKER_HOST", "")
        told = {"part": step["container"], "container": levers.container, "engine": host}
        return {**told, "act": step["act"], "networks": aliases}

    def apply(self, step: Step, details: Details) -> None:
        """Break it."""
        with _container(details["container"]) as container:
            if step["act"] != "disconnect":
                getattr(container, step["act"])()
                return
            for name in details["networks"]:
                container.client.networks.get(name).disconnect(container)

    def undo(self, details: Details) -> None:
        """Let it run, and connect it, with the names that it had; wait until what is in it answers.

        Raises:
            EndpointFailedError: the environment names another engine now, or it does not run again.
        """
        if os.environ.get("DOCKER_HOST", "") != details["engine"]:
            raise EndpointFailedError(f"{details['container']} is on the engine {details['engine'] or '(default)'}")
        with _container(details["container"]) as container:
            if container.status == "paused":
                container.unpause()
            elif container.status != "running":
                container.start()
            container.reload()
            for name, aliases in details["networks"].items():
                if name not in container.attrs["NetworkSettings"]["Networks"]:
                    container.client.networks.get(name).connect(container, aliases=aliases)
            deadline = time.monotonic() + _RUNNING_WITHIN_S
            while container.status != "running":
                if time.monotonic() > deadline:
                    raise EndpointFailedError(f"the container {details['container']} is {container.status}")
                time.sleep(0.05)
                container.reload()
        self._await_part(details["part"])


@contextmanager
def engine() -> Iterator[Any]:
    """The engine's client; docker is imported here because only targets with containers pay for it.

    Raises:
        InconclusiveError: no engine answers.
        EndpointFailedError: the engine refuses what is asked of it inside the block.
    """
    import docker  # noqa: PLC0415 (see above, ADR 12)
    from docker.errors import APIError, DockerException  # noqa: PLC0415

    try:
        client = docker.from_env(timeout=60)
    except DockerException as error:
        raise InconclusiveError(f"no Docker engine answers: {error}") from error
    try:
        yield client
    except APIError as error:
        raise EndpointFailedError(f"the engine says: {error.explanation or error}") from error
    finally:
        client.close()


@contextmanager
def _container(name: str) -> Iterator[Any]:
    """A container by name.

    Raises:
        InconclusiveError: no engine answers.
        EndpointFailedError: the engine refuses, or knows no container of that name.
    """
    with engine() as client:
        yield client.containers.get(name)
