"""What is broken from outside: services of the actor, frozen processes, commands of the target's own."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from gonogo.errors import EndpointFailedError, GonogoError
from gonogo.faults.actors import ServiceActor, actor_of, restart
from gonogo.faults.interface import Details, Step
from gonogo.programs import EndlessProgramError, run_program
from gonogo.targets.model import Target


class ServiceMeans:
    """``stop`` and ``restart``: a service of the target's actor. Afterwards it runs; one that was restarted, anew."""

    keys: ClassVar[tuple[str, ...]] = ("stop", "restart")
    kind: ClassVar[str] = "service"

    def __init__(self, target: Target, await_health: Callable[[str, str], None]) -> None:
        """`await_health` waits until a service of an actor answers."""
        self._target, self._await_health = target, await_health

    def lacks(self, step: Step) -> str:
        """An actor, where none is declared."""
        del step
        return "" if self._target.actor else "an actor (`supervisor`)"

    def prepare(self, step: Step) -> Details:
        """Which service must run afterwards."""
        return {
            "service": step.get("stop") or step["restart"],
            "fresh": "restart" in step,
            "actor": step.get("actor", ""),
        }

    def apply(self, step: Step, details: Details) -> None:
        """Stop it, or restart it and wait until it answers."""
        actor = self._actor(details)
        if "stop" in step:
            actor.stop(step["stop"])
        else:
            restart(actor, step["restart"])
            self._await_health(step["restart"], details["actor"])

    def undo(self, details: Details) -> None:
        """Start it, if `fresh` after a stop, and wait until it answers."""
        actor = self._actor(details)
        if details["fresh"]:
            actor.stop(details["service"])
        actor.start(details["service"])
        self._await_health(details["service"], details.get("actor", ""))

    def _actor(self, details: Details) -> ServiceActor:
        declared = self._target.actor_named(details.get("actor", ""))
        if declared is None:
            raise EndpointFailedError(f"the target declares no actor {details.get('actor', '')}".rstrip())
        return actor_of(declared)


class FreezeMeans:
    """``freeze``: a service's process is stopped by a signal: its connections stay open, and nothing answers.

    Its actor must run on this machine: the process must be a child of the supervisor's own. It is known by its number
    and the time of its start, so that no other process is ever continued or stopped in its place.
    """

    keys: ClassVar[tuple[str, ...]] = ("freeze",)
    kind: ClassVar[str] = "frozen"

    def __init__(self, target: Target) -> None:
        self._target = target

    def lacks(self, step: Step) -> str:
        """An actor, where none is declared."""
        del step
        return "" if self._target.actor else "an actor (`supervisor`)"

    def prepare(self, step: Step) -> Details:
        """Which process it is.

        Raises:
            GonogoError: it does not run, or not on this machine.
        """
        assert self._target.actor is not None
        actor = actor_of(self._target.actor)
        state = actor.state(step["freeze"])
        started = _started(state.pid) if state.running and _parent(state.pid) == actor.own_pid() else ""
        if not started:
            raise GonogoError(f"the fault freezes {step['freeze']}, which does not run on this machine")
        return {"service": step["freeze"], "pid": state.pid, "started": started}

    def apply(self, step: Step, details: Details) -> None:
        """Freeze it and its children, which a wrapper may have."""
        del step
        for pid in _family(details["pid"]):
            os.kill(pid, signal.SIGSTOP)

    def undo(self, details: Details) -> None:
        """Let it go on, where it is still the same process."""
        if _started(details["pid"]) != details["started"]:
            return
        for pid in _family(details["pid"]):
            os.kill(pid, signal.SIGCONT)


def _stat(pid: int) -> list[str]:
    """What the kernel tells of a process, from its state on; nothing if there is none of that number (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks; empty if there is none of that number."""
    return stat[19] if (stat := _stat(pid)) else ""


def _parent(pid: int) -> int:
    """The number of a process's parent; -1 if there is none of that number."""
    return int(stat[1]) if (stat := _stat(pid)) else -1


def _family(pid: int) -> list[int]:
    """A process and all below it, the eldest first."""
    try:
        texts = [path.read_text(encoding="utf-8") for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return [pid]
    children = [child for text in texts for child in text.split()]
    return [pid, *(one for child in children for one in _family(int(child)))]


class CommandMeans:
    """``command``: a command of the target's own (``commands``), run in the target's folder, without a shell.

    ``values`` fill the places in braces of its words. What puts it back is journalled in full, so that it can be run
    even if the target has changed since.
    """

    keys: ClassVar[tuple[str, ...]] = ("command",)
    kind: ClassVar[str] = "command"

    def __init__(self, target: Target) -> None:
        self._target = target

    def lacks(self, step: Step) -> str:
        """The command, where it is not declared."""
        return "" if step["command"] in self._target.commands else f"a command {step['command']}"

    def prepare(self, step: Step) -> Details:
        """The command that puts it back."""
        command = self._target.commands[step["command"]]
        words = _filled(command.undo, step)
        return {
            "command": step["command"],
            "undo": words,
            "folder": str(self._target.file.parent),
            "timeout_s": command.timeout_s,
        }

    def apply(self, step: Step, details: Details) -> None:
        """Run it."""
        self._run(_filled(self._target.commands[step["command"]].do, step), details)

    def undo(self, details: Details) -> None:
        """Run the one that puts it back."""
        self._run(details["undo"], details)

    def _run(self, words: list[str], details: Details) -> None:
        began = time.monotonic()
        try:
            done = run_program(words, details["timeout_s"], details["folder"])
        except EndlessProgramError as error:
            raise EndpointFailedError(str(error)) from error
        except OSError as error:
            raise EndpointFailedError(f"{words[0]} cannot be run: {error.strerror}") from error
        if done.exit_code != 0:
            took = f"after {time.monotonic() - began:.1f} s"
            raise EndpointFailedError(f"{words[0]} ended with {done.exit_code} {took}: {done.last_words}")


def _filled(words: tuple[str, ...], step: Step) -> list[str]:
    values = step.get("values", {})
    filled = list(words)
    for name, value in values.items():
        filled = [word.replace(f"{{{name}}}", str(value)) for word in filled]
    return filled
