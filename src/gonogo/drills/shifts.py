"""Rows G4, G5: the traffic is led to another version, slice by slice or all at once, and back."""

from collections.abc import Sequence
from typing import Any

from gonogo.drills.engine import Scene, Step
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry
from gonogo.probes.kubernetes import ClusterApi
from gonogo.rules.triggers import Sample, Symptoms, telling, triggered_by_old
from gonogo.targets.drills import BlueGreen, Canary

_SLICE_WITHIN_S = 60.0
"""A slice whose requests have not ended so long after the last was sent is not analysed."""
_EFFECT_WITHIN_S = 15.0
"""A command that has led no request to the new version by then has had no effect."""
_ANSWERED_WITHIN_S = 30.0
_ENOUGH = 10
"""So many answers one after the other must be the other colour's."""


class CanaryDrill:
    """A new version gets growing slices; each is analysed, and a breach aborts it."""

    row = "G4"
    has_traffic = True

    def __init__(self, drill: Canary) -> None:
        self.name, self._drill = drill.name, drill
        self._injector: Injector  # from `keep` on
        self._entry: Entry  # from `keep` on

    def state(self) -> dict[str, Any]:
        """Nothing that can be seen: the command's undo sets the slice that was there before."""
        return {}

    def keep(self, injector: Injector) -> None:
        """How the slice is taken back."""
        self._injector, self._entry = injector, injector.keep(self._slice(self._drill.percents[0]))

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Slice by slice."""
        versions = sorted(scene.steady.versions)
        scene.found |= {"reached": 0.0, "aborted_at": None, "old_too": "", "versions_before": versions, "slices": []}
        return [
            Step(f"give the new version {percent:g} %, and analyse {self._drill.requests} requests",
                 f"the command {self._drill.command}", lambda percent=percent: self._shift(scene, percent))  # type: ignore[misc]
            for percent in self._drill.percents
        ]  # fmt: skip

    def _shift(self, scene: Scene, percent: float) -> None:
        """Give the new version its slice; once more where the old one showed the same, and was well again afterwards.

        A machine that stalled for a moment spares the slice the second time; a new version from which the old one
        suffers, too, does not.
        """
        if scene.found["aborted_at"] is not None:
            return
        for is_last in (False, True):
            trigger = self._analysed(scene, percent)
            if trigger is None:
                return
            self._injector.undo(self._entry)
            scene.mark("taken back")
            old_too = "" if is_last else self._old_too(scene, trigger[0])
            if not old_too or not self._is_well_again(scene, old_too):
                name, why = trigger
                scene.found |= {"aborted_at": percent, "noticed_by": name, "noticed_why": why, "old_too": old_too}
                return
            scene.found["slices"].pop()
            self.keep(self._injector)

    def _analysed(self, scene: Scene, percent: float) -> tuple[str, str] | None:
        """The trigger by which a slice was aborted, and why; None if it was not.

        Raises:
            InconclusiveError: too few requests ended to tell.
        """
        self._injector.act(self._slice(percent), self._entry)
        scene.mark("shifted")
        # what was sent before the command took effect says nothing of the slice
        tells = bool(scene.steady.versions)
        if tells and scene.wait_until(lambda: self._trigger(scene) or self._new(scene), _EFFECT_WITHIN_S):
            scene.mark("shifted")
        within_s = _SLICE_WITHIN_S + self._drill.requests * scene.watching.interval_s
        over = scene.wait_until(lambda: self._trigger(scene) or self._is_over(scene), within_s)
        if not over:
            raise InconclusiveError(f"not {self._drill.requests} requests ended within {within_s:g} s")
        told = [sample for sample in scene.since("shifted") if sample.version]
        slice_ = {"percent": percent, "requests": len(told), "new": self._new(scene)}
        scene.found["slices"].append(slice_)
        if not isinstance(over, tuple):
            scene.found["reached"] = percent
            shown = f", {slice_['new']} of them answered by the new version" if scene.steady.versions else ""
            scene.timeline.note(f"{percent:g} %: {self._drill.requests} requests as before{shown}")
            return None
        name, why = over
        scene.timeline.note(f"{percent:g} %: aborted by {name}: {why}", "trigger")
        scene.mark("aborted")
        return over

    @staticmethod
    def _old_too(scene: Scene, trigger: str) -> str:
        """Why the old version alone would have set off the same trigger; empty if it would not."""

        def sent() -> list[Sample]:
            return [sample for sample in scene.sent("shifted") if sample.at_s < scene.marks["aborted"]]

        # which version is slow is told by its answer
        scene.wait_until(lambda: not any(sample.is_pending for sample in sent()), _ANSWERED_WITHIN_S)
        return triggered_by_old(trigger, sent(), scene.steady, scene.watching)

    @staticmethod
    def _is_well_again(scene: Scene, old_too: str) -> bool:
        scene.timeline.note(f"of the old version, too: {old_too}")
        return scene.await_well("taken back", scene.watching.steady_s)

    def _is_over(self, scene: Scene) -> bool:
        return len(scene.since("shifted")) >= self._drill.requests

    @staticmethod
    def _trigger(scene: Scene) -> tuple[str, str] | None:
        return scene.trigger("shifted", Symptoms())

    @staticmethod
    def _new(scene: Scene) -> int:
        """How many answers there are of another version than before."""
        return sum(s.version not in scene.steady.versions for s in scene.since("shifted") if s.version)

    def _slice(self, percent: float) -> dict[str, Any]:
        return {"command": self._drill.command, "values": {"percent": f"{percent:g}"}}


class BlueGreenDrill:
    """A service of the cluster is switched to the other colour, and back; no request may be lost."""

    row = "G5"
    has_traffic = True

    def __init__(self, drill: BlueGreen, api: ClusterApi) -> None:
        self.name, self._drill, self._api = drill.name, drill, api
        self._injector: Injector  # from `keep` on
        self._entry: Entry  # from `keep` on

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

    def keep(self, injector: Injector) -> None:
        """The service."""
        self._injector, self._entry = injector, injector.keep(self._switch())

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Forth, and back."""
        blue, green = self._drill.colours

        def forth() -> None:
            self._injector.act(self._switch(), self._entry)
            scene.mark("switched")
            scene.found["switch_s"] = self._await_colour(scene, "switched", green)

        def back() -> None:
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
        is_told = bool(scene.watching.version_header)

        def first_good() -> Sample | None:
            latest = telling(scene.sent(since), scene.steady, scene.watching)[-_ENOUGH:]
            good = [s for s in latest if not (s.error or s.is_pending) and (not is_told or s.version == colour)]
            return good[0] if len(good) == _ENOUGH else None

        first = scene.wait_until(first_good, self._drill.max_seconds)
        if first is None:
            scene.timeline.note(f"not all answers are {colour}'s after {self._drill.max_seconds:g} s")
            return None
        seconds = round(first.at_s - scene.marks[since], 2)
        scene.timeline.note(f"all answers are {colour}'s after {seconds:g} s" if is_told else "requests are answered")
        return seconds

    def _rehearse(self) -> str:
        path = self._api.path("Service", self._drill.service)
        self._api.patch(path, self._switch()["patch"], query={"dryRun": "All"})
        return "accepted by a dry run"

    def _switch(self) -> dict[str, Any]:
        selector = {self._drill.label: self._drill.colours[1]}
        return {"object": f"Service/{self._drill.service}", "patch": {"spec": {"selector": selector}}}
