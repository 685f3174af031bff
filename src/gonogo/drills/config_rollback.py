"""Row G6: a configuration that cannot be read is deployed, noticed, and rolled back from the backup."""

from collections.abc import Callable, Sequence
from typing import Any

from gonogo.drills.engine import Scene, Step
from gonogo.drills.releases import RestartedService
from gonogo.drills.rollback import STARTED_WITHIN_S
from gonogo.errors import EndpointFailedError
from gonogo.faults.actors import ServiceActor
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry
from gonogo.targets.binding import file_digest
from gonogo.targets.drills import ConfigRollback

_BAD_TAIL = b"\n]broken: [\n"
"""Not readable as YAML, JSON, TOML or INI."""


class ConfigRollbackDrill:
    """The file of a service is broken, and comes back from its backup, byte for byte."""

    row = "G6"
    has_traffic = True
    name = "config-rollback"

    def __init__(self, drill: ConfigRollback, actor: ServiceActor, unhealthy: Callable[[], str]) -> None:
        """`unhealthy` tells why the service's health page fails; empty if it does not.

        Raises:
            EndpointFailedError: there is no backup.
        """
        if not drill.backup.is_file():
            raise EndpointFailedError(
                f"there is no backup at {drill.backup}: nothing to roll back to, nothing was changed"
            )
        self._drill, self._actor = drill, actor
        self._restarted = RestartedService(actor, drill.service, unhealthy)
        self._original = ""
        self._injector: Injector  # from `keep` on
        self._file: Entry  # from `keep` on

    def state(self) -> dict[str, Any]:
        """The file's digest, and whether the service runs."""
        return {"file": file_digest(self._drill.file), "running": self._actor.state(self._drill.service).running}

    def keep(self, injector: Injector) -> None:
        """The file, and that the service runs with it."""
        self._original = file_digest(self._drill.file)
        self._injector = injector
        self._file = injector.keep_file(self._drill.file)
        injector.keep_service(self._drill.service)

    def steps(self, scene: Scene) -> Sequence[Step]:
        """Break, notice, restore, be well."""
        drill = self._drill
        rights = f"write {drill.file}, restart {drill.service}"

        def deploy() -> None:
            scene.mark("deployed")
            self._write(drill.file.read_bytes() + _BAD_TAIL)
            self._restarted.restart()

        def notice() -> None:
            self._restarted.await_start(STARTED_WITHIN_S)
            scene.mark("started")
            scene.await_trigger("started", self._restarted.symptoms, scene.watching.notice_s, of="deployed")

        def roll_back() -> None:
            self._write(drill.backup.read_bytes())
            scene.found["restored_exactly"] = file_digest(drill.file) == file_digest(drill.backup)
            self._restarted.restart()
            self._restarted.await_start(drill.max_seconds)
            scene.mark("rolled back")

        def recover() -> None:
            scene.found["recovered"] = scene.await_well("rolled back", drill.max_seconds)
            scene.found["recovery_s"] = scene.seconds_since("deployed")
            if scene.found["recovered"] and file_digest(drill.file) == self._original:
                # put back by the drill itself, and verified: no second restart
                for entry in self._injector.unfinished():
                    self._injector.forget(entry)

        return (
            Step(f"deploy a configuration that cannot be read, restart {drill.service}", rights, deploy),
            Step("wait until a trigger notices it", "read", notice),
            Step(f"restore {drill.backup}, restart {drill.service}", rights, roll_back),
            Step("wait until the answers are as before", "read", recover),
        )

    def _write(self, content: bytes) -> None:
        self._injector.write_file(self._file, content)
