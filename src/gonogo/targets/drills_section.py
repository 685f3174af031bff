"""The section ``drills`` of a target file."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from gonogo.documents import Path_
from gonogo.targets.agent import NEED_APPROVAL
from gonogo.targets.drills import (
    POD_OF,
    Autoscaling,
    BlueGreen,
    Canary,
    Change,
    ConfigRollback,
    Drills,
    Kill,
    Playbook,
    Released,
    Restore,
    Rollback,
    Rollout,
    Start,
    Watching,
)
from gonogo.targets.target_file import TargetFile

_Drill = TypeVar("_Drill")
_RELEASED = ("service", "release", "actor", "files", "versions", "health_url")


class DrillsSection:
    """Reads the section; what the schema cannot see is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def read(self, raw: dict[str, Any]) -> Drills:
        """The section."""
        watching = raw.get("watching", {})
        return Drills(
            watching=Watching(**{**watching, "golden": tuple(watching.get("golden", ()))}),
            due_days=float(raw.get("due_days", 31)),
            history=self._file.path(raw["history"]) if "history" in raw else None,
            rollbacks=self._each(raw, "rollbacks", lambda item: Rollback(**self._changed(item))),
            rollouts=self._each(raw, "rollouts", lambda item: Rollout(**self._changed(item))),
            canaries=self._each(raw, "canaries", _canary),
            blue_green=self._each(raw, "blue_green", _blue_green),
            kills=self._each(raw, "kills", lambda item: Kill(**item)),
            starts=self._each(raw, "starts", lambda item: Start(**item)),
            playbooks=self._each(
                raw, "playbooks", lambda item: Playbook(**{**item, "symptom": tuple(item["symptom"])})
            ),
            restores=self._each(raw, "restores", self._restore),
            autoscaling=self._each(raw, "autoscaling", lambda item: Autoscaling(**item)),
            config_rollback=self._config_rollback(raw["config_rollback"]) if "config_rollback" in raw else None,
        )

    def check(self, drills: Drills, target: Mapping[str, Any], actors: Collection[str]) -> None:
        """Whether everything that the drills name is declared.

        Args:
            drills: the section.
            target: the whole file.
            actors: the names of the actors.
        """
        has_cluster, commands = "cluster" in target, target.get("commands", {})
        self._check_watchers(drills, target)
        released = {"rollbacks": [d.of for d in drills.rollbacks], "rollouts": [d.of for d in drills.rollouts]}
        for kind, found in released.items():
            for i, of in enumerate(found):
                self._check_released(("drills", kind, i), of, has_cluster=has_cluster, actors=actors)
        self._check_changes(drills)
        named = [(("canaries", i, "command"), canary.command) for i, canary in enumerate(drills.canaries)]
        named += [
            (("playbooks", i, "action"), p.action["command"])
            for i, p in enumerate(drills.playbooks)
            if "command" in p.action
        ]
        for where, command in named:
            self._file.expect_known("command", command, commands, ("drills", *where))
        for i, playbook in enumerate(drills.playbooks):
            if "restart" in playbook.action:
                self._check_actor(("drills", "playbooks", i), "", actors)
        self._check_services(drills, has_cluster=has_cluster, actors=actors)

    def _check_changes(self, drills: Drills) -> None:
        """Whether what is to be changed can be changed there, and is seen."""
        changed = [(("rollbacks", i), drill.of, drill.change) for i, drill in enumerate(drills.rollbacks)]
        changed += [(("rollouts", i), drill.of, drill.change) for i, drill in enumerate(drills.rollouts)]
        for where, of, change in changed:
            if not of.is_workload and (change.image or change.environment):
                message = "only a workload of the cluster has an image and an environment: change files"
                self._file.problem(("drills", *where, "change"), message)
        for i, rollback in enumerate(drills.rollbacks):
            if rollback.of.is_workload and not (rollback.change.image or rollback.change.files):
                message = (
                    "a version that differs by its environment only cannot be told from the good one: change files"
                )
                self._file.problem(("drills", "rollbacks", i, "change"), message)

    def _check_watchers(self, drills: Drills, target: Mapping[str, Any]) -> None:
        """Who is asked while a drill runs, and who must fire an alert."""
        for i, kill in enumerate(drills.kills):
            if kill.alert and "prometheus" not in target.get("monitoring", {}):
                self._file.problem(("drills", "kills", i, "alert"), "fires in monitoring.prometheus: declare it")
        risky = set(target.get("agent", {}).get("actions", {})) & set(NEED_APPROVAL)
        for i, playbook in enumerate(drills.playbooks):
            if playbook.asks and not risky:
                self._file.problem(("drills", "playbooks", i, "asks"), "needs agent.actions of R2 or R3")

    def _check_services(self, drills: Drills, *, has_cluster: bool, actors: Collection[str]) -> None:
        for i, kill in enumerate(drills.kills):
            if kill.service.startswith(POD_OF):
                if not has_cluster:
                    self._file.problem(("drills", "kills", i, "service"), "needs a `cluster` section")
            else:
                self._check_actor(("drills", "kills", i), kill.actor, actors)
        for i, start in enumerate(drills.starts):
            self._check_actor(("drills", "starts", i), start.actor, actors)
        if drills.config_rollback is not None and not actors:
            message = "needs a `supervisor` or `actors` section that can restart the service"
            self._file.problem(("drills", "config_rollback"), message)
        cluster_drills = (("blue_green", drills.blue_green), ("autoscaling", drills.autoscaling))
        for section, declared in cluster_drills:
            if declared and not has_cluster:
                self._file.problem(("drills", section), "needs a `cluster` section")

    def _check_released(self, where: Path_, of: Released, *, has_cluster: bool, actors: Collection[str]) -> None:
        if of.is_workload and not has_cluster:
            self._file.problem((*where, "service"), f"{of.service} is a workload: needs a `cluster` section")
        elif not of.is_workload:
            self._check_actor(where, of.actor, actors)
            if not of.files:
                self._file.problem(where, f"{of.service} needs `files`: what a version of it consists of")

    def _check_actor(self, where: Path_, name: str, actors: Collection[str]) -> None:
        if not actors:
            self._file.problem((*where, "service"), "needs a `supervisor` or `actors` section that can restart it")
        elif name:
            self._file.expect_known("actor", name, actors, (*where, "actor"))

    def _each(self, raw: dict[str, Any], section: str, read: Callable[[dict[str, Any]], _Drill]) -> tuple[_Drill, ...]:
        names = [item["name"] for item in raw.get(section, ())]
        for i, name in enumerate(names):
            if name in names[:i]:
                self._file.problem(("drills", section, i, "name"), f"the name {name!r} is taken")
        return tuple(read(item) for item in raw.get(section, ()))

    def _changed(self, raw: dict[str, Any]) -> dict[str, Any]:
        """A drill on versions: what it is about, and the change."""
        of: dict[str, Any] = {key: raw[key] for key in _RELEASED if key in raw}
        of["files"] = {name: self._file.path(text) for name, text in raw.get("files", {}).items()}
        of["versions"] = self._file.path(raw["versions"]) if "versions" in raw else None
        rest = {key: value for key, value in raw.items() if key not in _RELEASED}
        return {**rest, "of": Released(**of), "change": Change(**raw["change"])}

    def _restore(self, raw: dict[str, Any]) -> Restore:
        paths: dict[str, Any] = {key: self._file.path(raw[key]) for key in ("archive", "live", "digests") if key in raw}
        return Restore(**{**raw, **paths, "check": tuple(raw.get("check", ()))})

    def _config_rollback(self, raw: dict[str, Any]) -> ConfigRollback:
        return ConfigRollback(
            service=raw["service"],
            file=self._file.path(raw["file"]),
            backup=self._file.path(raw["backup"]),
            health_url=raw["health_url"],
            max_seconds=float(raw.get("max_seconds", 600)),
        )


def _canary(raw: dict[str, Any]) -> Canary:
    return Canary(**{**raw, **({"percents": tuple(raw["percents"])} if "percents" in raw else {})})


def _blue_green(raw: dict[str, Any]) -> BlueGreen:
    return BlueGreen(**{**raw, "colours": tuple(raw["colours"])})
