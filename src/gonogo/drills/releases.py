"""Versions of a service: deploy a bad one, find the last good one, go back to it. One class for each kind of place.

A workload of a cluster has revisions, which the registry calls good or not (`gonogo.rules.revisions`). A supervised
service has files that it reads when it starts, and a folder with those of each version.
"""

import copy
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gonogo.errors import InconclusiveError
from gonogo.faults.actors import ServiceActor, restart
from gonogo.faults.injection import Injector
from gonogo.faults.interface import ChangedMeanwhileError
from gonogo.faults.journal import Entry
from gonogo.faults.kubernetes import (
    DRILL_SUFFIX,
    kind_of,
    kubectl,
    read_pods,
    read_workload,
    rolled_out,
    set_template,
    template_digest,
)
from gonogo.probes.kubernetes import ApiDownError, ClusterApi, Object, as_part
from gonogo.rules.objects import name_of
from gonogo.rules.pods import containers_of, is_ready, rollout_of
from gonogo.rules.revisions import Release, Revision, last_good, last_good_release, not_there, revisions_of
from gonogo.rules.triggers import Symptoms
from gonogo.targets.binding import file_digest
from gonogo.targets.drills import Change, Released

_POLL_S = 0.1
_SCALED_WITHIN_S = 60.0


@dataclass(frozen=True)
class WayBack:
    """Where a rollback goes."""

    told: str
    """For people: ``revision 3 (1.1.0)``; empty if there is nowhere to go."""
    version: str
    flaws: tuple[str, ...]
    """Why one cannot go there, or why newer ones were passed over where there is nowhere to go."""
    what: Any = None
    """What `Releases.go_back` needs."""


Good = Callable[[], Sequence[Release]]
"""Reads which releases are good, as it is said at the moment."""


class Releases(Protocol):
    """The versions of one service."""

    def keep(self, injector: Injector) -> None:
        """Journal what the service is now; before that it is only looked at."""

    def deploy(self, change: Change) -> str:
        """Deploy a changed version; what was done, for people. Returns at once: it may never be ready."""

    def rehearse(self, change: Change) -> str:
        """What `deploy` would do, as far as that can be tried without doing it; a command for people."""

    def current(self) -> Any:  # noqa: ANN401
        """The version that runs, as `WayBack.what` tells versions."""

    def way_back(self) -> WayBack:
        """The last good version other than the one that runs."""

    def go_back(self, way: WayBack) -> str:
        """Go back to it; what was done, for people."""

    def await_start(self, within_s: float) -> None:
        """Wait until what was deployed has had its chance: a restart is no symptom yet."""

    def symptoms(self) -> Symptoms:
        """What its place tells of it since the latest `deploy`."""

    def settle(self, within_s: float) -> None:
        """Wait until the version that was asked for last runs, and no other.

        Raises:
            EndpointFailedError: it does not in time.
        """

    def state(self) -> dict[str, Any]:
        """What must be the same after a drill as before, as plain JSON."""


class WorkloadReleases:
    """A Deployment."""

    def __init__(self, api: ClusterApi, reference: str, releases: Good) -> None:
        self._api, self._reference, self._releases = api, reference, releases
        self._restarts_before = 0
        self._kept: tuple[Injector, Entry]  # from `keep` on

    def keep(self, injector: Injector) -> None:
        """Its pod template, its revisions, and the names of the config maps."""
        self._kept = injector, injector.keep_workload(self._reference)

    def deploy(self, change: Change) -> str:
        """Change its pod template; a change of files makes a config map of its own, beside the one that is mounted."""
        found = self._read()
        template, config_map = changed(found, change, self._config_map(found, change))
        if config_map is not None:
            self._api.send("POST", self._api.path("ConfigMap"), config_map)
        self._restarts_before = self._restarts()
        self._set(template)
        return f"{self._reference}: {change}"

    def rehearse(self, change: Change) -> str:
        """Let the API server try the change (a dry run on its side)."""
        found = self._read()
        template, config_map = changed(found, change, self._config_map(found, change))
        if config_map is not None:
            self._api.send("POST", self._api.path("ConfigMap"), config_map, query={"dryRun": "All"})
        set_template(self._api, self._reference, template, dry_run=True)
        return f"{kubectl(self._api.cluster)} patch {self._reference} (accepted by a dry run)"

    def current(self) -> str:
        """The newest revision's name."""
        return next((revision.name for revision in self._revisions()), "")

    def way_back(self) -> WayBack:
        """By the registry, and only to what has all that it needs: never blindly to the revision before."""
        revisions = self._revisions()
        choice = last_good(revisions, self._releases(), revisions[0].name if revisions else "")
        if choice.revision is None or choice.release is None:
            return WayBack("", "", choice.passed_over or ("the history holds no other revision",))
        config_maps = [name_of(as_part(item)) for item in self._api.list("ConfigMap")]
        secrets = [name for name in choice.revision.secrets if self._api.metadata("Secret", name) is not None]
        told = f"revision {choice.revision.number} ({choice.release.version})"
        flaws = not_there(choice, config_maps, secrets)
        return WayBack(told, choice.release.version, tuple(flaws), choice.revision.name)

    def go_back(self, way: WayBack) -> str:
        """Replace the whole template by the revision's: what was added since does not stay (helm/helm#13346)."""
        revision = next(revision for revision in self._revisions() if revision.name == way.what)
        self._set(dict(revision.template))
        return f"{self._reference} back to {way.told}"

    def await_start(self, within_s: float) -> None:
        """Its old pods answer until new ones are ready: nothing to wait for."""

    def symptoms(self) -> Symptoms:
        """Restarts of its containers, and a rollout past its progress deadline."""
        state = rollout_of(as_part(self._read()))
        return Symptoms(
            restarts=max(0, self._restarts() - self._restarts_before),
            stalled=f"the rollout is stalled: {state.told}" if state.stalled else "",
        )

    def settle(self, within_s: float) -> None:
        """Wait until the rollout is complete."""
        rolled_out(self._api, self._reference, within_s)

    def state(self) -> dict[str, Any]:
        """Template, replicas that are wanted, whether all are ready, the names of its revisions and config maps.

        How many there are is its autoscaler's affair, where it has one; while it adds one or takes one away, that is
        waited for.
        """
        is_scaled, deadline = self._is_scaled(), time.monotonic() + _SCALED_WITHIN_S
        while True:
            found = self._read()
            pods, wanted = read_pods(self._api, found), found["spec"].get("replicas")
            ready = len(pods) == wanted and all(map(is_ready, pods))
            if ready or not is_scaled or time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        return {
            "template": found["spec"]["template"],
            "replicas": "as many as its autoscaler wants" if is_scaled else wanted,
            "ready": ready,
            "revisions": sorted(revision.name for revision in self._revisions()),
            "config_maps": self._config_maps(found),
        }

    def _is_scaled(self) -> bool:
        """Whether an autoscaler decides how many there are; not, as far as we know, where we may not look."""
        try:
            scalers = self._api.list("HorizontalPodAutoscaler")
        except ApiDownError:
            raise
        except InconclusiveError:
            return False
        scaled = [scaler.at("spec", "scaleTargetRef") for scaler in map(as_part, scalers)]
        return kind_of(self._reference) in {(of["kind"].text(), of["name"].text()) for of in scaled}

    def _set(self, template: Object) -> None:
        """Write a pod template; what the API server will make of it is journalled first."""
        injector, entry = self._kept
        now = self._read()["spec"]["template"]
        known = {template_digest(entry.details["template"]), *entry.details.get("wrote", ())}
        if template_digest(now) not in known:
            raise ChangedMeanwhileError(f"the pod template of {self._reference}")
        stored = set_template(self._api, self._reference, template, dry_run=True)
        injector.expect(entry, template_digest(stored))
        set_template(self._api, self._reference, template, instead_of=now)

    def _read(self) -> Object:
        return read_workload(self._api, self._reference)

    def _revisions(self) -> list[Revision]:
        return revisions_of(as_part(self._read()), [as_part(item) for item in self._api.list("ReplicaSet")])

    def _restarts(self) -> int:
        pods = read_pods(self._api, self._read())
        return sum(int(c["restartCount"].number() or 0) for pod in pods for c in containers_of(pod))

    def _config_maps(self, found: Object) -> list[str]:
        """Its own, and what a drill may have left: others' come and go (leader elections, certificates)."""
        names = [name_of(as_part(item)) for item in self._api.list("ConfigMap")]
        return sorted(name for name in names if name in mounted_config_maps(found) or name.endswith(DRILL_SUFFIX))

    def _config_map(self, found: Object, change: Change) -> Object | None:
        """The config map that the change's files are in."""
        if not change.files:
            return None
        names = mounted_config_maps(found)
        for name in names:
            config_map = self._api.read("ConfigMap", name)
            if config_map is not None and set(change.files) <= set(config_map.get("data", {})):
                return config_map
        raise InconclusiveError(
            f"none of {self._reference}'s config maps ({', '.join(names)}) has {', '.join(change.files)}"
        )


def mounted_config_maps(workload: Object) -> list[str]:
    """The config maps that a workload's pods mount as volumes."""
    volumes = workload["spec"]["template"]["spec"].get("volumes", ())
    return [volume["configMap"]["name"] for volume in volumes if "configMap" in volume]


def changed(workload: Object, change: Change, mounted: Object | None) -> tuple[Object, Object | None]:
    """A workload's pod template with a change, and the config map that it needs, if it changes files.

    Args:
        workload: as the API server tells it; it is not changed.
        change: what to change in its main container: the one of its name, else the first.
        mounted: the config map that has the files which the change is about.
    """
    template = copy.deepcopy(workload["spec"]["template"])
    containers, name = template["spec"]["containers"], workload["metadata"]["name"]
    main = next((container for container in containers if container["name"] == name), containers[0])
    if change.image:
        main["image"] = change.image
    kept = [item for item in main.get("env", ()) if item["name"] not in change.environment]
    if change.environment:
        main["env"] = [*kept, *({"name": key, "value": value} for key, value in change.environment.items())]
    if not change.files or mounted is None:
        return template, None
    bad = f"{mounted['metadata']['name']}{DRILL_SUFFIX}"
    for volume in template["spec"].get("volumes", ()):
        if volume.get("configMap", {}).get("name") == mounted["metadata"]["name"]:
            volume["configMap"]["name"] = bad
    data = {**mounted.get("data", {}), **change.files}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": bad}, "data": data}
    return template, config_map


class RestartedService:
    """A supervised service after it was restarted by us."""

    def __init__(self, actor: ServiceActor, service: str, unhealthy: Callable[[], str]) -> None:
        """`unhealthy` tells why the service's health page fails; empty if it does not, or none is declared."""
        self._actor, self._service, self._unhealthy = actor, service, unhealthy
        self._pid = 0

    def restart(self) -> None:
        """Restart it, and know it again."""
        restart(self._actor, self._service)
        self._pid = self._actor.state(self._service).pid

    def await_start(self, within_s: float) -> None:
        """Wait until it is healthy for the first time, or surely will not be."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            told = self.symptoms()
            if told == Symptoms() or told.restarts or not self._actor.state(self._service).running:
                return
            time.sleep(_POLL_S)

    def symptoms(self) -> Symptoms:
        """Whether its supervisor calls it running, whether it was restarted by others, and its health page."""
        state = self._actor.state(self._service)
        if not state.running:
            return Symptoms(unhealthy=f"{self._service} does not run")
        if self._pid and state.pid != self._pid:
            return Symptoms(restarts=1)
        return Symptoms(unhealthy=self._unhealthy())


class FileReleases:
    """A supervised service, and the files that it reads when it starts."""

    def __init__(self, of: Released, actor: ServiceActor, releases: Good, unhealthy: Callable[[], str]) -> None:
        """`unhealthy` tells why the service's health page fails; empty if it does not."""
        self._of, self._actor, self._releases = of, actor, releases
        self._restarted = RestartedService(actor, of.service, unhealthy)
        self._injector: Injector  # from `keep` on
        self._files: dict[str, Entry] = {}

    def keep(self, injector: Injector) -> None:
        """Its files, and that it runs with them."""
        self._injector = injector
        self._files = {name: injector.keep_file(path) for name, path in self._of.files.items()}
        injector.keep_service(self._of.service, actor=self._of.actor)

    def deploy(self, change: Change) -> str:
        """Write the changed files, and restart the service."""
        for name, text in change.files.items():
            self._write(name, text.encode())
        self._restarted.restart()
        return f"{self._of.service}: {change}"

    def rehearse(self, change: Change) -> str:
        """Whether the files can be written."""
        for name in change.files:
            if not os.access(self._live(name), os.W_OK):
                raise InconclusiveError(f"{self._live(name)} cannot be written")
        return f"write {', '.join(str(self._live(name)) for name in change.files)} and restart {self._of.service}"

    def current(self) -> None:
        """Files do not tell of which version they are."""

    def way_back(self) -> WayBack:
        """The version that the registry calls in production, else the newest that was, with all of its files."""
        if self._of.versions is None:
            return WayBack("", "", ("the drill names no folder of versions",))
        good = last_good_release(self._releases())
        if good is None:
            return WayBack("", "", (f"the registry knows no good release of {self._of.release}",))
        folder = self._of.versions / good.version
        flaws = [f"{folder / name} is not there" for name in self._of.files if not (folder / name).is_file()]
        return WayBack(f"version {good.version}", good.version, tuple(flaws), folder)

    def go_back(self, way: WayBack) -> str:
        """Copy the version's files, and restart the service."""
        folder: Path = way.what
        for name in self._of.files:
            self._write(name, (folder / name).read_bytes())
        self._restarted.restart()
        return f"{self._of.service} back to {way.told}"

    def await_start(self, within_s: float) -> None:
        """Wait until it is healthy for the first time, or surely will not be."""
        self._restarted.await_start(within_s)

    def symptoms(self) -> Symptoms:
        """Whether its supervisor calls it running, whether it was restarted by others, and its health page."""
        return self._restarted.symptoms()

    def settle(self, within_s: float) -> None:
        """Its traffic tells when it is well: a supervisor knows only that it runs."""

    def state(self) -> dict[str, Any]:
        """The digests of its files, and whether it runs."""
        digests = {name: file_digest(path) for name, path in self._of.files.items() if path.is_file()}
        return {"files": digests, "running": self._actor.state(self._of.service).running}

    def _write(self, name: str, content: bytes) -> None:
        self._live(name)
        self._injector.write_file(self._files[name], content)

    def _live(self, name: str) -> Path:
        if name not in self._of.files:
            raise InconclusiveError(f"{self._of.service} has no file {name}: it has {', '.join(self._of.files)}")
        return self._of.files[name]
