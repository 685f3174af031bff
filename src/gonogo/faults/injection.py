"""Switch a fault on against a target, and put everything back.

A fault's steps, each an object with one of these keys:

* ``file``: edit a file that the target names: ``config.gateway`` or any other kind of its ``config`` section (the first
  file of that kind; ``config.manifests/web.yaml`` is a file in a folder), ``config.deployed``, ``registry``, ``scan``,
  ``metrics-page``, ``model`` (the production model's file), ``evaluation`` (its record), ``last-known-good`` (that
  version's file), ``backup``; see `gonogo.faults.edits` for how;
* ``commit``: a text that is committed to the target's repository, on a branch of its own;
* ``control``: switch a deviation on through the control API of a provider or service of that name, of ``gateway`` or
  of ``chatbot`` (``fault: name``, optional ``parameters``);
* ``redis_config: [parameter, value]``: change a setting of the target's cache while it runs;
* ``stop`` and ``restart``: a service of the target's actor.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from gonogo.errors import EndpointFailedError, GonogoError
from gonogo.faults.actors import ServiceActor, actor_of, restart
from gonogo.faults.catalogue import Fault
from gonogo.faults.commits import commit_on_branch, delete_branch, new_branch
from gonogo.faults.edits import drop_copy, edit, restore
from gonogo.faults.journal import Entry, Journal
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http, open_client
from gonogo.redaction import Redactor
from gonogo.targets.model import Target

READY_TIMEOUT_S = 120.0


class Injector:
    """Applies steps to one target; every change is in the journal first."""

    def __init__(self, target: Target, journal: Journal) -> None:
        self._target, self._journal = target, journal
        self._context = ProbeContext(lambda _: None, Redactor(secret.value for secret in target.secrets))

    @contextmanager
    def switched_on(self, fault: Fault) -> Iterator[None]:
        """The fault is on inside the block, and put back after it, however it ends."""
        entries: list[Entry] = []
        try:
            for step in fault.steps:
                entries.append(self._prepare(step))
                self._apply(step, entries[-1])
            yield
        finally:
            self.undo_all(entries)

    def undo_unfinished(self) -> list[str]:
        """Put back what dead runs left, the latest first; what was put back, for people."""
        undone = []
        for journal in Journal.orphans(self._journal.folder):
            successor = Injector(self._target, journal)
            left = journal.unfinished()
            successor.undo_all(left)
            undone += [f"{e.kind}: {e.details.get('path') or e.details.get('service') or e.details}" for e in left]
            journal.close_if_empty()
        return undone

    def undo_all(self, entries: Sequence[Entry]) -> None:
        """Put everything back, the latest change first but services last: they start with what was put back.

        One that cannot be put back does not keep the others from it.

        Raises:
            EndpointFailedError: some could not be put back; they stay in the journal, and the message names them.
        """
        latest_first = reversed(entries)
        failures = []
        for entry in sorted(latest_first, key=lambda entry: entry.kind == "service"):
            try:
                self.undo(entry)
            except Exception as error:  # noqa: BLE001 (whatever it is, the others come first)
                failures.append(error)
        if failures:
            told = "; ".join(str(failure) for failure in failures)
            raise EndpointFailedError(
                f"not everything could be put back: {told}. The journal in {self._journal.folder} has what is left"
            ) from failures[0]

    def undo(self, entry: Entry) -> None:
        """Put one change back.

        Raises:
            EndpointFailedError: it cannot be put back, or that cannot be verified.
        """
        match entry.kind:
            case "file":
                restore(Path(entry.details["path"]), Path(entry.details["copy"]))
            case "git":
                delete_branch(Path(entry.details["repository"]), entry.details["branch"])
            case "control":
                self._control("DELETE", entry.details["url"])
            case "redis":
                self._redis().config_set(entry.details["parameter"], entry.details["value"])
            case "service":
                self._bring_up(entry.details["service"], fresh=entry.details["fresh"])
        self._journal.mark_undone(entry)
        drop_copy(entry)

    def forget(self, entry: Entry) -> None:
        """Close an entry whose change was put back by other means, and verified there."""
        self._journal.mark_undone(entry)
        drop_copy(entry)

    def _prepare(self, step: dict[str, Any]) -> Entry:
        """Journal what undoes a step."""
        if "file" in step:
            return self.keep_file(self.path_of(step["file"]))
        if "commit" in step:
            return self._journal.write("git", {"repository": str(self._repository()), "branch": new_branch()})
        if "control" in step:
            return self._journal.write("control", {"url": self._control_url(step["control"], step["fault"])})
        if "redis_config" in step:
            parameter = step["redis_config"][0]
            before = self._redis().config_get(parameter)[parameter]
            return self._journal.write("redis", {"parameter": parameter, "value": before})
        self._actor()  # refuses before anything is journalled that could never be undone
        service = step.get("stop") or step["restart"]
        return self._journal.write("service", {"service": service, "fresh": "restart" in step})

    def keep_file(self, path: Path) -> Entry:
        """Copy a file aside and journal how to restore it."""
        copy = self._journal.folder / f"{uuid.uuid4().hex}.copy"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
        with copy.open("rb") as written:
            os.fsync(written.fileno())
        return self._journal.write("file", {"path": str(path), "copy": str(copy)})

    def keep_service(self, service: str, *, fresh: bool = True) -> Entry:
        """Journal that a service must run afterwards; `fresh`: stopped first, so that it reads its files again."""
        return self._journal.write("service", {"service": service, "fresh": fresh})

    def _apply(self, step: dict[str, Any], entry: Entry) -> None:
        if "file" in step:
            edit(self.path_of(step["file"]), step)
        elif "commit" in step:
            commit_on_branch(self._repository(), entry.details["branch"], step["commit"])
        elif "control" in step:
            self._control("PUT", self._control_url(step["control"], step["fault"]), step.get("parameters"))
        elif "redis_config" in step:
            self._redis().config_set(*step["redis_config"])
        elif "stop" in step:
            self._actor().stop(step["stop"])
        else:
            restart(self._actor(), step["restart"])
            self._await_health(step["restart"])

    def path_of(self, name: str) -> Path:
        """The file that a step's ``file`` names.

        Raises:
            GonogoError: the target does not declare it.
        """
        target = self._target
        first, _, rest = name.partition("/")
        paths: dict[str, Path | None] = {"registry": target.registry}
        if target.config is not None:
            paths |= {f"config.{file.kind}": file.path for file in reversed(target.config.files)}
            paths["config.deployed"] = target.config.deployed
            paths["metrics-page"] = next(iter(target.config.rules.metrics_pages), None)
        if target.artifacts is not None:
            paths["scan"] = next(iter(target.artifacts.scans), None)
        if target.config_rollback is not None:
            paths["backup"] = target.config_rollback.backup
        path = paths.get(first) or self._registered_file(first)
        if path is None:
            raise GonogoError(f"the fault needs {name}, which {target.file.name} does not declare")
        return path / rest if rest else path

    def _repository(self) -> Path:
        config = self._target.config
        if config is None or config.repository is None:
            raise GonogoError(f"the fault needs a repository, which {self._target.file.name} does not declare")
        return config.repository

    def _registered_file(self, name: str) -> Path | None:
        if self._target.registry is None:
            return None
        for model in json.loads(self._target.registry.read_text(encoding="utf-8"))["models"]:
            for version in model["versions"]:
                if name == "last-known-good" and version["version"] == model["last_known_good"]:
                    return self._target.registry.parent / str(version["file"])
                if name in ("model", "evaluation") and version["status"] == "production":
                    return self._target.registry.parent / str(version["file" if name == "model" else "evaluation"])
        return None

    def _control_url(self, name: str, fault: str) -> str:
        url = self._target.control_url(name)
        if url is None:
            raise GonogoError(
                f"the fault needs a control_url of {name}, which {self._target.file.name} does not declare"
            )
        return f"{url.rstrip('/')}/faults/{fault}"

    def _control(self, method: str, url: str, parameters: dict[str, Any] | None = None) -> None:
        with open_client() as client:
            body = json.dumps(parameters).encode() if parameters else None
            answer = Http(client, url, None, self._context, 10).send(method, "", body)
        if answer.status != 200:
            raise EndpointFailedError(f"{method} {url}: HTTP {answer.status} {answer.text[:200]}")

    def _redis(self) -> redis.Redis:
        cache = self._target.cache
        if cache is None:
            raise GonogoError(f"the fault needs a cache, which {self._target.file.name} does not declare")
        password = cache.password.value if cache.password else None
        return redis.Redis.from_url(cache.url, password=password, socket_timeout=10, decode_responses=True)

    def _actor(self) -> ServiceActor:
        if self._target.actor is None:
            raise GonogoError(
                f"the fault needs an actor (`supervisor`), which {self._target.file.name} does not declare"
            )
        return actor_of(self._target.actor)

    def _bring_up(self, service: str, *, fresh: bool) -> None:
        actor = self._actor()
        if fresh:
            actor.stop(service)
        actor.start(service)
        self._await_health(service)

    def _await_health(self, service: str) -> None:
        """Wait until the service answers, if the target says where; otherwise until its supervisor calls it running."""
        drill = self._target.config_rollback
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not (self.healthy() if drill and drill.service == service else self._actor().state(service).running):
            if time.monotonic() > deadline:
                raise EndpointFailedError(f"{service} is not back after {READY_TIMEOUT_S:g} s")
            time.sleep(0.2)

    def healthy(self) -> bool:
        """Whether the health URL of the configuration drill's service answers 200."""
        drill = self._target.config_rollback
        assert drill is not None
        with open_client() as client:
            try:
                return Http(client, drill.health_url, None, self._context, 3).get("").status == 200
            except EndpointFailedError:
                return False
