"""Actors: what can stop, start and look at a service. One interface, one class for each kind of supervision."""

import http.client
import os
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast
from urllib.parse import quote, urlsplit

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults.containers import engine
from gonogo.probes.tcp import why_ours
from gonogo.programs import Completed, EndlessProgramError, TooMuchPrintedError, run_program
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

    def kill(self, service: str) -> None:
        """End it by SIGKILL, as a crash would; its supervisor may start it again."""

    def logs(self, service: str) -> str:
        """The end of what it has logged, as far as its supervisor keeps it."""


class SupervisorActor:
    """Services under supervisord (http://supervisord.org/api.html), over its XML-RPC interface."""

    _NO_FILE = 20
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
        self._await_end(service)

    def start(self, service: str) -> None:
        """Start it; one that ends at once is seen in its `state`, not here."""
        self._await_end(service)
        self._call("startProcess", service, tolerated=(self._ALREADY_STARTED, self._ABNORMAL, *self._NO_FILE_OR_SPAWN))

    def kill(self, service: str) -> None:
        """End it by SIGKILL."""
        self._call("signalProcess", service, "KILL", tolerated=(self._NOT_RUNNING,))

    def logs(self, service: str) -> str:
        """The end of its standard output and standard error; empty where they are not kept."""
        kept = []
        for stream in ("Stdout", "Stderr"):
            told = self._call(f"tailProcess{stream}Log", service, 0, _LOG_BYTES, tolerated=(self._NO_FILE,))
            kept.append(str(cast("list[Any]", told)[0]) if told else "")
        return "\n".join(filter(None, kept))

    def _await_end(self, service: str) -> None:
        """Wait while it is being stopped, by whomever: until then it can be neither stopped nor started.

        Raises:
            EndpointFailedError: it does not end.
        """
        deadline = time.monotonic() + _COMMAND_S
        while cast("dict[str, Any]", self._call("getProcessInfo", service))["statename"] == "STOPPING":
            if time.monotonic() > deadline:
                raise EndpointFailedError(f"supervisor at {self._url}: {service} does not end in {_COMMAND_S:g} s")
            time.sleep(_POLL_S)

    def _call(self, method: str, *service: str | int, tolerated: tuple[int, ...] = ()) -> object:
        try:
            with xmlrpc.client.ServerProxy(self._endpoint, transport=self._transport()) as proxy:
                return cast("object", getattr(proxy.supervisor, method)(*service))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in tolerated:
                return None
            raise InconclusiveError(
                f"supervisor at {self._url}: {method}({', '.join(map(str, service))}): {fault.faultString}"
            ) from fault
        except xmlrpc.client.ProtocolError as error:
            raise InconclusiveError(f"supervisor at {self._url}: HTTP {error.errcode} {error.errmsg}") from error
        except (OSError, http.client.HTTPException) as error:
            if why := why_ours(error):
                raise InconclusiveError(f"supervisor at {self._url}: {why}: {error}") from error
            raise EndpointFailedError(f"supervisor at {self._url}: {error}") from error

    def _transport(self) -> xmlrpc.client.Transport:
        """Stops and starts may take as long as they are configured to, but not for ever."""
        return _SecureWithin() if self._endpoint.startswith("https") else _Within()


class _Within(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ANN401 (the library's own)
        connection = super().make_connection(host)
        connection.timeout = _COMMAND_S
        return connection


class _SecureWithin(xmlrpc.client.SafeTransport):
    def make_connection(self, host: Any) -> http.client.HTTPSConnection:  # noqa: ANN401 (the library's own)
        connection = super().make_connection(host)
        connection.timeout = _COMMAND_S
        return connection


class SystemdActor:
    """Units of systemd (https://www.freedesktop.org/software/systemd/man/systemctl.html), of this machine."""

    def __init__(self, actor: Actor) -> None:
        self._flags = ["--user"] if actor.user_units else []

    def state(self, service: str) -> ServiceState:
        """How the unit is now."""
        told = _run("systemctl", *self._flags, "show", service, "--property=ActiveState,MainPID,LoadState")
        fields = dict(line.partition("=")[::2] for line in told.splitlines())
        if fields.get("LoadState") == "not-found":
            raise EndpointFailedError(f"systemd knows no unit {service}")
        return ServiceState(fields.get("ActiveState") == "active", int(fields.get("MainPID") or 0))

    def own_pid(self) -> int:
        """Systemd's own: the first process, or the user's manager, whose children its units are."""
        return os.getppid() if self._flags else 1

    def stop(self, service: str) -> None:
        """Stop it and wait until it has stopped."""
        _run("systemctl", *self._flags, "stop", service)

    def start(self, service: str) -> None:
        """Start it."""
        _run("systemctl", *self._flags, "start", service)

    def kill(self, service: str) -> None:
        """End it by SIGKILL."""
        _run("systemctl", *self._flags, "kill", "--signal=SIGKILL", service)

    def logs(self, service: str) -> str:
        """What it has logged since its last start."""
        started = _run("systemctl", *self._flags, "show", service, "--property=InvocationID", "--value").strip()
        flags = ["--user-unit" if self._flags else "--unit", service, "--lines=1000", "--output=cat", "--no-pager"]
        return _run("journalctl", *flags, f"_SYSTEMD_INVOCATION_ID={started}")


class ComposeActor:
    """Services of a docker compose project: containers that carry compose's labels, over the engine's API."""

    def __init__(self, actor: Actor) -> None:
        self._project = actor.project

    def state(self, service: str) -> ServiceState:
        """How its containers are: running if all are; the number changes with each one's process."""
        with self._containers(service) as containers:
            states = [container.attrs["State"] for container in containers]
        return ServiceState(all(state["Running"] for state in states), sum(int(state["Pid"]) for state in states))

    def own_pid(self) -> int:
        """None of ours: a container's processes are below the engine."""
        return -1

    def stop(self, service: str) -> None:
        """Stop its containers and wait until they have stopped."""
        with self._containers(service) as containers:
            for container in containers:
                container.stop()

    def start(self, service: str) -> None:
        """Start its containers."""
        with self._containers(service) as containers:
            for container in containers:
                container.start()

    def kill(self, service: str) -> None:
        """End its containers by SIGKILL; an engine starts those again whose restart policy says so."""
        with self._containers(service) as containers:
            for container in containers:
                container.kill()

    def logs(self, service: str) -> str:
        """The end of what its containers have logged since they were started."""
        with self._containers(service) as containers:
            told = [
                container.logs(tail=1000, since=_seconds(container.attrs["State"]["StartedAt"]))
                for container in containers
            ]
        return b"\n".join(told).decode("utf-8", "replace")

    @contextmanager
    def _containers(self, service: str) -> Iterator[list[Any]]:
        with engine() as client:
            labels = [f"com.docker.compose.project={self._project}", f"com.docker.compose.service={service}"]
            found = client.containers.list(all=True, filters={"label": labels})
            if not found:
                raise EndpointFailedError(f"the compose project {self._project} has no container of {service}")
            yield found


class ShellActor:
    """Commands of the target's own, each given the service's name."""

    def __init__(self, actor: Actor) -> None:
        self._commands = actor.commands

    def state(self, service: str) -> ServiceState:
        """Running if the command ``state`` ends with 0, not if with 1 or 3; its output are process numbers, if any.

        Raises:
            InconclusiveError: it ends with another code, or not at all: a connection that fails is not a service that
                does not run.
        """
        try:
            done = _done(words := self._words("state", service))
        except EndpointFailedError as error:
            raise InconclusiveError(str(error)) from error
        if done.exit_code not in {0, 1, 3}:
            raise InconclusiveError(f"{' '.join(words)} ended with {done.exit_code}: {done.last_words}")
        return ServiceState(done.exit_code == 0, sum(int(word) for word in done.stdout.split() if word.isdecimal()))

    def own_pid(self) -> int:
        """None that is known."""
        return -1

    def stop(self, service: str) -> None:
        """Stop it."""
        _run(*self._words("stop", service))

    def start(self, service: str) -> None:
        """Start it."""
        _run(*self._words("start", service))

    def kill(self, service: str) -> None:
        """End it hard."""
        _run(*self._words("kill", service))

    def logs(self, service: str) -> str:
        """What the command ``logs`` prints."""
        return _run(*self._words("logs", service))

    def _words(self, verb: str, service: str) -> list[str]:
        if verb not in self._commands:
            raise InconclusiveError(f"the shell actor has no command `{verb}`")
        return [word.replace("{service}", service) for word in self._commands[verb]]


_COMMAND_S = 120.0
_POLL_S = 0.1
_LOG_BYTES = 200_000


def _done(words: Sequence[str]) -> Completed:
    try:
        return run_program(words, _COMMAND_S)
    except TooMuchPrintedError as error:
        raise InconclusiveError(str(error)) from error
    except EndlessProgramError as error:
        raise EndpointFailedError(str(error)) from error
    except OSError as error:
        raise InconclusiveError(f"{words[0]} cannot be run: {error.strerror}") from error


def _run(*words: str) -> str:
    """A command's output.

    Raises:
        InconclusiveError: it cannot be run, failed, or printed too much: the gate could not act.
        EndpointFailedError: it did not end in time.
    """
    done = _done(words)
    if done.exit_code != 0:
        raise InconclusiveError(f"{' '.join(words)} ended with {done.exit_code}: {done.last_words}")
    return done.stdout


def _seconds(text: str) -> int:
    """An engine's time as seconds since 1970."""
    return int(datetime.fromisoformat(text[:19] + "+00:00").timestamp())


_KINDS: dict[str, Callable[[Actor], ServiceActor]] = {
    "supervisor": SupervisorActor,
    "systemd": SystemdActor,
    "compose": ComposeActor,
    "shell": ShellActor,
}


def actor_of(actor: Actor) -> ServiceActor:
    """The actor that the target describes."""
    return _KINDS[actor.kind](actor)


def restart(actor: ServiceActor, service: str) -> None:
    """Stop and start a service."""
    actor.stop(service)
    actor.start(service)
