"""Rows G1 to G3: versions of a service go bad, are noticed, and are rolled back; or are replaced without a loss."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gonogo.documents import load_document
from gonogo.drills.engine import Scene, Step
from gonogo.drills.releases import Releases, WayBack
from gonogo.errors import EndpointFailedError
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry
from gonogo.rules.registry import ModelRegistry, dishonest_states, no_way_back, not_one_production
from gonogo.targets.drills import Released, Rollback, Rollout

STARTED_WITHIN_S = 60.0
"""A service that has not answered its health page for so long after a restart is not only slow."""
BAD_VERSION = "gonogo-drill"
"""What the registry calls the version that the drill deploys."""


class RollbackDrill:
    """A bad version is deployed, noticed by a trigger, and rolled back to the last good one."""

    row = "G1"
    has_traffic = True

    def __init__(self, drill: Rollback, releases: Releases, registry: Path | None) -> None:
        """`registry` is the file that says which releases are good; None: none does."""
        self.name, self._drill, self._releases = drill.name, drill, releases
        self._registry = registry if drill.of.release else None
        self._kept_registry: Entry | None = None
        self._injector: Injector  # from `keep` on
        self._way: WayBack  # from the step that chooses it on
        self._bad: Any = None
        self._scene: Scene  # from `steps` on

    def state(self) -> dict[str, Any]:
        """The service's, and the registry's bytes."""
        text = self._registry.read_text(encoding="utf-8") if self._registry else ""
        return {**self._releases.state(), "registry": text}

    def keep(self, injector: Injector) -> None:
        """The service's template or files, and the registry's file."""
        self._injector = injector
        self._kept_registry = injector.keep_file(self._registry) if self._registry else None
        self._releases.keep(injector)

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Deploy, notice, choose, go back, be well, update the registry, and not undo twice."""
        self._scene, drill = scene, self._drill
        acting = right_of(drill.of)
        return (
            Step(f"deploy a bad version ({drill.change})", acting, self._deploy,
                 lambda: self._releases.rehearse(drill.change)),
            Step("wait until a trigger notices it", "read", self._notice),
            Step("choose the last good version by the registry", "read", self._choose, self._rehearse_choice),
            Step("roll back to it", acting, self._go_back),
            Step("wait until the answers are as before", "read", self._recover),
            Step("note in the registry what happened", "write the registry's file", self._note),
            Step("look where a second undo would lead", "read", self._second),
        )  # fmt: skip

    def _deploy(self) -> None:
        self._scene.mark("deployed")
        self._scene.timeline.note(self._releases.deploy(self._drill.change))

    def _notice(self) -> None:
        self._releases.await_start(STARTED_WITHIN_S)
        self._scene.mark("started")
        self._scene.await_trigger("started", self._releases.symptoms, self._scene.watching.notice_s, of="deployed")

    def _choose(self) -> None:
        self._bad, self._way = self._releases.current(), self._releases.way_back()
        self._scene.found["chosen"] = {
            "told": self._way.told,
            "version": self._way.version,
            "flaws": list(self._way.flaws),
        }
        if not self._way.told or self._way.flaws:
            raise EndpointFailedError(f"there is no way back: {'; '.join(self._way.flaws)}")

    def _rehearse_choice(self) -> str:
        way = self._releases.way_back()
        return f"today it would be {way.told or 'nowhere'}" + (f" ({'; '.join(way.flaws)})" if way.flaws else "")

    def _go_back(self) -> None:
        self._scene.timeline.note(self._releases.go_back(self._way))
        self._scene.mark("rolled back")

    def _recover(self) -> None:
        scene, deadline_s = self._scene, self._scene.marks["deployed"] + self._drill.max_seconds
        self._releases.settle(max(1.0, deadline_s - scene.timeline.now_s()))
        scene.mark("settled")
        scene.found["recovered"] = scene.await_well("settled", max(1.0, deadline_s - scene.timeline.now_s()))
        scene.found["recovery_s"] = scene.seconds_since("deployed")
        scene.found["rollback_s"] = scene.seconds_since("rolled back")

    def _note(self) -> None:
        if self._registry is None:
            return
        assert self._kept_registry is not None
        text = self._registry.read_text(encoding="utf-8")
        text = with_rollback(text, self._drill.of.release, self._way.version, self._drill.change.image)
        self._injector.write_file(self._kept_registry, text.encode())
        self._scene.found["registry"] = registry_flaws(self._registry, self._drill.of.release)

    def _second(self) -> None:
        second = self._releases.way_back()
        is_bad = bool(second.told) and second.what == self._bad
        told = {"told": second.told, "version": second.version, "flaws": list(second.flaws), "is_bad": is_bad,
                "is_known": self._bad is not None}  # fmt: skip
        self._scene.found["second_undo"] = told


class RolloutDrill:
    """The pods of a workload are replaced, forth and back; no request may be lost."""

    row = "G3"
    has_traffic = True

    def __init__(self, drill: Rollout, releases: Releases) -> None:
        self.name, self._drill, self._releases = drill.name, drill, releases
        self._injector: Injector  # from `keep` on

    def state(self) -> dict[str, Any]:
        """The service's."""
        return self._releases.state()

    def keep(self, injector: Injector) -> None:
        """The service's template or files."""
        self._injector = injector
        self._releases.keep(injector)

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Roll out a harmless change, and undo it."""
        acting = right_of(self._drill.of)

        def deploy() -> None:
            scene.mark("deployed")
            scene.timeline.note(self._releases.deploy(self._drill.change))
            self._releases.settle(self._drill.max_seconds)
            scene.found["rollout_s"] = scene.seconds_since("deployed")

        def undo() -> None:
            scene.mark("undone")
            self._injector.undo_all(self._injector.unfinished())
            scene.found["undo_s"] = scene.seconds_since("undone")

        return (
            Step(f"roll out a change ({self._drill.change})", acting, deploy,
                 lambda: self._releases.rehearse(self._drill.change)),
            Step("roll it back", acting, undo),
        )  # fmt: skip


def right_of(of: Released) -> str:
    """What one must be permitted to change a service's version."""
    if of.is_workload:
        return f"patch {of.service.partition('/')[0]}s.apps, create and delete configmaps, delete replicasets.apps"
    return f"write {', '.join(map(str, of.files.values()))}, restart {of.service}"


def with_rollback(registry: str, product: str, good: str, image: str) -> str:
    """A registry that says that a bad version was in production and was rolled back, and a good one is there again.

    Args:
        registry: its text, JSON; its other content stays as it is.
        product: the name among its ``releases``.
        good: the version that is in production again.
        image: what was deployed, if it was another image.

    Raises:
        EndpointFailedError: it does not know the product.
    """
    content = json.loads(registry)
    entry = next((item for item in content.get("releases", ()) if item["name"] == product), None)
    if entry is None:
        raise EndpointFailedError(f"the registry knows no release of {product}")
    today = datetime.now(UTC).date().isoformat()
    for version in entry["versions"]:
        if version["version"] == good:
            passed = ["previous", "production"] if version["status"] == "production" else ["production"]
        else:
            passed = ["previous"] if version["status"] == "production" else []
        version["status"] = [version["status"], *passed][-1]
        if "history" in version:
            version["history"] += [{"status": state, "date": today} for state in passed]
    states = ("candidate", "production", "rolled-back")
    history = [{"status": state, "date": today} for state in states]
    bad = {"version": BAD_VERSION, "status": "rolled-back", "image": image or "unchanged", "history": history}
    entry["versions"] = [*(v for v in entry["versions"] if v["version"] != BAD_VERSION), bad]
    return json.dumps(content, indent=2) + "\n"


def registry_flaws(registry: Path, product: str) -> list[str]:
    """What is wrong with a registry after a rollback: it must say so, and still be honest."""
    document = load_document(registry)
    known = ModelRegistry(document)
    problems = [*not_one_production(known), *dishonest_states(known), *no_way_back(known)]
    flaws = [str(problem) for problem in problems]
    entry = next((item for item in document.root["releases"] if item["name"].text() == product), None)
    states = {v["version"].text(): v["status"].text() for v in (entry["versions"] if entry is not None else ())}
    if states.get(BAD_VERSION) != "rolled-back":
        flaws.append(f"it does not say that the bad version of {product} was rolled back")
    return flaws
