"""Rows G4, G5: the traffic is led to another version, slice by slice or all at once, and back."""

import time
from collections.abc import Sequence
from typing import Any

from gonogo.drills.engine import Scene, Step
from gonogo.errors import EndpointFailedError
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry
from gonogo.probes.kubernetes import ClusterApi
from gonogo.rules.triggers import Symptoms, triggered
from gonogo.targets.drills import BlueGreen, Canary

_POLL_S = 0.1


class CanaryDrill:
    """A new version gets growing slices; each is analysed, and a breach aborts it."""

    row = "G4"
    has_traffic = True

    def __init__(self, drill: Canary) -> None:
        self.name, self._drill = drill.name, drill
        self._injector: Injector | None = None
        self._entry: Entry | None = None

    def state(self) -> dict[str, Any]:
        """Nothing that can be seen: the command's undo sets the slice that was there before."""
        return {}

    def keep(self, injector: Injector) -> list[Entry]:
        """How the slice is taken back."""
        self._injector, self._entry = injector, injector.keep(self._slice(self._drill.percents[0]))
        return [self._entry]

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Slice by slice."""
        scene.found |= {"reached": 0.0, "aborted_at": None}
        return [
            Step(f"give the new version {percent:g} %, and analyse {self._drill.requests} requests",
                 f"the command {self._drill.command}", lambda percent=percent: self._shift(scene, percent))  # type: ignore[misc]
            for percent in self._drill.percents
        ]  # fmt: skip

    def _shift(self, scene: Scene, percent: float) -> None:
        if scene.found["aborted_at"] is not None:
            return
        assert self._injector is not None
        assert self._entry is not None
        self._injector.act(self._slice(percent), self._entry)
        scene.mark("shifted")
        while len(samples := scene.since("shifted")) < self._drill.requests:
            name, why = triggered(samples, scene.steady, Symptoms(), scene.watching)
            if name:
                break
            time.sleep(_POLL_S)
        else:
            name, why = triggered(samples, scene.steady, Symptoms(), scene.watching)
        if not name:
            scene.found["reached"] = percent
            scene.timeline.note(f"{percent:g} %: {len(samples)} requests as before")
            return
        scene.found |= {"aborted_at": percent, "noticed_by": name, "noticed_why": why}
        scene.timeline.note(f"{percent:g} %: aborted by {name}: {why}", "trigger")
        self._injector.undo(self._entry)

    def _slice(self, percent: float) -> dict[str, Any]:
        return {"command": self._drill.command, "values": {"percent": f"{percent:g}"}}


class BlueGreenDrill:
    """A service of the cluster is switched to the other colour, and back; no request may be lost."""

    row = "G5"
    has_traffic = True

    def __init__(self, drill: BlueGreen, api: ClusterApi) -> None:
        self.name, self._drill, self._api = drill.name, drill, api
        self._injector: Injector | None = None
        self._entry: Entry | None = None

    def state(self) -> dict[str, Any]:
        """The service's selector.

        Raises:
            EndpointFailedError: there is no such service, or it does not select the first colour.
        """
        found = self._api.read("Service", self._drill.service)
        selector = dict(found["spec"].get("selector") or {}) if found else {}
        blue = self._drill.colours[0]
        if selector.get(self._drill.label) != blue:
            raise EndpointFailedError(f"the service {self._drill.service} does not select {self._drill.label}={blue}")
        return {"selector": selector}

    def keep(self, injector: Injector) -> list[Entry]:
        """The service."""
        self._injector, self._entry = injector, injector.keep(self._switch())
        return [self._entry]

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Forth, and back."""
        blue, green = self._drill.colours

        def forth() -> None:
            assert self._injector is not None
            assert self._entry is not None
            self._injector.act(self._switch(), self._entry)
            scene.mark("switched")
            scene.found["switch_s"] = self._await_colour(scene, "switched", green)

        def back() -> None:
            assert self._injector is not None
            assert self._entry is not None
            self._injector.undo(self._entry)
            scene.mark("switched back")
            scene.found["switch_back_s"] = self._await_colour(scene, "switched back", blue)

        rights = f"patch services: {self._drill.service}"
        return (
            Step(f"switch {self._drill.service} to {green}", rights, forth, self._rehearse),
            Step(f"switch {self._drill.service} back to {blue}", rights, back),
        )

    def _await_colour(self, scene: Scene, since: str, colour: str) -> float | None:
        """Seconds until the latest requests were all answered by a colour; None if they never were.

        Where answers do not tell their version, until some were answered at all.
        """
        told = bool(scene.watching.version_header)
        deadline = time.monotonic() + self._drill.max_seconds
        while time.monotonic() < deadline:
            latest = scene.since(since)[-10:]
            if len(latest) == 10 and all(not s.error and (not told or s.version == colour) for s in latest):
                seconds = round(latest[0].at_s - scene.marks[since], 2)
                scene.timeline.note(
                    f"all answers are {colour}'s after {seconds:g} s" if told else "requests are answered"
                )
                return seconds
            time.sleep(_POLL_S)
        scene.timeline.note(f"not all answers are {colour}'s after {self._drill.max_seconds:g} s")
        return None

    def _rehearse(self) -> str:
        path = self._api.path("Service", self._drill.service)
        self._api.patch(path, self._switch()["patch"], query={"dryRun": "All"})
        return "accepted by a dry run"

    def _switch(self) -> dict[str, Any]:
        selector = {self._drill.label: self._drill.colours[1]}
        return {"object": f"Service/{self._drill.service}", "patch": {"spec": {"selector": selector}}}
