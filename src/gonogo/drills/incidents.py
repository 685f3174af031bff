"""Rows G7, G8: something is killed and comes back by itself; or an incident is answered by its playbook's action."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from gonogo.documents import Part
from gonogo.drills.engine import Scene, Step
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults.actors import ServiceActor, restart
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry
from gonogo.faults.kubernetes import read_pods, read_workload
from gonogo.probes.kubernetes import ClusterApi
from gonogo.rules.objects import name_of
from gonogo.rules.pods import is_ready
from gonogo.rules.triggers import Sample, Symptoms
from gonogo.targets.drills import POD_OF, Kill, Playbook, Start

_PATIENCE_S = 5.0
"""How much longer than allowed a start is watched: how late it is, is worth knowing."""


_Declared = TypeVar("_Declared", Kill, Start)
_Seen = TypeVar("_Seen")


class Alerts(Protocol):
    """Tells of the alerts of whoever watches the deployment."""

    def firing(self, alert: str) -> Sequence[object]:
        """With what an alert fires now; nothing where it does not."""

    def fired_s_ago(self, alert: str, within_s: float) -> float | None:
        """How long ago it was first firing in the last so many seconds; None: not at all."""


class _ServiceDrill(Generic[_Declared]):
    """A drill on a service of an actor, which must run afterwards as it did before."""

    has_traffic = True

    def __init__(self, drill: _Declared, actor: ServiceActor) -> None:
        self.name, self._actor = drill.name, actor
        self._drill: _Declared = drill

    def state(self) -> dict[str, Any]:
        """Whether it runs."""
        return {"running": self._actor.state(self._drill.service).running}

    def keep(self, injector: Injector) -> None:
        """That it runs: should its supervisor not bring it back, the clean-up does."""
        injector.keep_service(self._drill.service, fresh=False, actor=self._drill.actor)


class KillDrill(_ServiceDrill[Kill]):
    """A service is ended by SIGKILL; its supervisor must bring it back."""

    row = "G7"

    def __init__(self, drill: Kill, actor: ServiceActor, alerts: Alerts | None) -> None:
        super().__init__(drill, actor)
        self._alerts = alerts

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Kill, and wait."""
        drill = self._drill

        def kill() -> None:
            pid = self._actor.state(drill.service).pid
            if not pid:
                raise InconclusiveError(f"its supervisor tells no process of {drill.service}: nothing was killed")
            scene.mark("killed")
            self._actor.kill(drill.service)

            def is_back() -> bool:
                state = self._actor.state(drill.service)
                return state.running and state.pid != pid

            if not scene.wait_until(is_back, drill.recovery_s):
                raise EndpointFailedError(f"{drill.service} does not come back by itself within {drill.recovery_s:g} s")
            scene.found["restarted_s"] = scene.seconds_since("killed")
            scene.timeline.note(f"{drill.service} runs again")

        return (
            *quiet_first(drill, self._alerts),
            Step(f"kill {drill.service}", f"kill {drill.service}", kill),
            Step("wait until the answers are as before", "read", lambda: recover(scene, drill.recovery_s)),
            *follow_alert(drill, self._alerts, scene),
        )


class StartDrill(_ServiceDrill[Start]):
    """A service is stopped and started; its first true answer counts, not that its supervisor calls it running."""

    row = "K10"

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Stop, start, and wait."""
        drill = self._drill

        def start() -> None:
            scene.mark("started")
            self._actor.start(drill.service)

            def good() -> list[Sample]:
                return [sample for sample in scene.since("started") if not sample.error]

            answers = scene.wait_until(good, drill.within_s + _PATIENCE_S)
            first_s = min((sample.ended_s for sample in answers), default=None)
            scene.found["first_answer_s"] = round(first_s - scene.marks["started"], 2) if first_s is not None else None

        return (
            Step(f"stop {drill.service}", f"stop {drill.service}", lambda: self._actor.stop(drill.service)),
            Step(f"start {drill.service}, and wait for its first true answer", f"start {drill.service}", start),
        )


class PodKillDrill:
    """A pod of a workload is ended without any grace; its owner must bring another one."""

    row = "G7"
    has_traffic = True

    def __init__(self, drill: Kill, api: ClusterApi, alerts: Alerts | None) -> None:
        self.name, self._drill, self._api, self._alerts = drill.name, drill, api, alerts
        self._workload = drill.service.removeprefix(POD_OF)

    def state(self) -> dict[str, Any]:
        """How many pods are ready."""
        return {"ready": sum(map(is_ready, self._pods()))}

    def keep(self, injector: Injector) -> None:
        """Nothing: a pod cannot be put back, another one comes."""
        del injector

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Kill, and wait."""

        def kill() -> None:
            pods = self._pods()
            if not pods:
                raise EndpointFailedError(f"{self._workload} has no pod")
            killed, wanted = pods[0].at("metadata", "uid").text(), sum(map(is_ready, pods))
            scene.mark("killed")
            self._api.send("DELETE", self._api.path("Pod", name_of(pods[0])), {"gracePeriodSeconds": 0})

            def is_replaced() -> bool:
                pods = self._pods()
                return sum(is_ready(pod) for pod in pods if pod.at("metadata", "uid").text() != killed) >= wanted

            if not scene.wait_until(is_replaced, self._drill.recovery_s):
                raise EndpointFailedError(f"no other pod is ready in its place within {self._drill.recovery_s:g} s")
            scene.found["restarted_s"] = scene.seconds_since("killed")

        return (
            *quiet_first(self._drill, self._alerts),
            Step(f"delete a pod of {self._workload} without grace", "delete pods", kill),
            Step("wait until the answers are as before", "read", lambda: recover(scene, self._drill.recovery_s)),
            *follow_alert(self._drill, self._alerts, scene),
        )

    def _pods(self) -> list[Part]:
        return read_pods(self._api, read_workload(self._api, self._workload))


class PlaybookDrill:
    """An incident is produced, its alarm seen, its action done, and it must be over then."""

    row = "G8"
    has_traffic = True

    def __init__(self, drill: Playbook, actor: ServiceActor | None) -> None:
        self.name, self._drill, self._actor = drill.name, drill, actor
        self._injector: Injector  # from `keep` on
        self._entries: list[Entry] = []

    def state(self) -> dict[str, Any]:
        """Nothing of its own: what the symptom's means change is put back by them, verified."""
        return {}

    def keep(self, injector: Injector) -> None:
        """The service that the action restarts; each part of the symptom is journalled before it is produced.

        Raises:
            EndpointFailedError: nothing here knows that service.
        """
        self._injector = injector
        if "restart" in self._drill.action:  # a run that is killed within the restart leaves it stopped
            if self._actor is None:
                raise EndpointFailedError("the target declares no actor that can restart it")
            self._actor.state(self._drill.action["restart"])
            injector.keep_service(self._drill.action["restart"], fresh=False)

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Produce, notice, act, be well."""
        drill = self._drill
        told = ", ".join(f"{key} {value}" for key, value in drill.action.items())
        return (
            Step("produce the symptom", ", ".join(next(iter(s)) for s in drill.symptom), lambda: self._produce(scene)),
            Step(f"wait for the alarm ({drill.trigger})", "read",
                 lambda: scene.await_trigger("produced", Symptoms, scene.watching.notice_s)),
            Step(f"do what the playbook says: {told}", told, lambda: self._act(scene)),
            Step("wait until the answers are as before", "read", lambda: recover(scene, drill.recovery_s)),
        )  # fmt: skip

    def _produce(self, scene: Scene) -> None:
        scene.mark("produced")
        for step in map(dict, self._drill.symptom):
            self._entries.append(self._injector.keep(step))
            self._injector.act(step, self._entries[-1])

    def _act(self, scene: Scene) -> None:
        action = self._drill.action
        if "restart" in action:
            assert self._actor is not None
            restart(self._actor, action["restart"])
        elif "command" in action:
            step = {"command": action["command"]}
            self._injector.act(step, self._injector.keep(step))
        else:
            for entry in reversed(self._entries):
                self._injector.undo(entry)
        scene.mark("acted")


def quiet_first(drill: Kill, alerts: Alerts | None) -> Sequence[Step]:
    """An alert that fires already cannot be told from the one that the kill sets off."""

    def expect_quiet() -> None:
        if alerts is not None and alerts.firing(drill.alert):
            raise InconclusiveError(f"{drill.alert} fires already: nothing was killed")

    return (Step(f"see that {drill.alert} does not fire", "read", expect_quiet),) if alerts is not None else ()


def follow_alert(drill: Kill, alerts: Alerts | None, scene: Scene) -> Sequence[Step]:
    """Wait until the alert has fired, since the kill, and until it does not fire any more."""
    if alerts is None:
        return ()

    def fires() -> None:
        since_s = scene.seconds_since("killed")

        def fired_s() -> float | None:
            ago = alerts.fired_s_ago(drill.alert, scene.seconds_since("killed"))
            return max(0.01, scene.seconds_since("killed") - ago) if ago is not None else None

        eye = _Eye()
        seen = scene.wait_until(lambda: eye.see(fired_s), max(1.0, drill.alert_within_s - since_s))
        scene.found["alert_unseen"] = eye.unseen
        scene.found["alert_fired_s"] = round(seen, 2) if seen is not None else None
        scene.timeline.note(f"{drill.alert} fired" if seen is not None else f"{drill.alert} does not fire")

    def clears() -> None:
        began_s = scene.timeline.now_s()
        eye = _Eye()
        is_clear = scene.wait_until(lambda: eye.see(lambda: not alerts.firing(drill.alert)), drill.clear_within_s)
        scene.found["alert_unseen"] = scene.found["alert_unseen"] or eye.unseen
        scene.found["alert_cleared_s"] = round(scene.timeline.now_s() - began_s, 2) if is_clear else None

    return (
        Step(f"wait until {drill.alert} has fired", "read", fires),
        Step(f"wait until {drill.alert} is over", "read", clears),
    )


@dataclass
class _Eye:
    """Looks at an alert in one step of a drill; that Prometheus cannot be asked does not end the drill."""

    unseen: str = ""
    """Why it could not be asked the last time; empty where it could."""

    def see(self, look: Callable[[], _Seen]) -> _Seen | None:
        """What is seen; None where Prometheus cannot be asked."""
        try:
            seen = look()
        except InconclusiveError as error:
            self.unseen = str(error)
            return None
        self.unseen = ""
        return seen


def recover(scene: Scene, within_s: float) -> None:
    """Wait until the traffic since the latest mark is as it was before."""
    latest = max(scene.marks, key=lambda name: scene.marks[name])
    first = min(scene.marks.values())
    scene.found["recovered"] = scene.await_well(latest, within_s)
    scene.found["recovery_s"] = round(scene.timeline.now_s() - first, 2)
