"""Row G11: load drives the replicas up within their bounds, and they come back when it ends."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

from gonogo.drills.engine import Scene, Step
from gonogo.drills.timeline import Ask
from gonogo.errors import EndpointFailedError, InconclusiveError, StarvedError
from gonogo.faults.injection import Injector
from gonogo.probes.kubernetes import ClusterApi, Object
from gonogo.targets.drills import Autoscaling


class AutoscaleDrill:
    """So many requests at once as are declared, until replicas are added; then none, until they are taken away."""

    row = "G11"
    has_traffic = False

    def __init__(self, drill: Autoscaling, api: ClusterApi, ask: Ask) -> None:
        self.name, self._drill, self._api, self._ask = drill.name, drill, api, ask

    def state(self) -> dict[str, Any]:
        """The bounds."""
        spec = self._scaler()["spec"]
        return {"min": spec.get("minReplicas"), "max": spec["maxReplicas"]}

    def keep(self, injector: Injector) -> None:
        """Nothing: the autoscaler itself takes its replicas away."""
        del injector

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Up, and down."""
        drill = self._drill
        spec = self._scaler()["spec"]
        scene.found |= {
            "replicas": [self._replicas()],
            "least": spec.get("minReplicas", 1),
            "most": spec["maxReplicas"],
        }
        return (
            Step("see that a replica can be added", "read", lambda: self._rest(scene)),
            Step(
                f"{drill.concurrency} requests at once, until replicas are added", "requests", lambda: self._up(scene)
            ),
            Step("no requests, until they are taken away", "read", lambda: self._down(scene)),
        )

    def _rest(self, scene: Scene) -> None:
        """An earlier load may have driven it to its maximum, which an autoscaler leaves minutes later only.

        Bounds that leave no room are another matter: that no replica is added is the finding then.
        """
        least, most = scene.found["least"], scene.found["most"]
        if least < most and self._await(scene, lambda now: now < most, self._drill.down_s) is None:
            raise InconclusiveError(f"there are {most} replicas already, as many as {self._drill.autoscaler} may have")
        scene.found["before"] = scene.found["replicas"][-1]

    def _up(self, scene: Scene) -> None:
        before = scene.found["before"]
        with Load(self._ask, self._drill.concurrency) as load:
            up = self._await(scene, lambda now: now > before, self._drill.up_s)
        scene.found |= {"up_s": up, "asked": load.asked, "failed": load.failed, "unsent": load.unsent}

    def _down(self, scene: Scene) -> None:
        before = scene.found["before"]
        scene.found["down_s"] = self._await(scene, lambda now: now <= before, self._drill.down_s)

    def _await(self, scene: Scene, is_there: Callable[[int], bool], within_s: float) -> float | None:
        """Seconds until the number of replicas is there; None if it never is."""
        began = scene.timeline.now_s()

        def look() -> bool:
            now = self._replicas()
            if now != scene.found["replicas"][-1]:
                scene.found["replicas"].append(now)
                scene.timeline.note(f"{now} replicas")
            return is_there(now)

        return round(scene.timeline.now_s() - began, 2) if scene.wait_until(look, within_s) else None

    def _scaler(self) -> Object:
        found = self._api.read("HorizontalPodAutoscaler", self._drill.autoscaler)
        if found is None:
            raise EndpointFailedError(f"there is no autoscaler {self._drill.autoscaler}")
        return found

    def _replicas(self) -> int:
        return int(self._scaler()["status"].get("currentReplicas") or 0)


class Load:
    """Some requests at once, one after the other in each lane, inside the block."""

    def __init__(self, ask: Ask, concurrency: int) -> None:
        self._ask = ask
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(concurrency)]
        self.asked = 0
        self.failed = 0
        self.unsent = 0
        """Of those that failed: by our own fault."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            bad = unsent = False
            try:
                bad = bool(self._ask().error)
            except (InconclusiveError, StarvedError):
                bad = unsent = True
            except Exception:  # noqa: BLE001 (whatever happens to a request, it failed)
                bad = True
            with self._lock:
                self.asked, self.failed, self.unsent = self.asked + 1, self.failed + bad, self.unsent + unsent
