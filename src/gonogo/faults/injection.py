"""Switch a fault on against a target, and put everything back.

A fault's steps are objects; the key that a step has says by which means it is done: ``file``, ``commit``
(`gonogo.faults.files`), ``control``, ``toxic``, ``redis_config``, ``redis_pause``, ``redis_flush``, ``redis_full``
(`gonogo.faults.servers`), ``stop``, ``restart``, ``freeze``, ``command`` (`gonogo.faults.processes`), ``container``
(`gonogo.faults.containers`), ``scale``, ``object`` (`gonogo.faults.kubernetes`).
"""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gonogo.errors import EndpointFailedError, GonogoError, InconclusiveError
from gonogo.faults.actors import actor_of
from gonogo.faults.catalogue import Fault
from gonogo.faults.containers import ContainerMeans
from gonogo.faults.edits import drop_copy, expect_ours
from gonogo.faults.files import CommitMeans, FileMeans, FolderMeans, drop_orphans
from gonogo.faults.interface import ChangedMeanwhileError, Means, Step, Undoes
from gonogo.faults.journal import Entry, Journal
from gonogo.faults.kubernetes import ObjectMeans, RevisionMeans, ScaleMeans
from gonogo.faults.processes import CommandMeans, FreezeMeans, ServiceMeans
from gonogo.faults.servers import ControlMeans, RedisMeans, ToxicMeans
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http, open_client
from gonogo.redaction import Redactor
from gonogo.targets.endpoints import Endpoint
from gonogo.targets.model import Target
from gonogo.targets.secrets import Secret

READY_TIMEOUT_S = 120.0


class Injector:
    """Applies steps to one target; every change is in the journal first."""

    def __init__(self, target: Target, journal: Journal) -> None:
        self._target, self._journal = target, journal
        self._context = context = ProbeContext(lambda _: None, Redactor(secret.value for secret in target.secrets))
        self._files = FileMeans(target, journal.folder)
        self._redis = RedisMeans(target)
        self._revisions = RevisionMeans(target, context)
        means: tuple[Means, ...] = (
            self._files,
            CommitMeans(target),
            ControlMeans(target, context),
            ToxicMeans(target, context),
            self._redis,
            ContainerMeans(target, self._await_part),
            ScaleMeans(target, context, self._await_part),
            ObjectMeans(target, context),
            self._revisions,
            CommandMeans(target),
            FreezeMeans(target),
            ServiceMeans(target, self._await_health),
        )
        self._by_key = {key: one for one in means for key in one.keys}
        undoing: tuple[Undoes, ...] = (*means, FolderMeans())
        self._by_kind = {one.kind: one for one in undoing}

    def lacks(self, step: Step) -> str:
        """What a step needs and the target does not declare; empty if it can be done."""
        return self._means_for(step).lacks(step)

    @contextmanager
    def switched_on(self, fault: Fault) -> Iterator[None]:
        """The fault is on inside the block, and put back after it, however it ends."""
        with self.broken(*fault.steps):
            yield

    @contextmanager
    def broken(self, *steps: Step) -> Iterator[None]:
        """The steps are done inside the block, and put back after it, however it ends.

        Raises:
            GonogoError: the target does not declare what one of them needs.
            InconclusiveError: one could not be done.
            EndpointFailedError: one could not be put back.
        """
        entries: list[Entry] = []
        try:
            for step in steps:
                try:
                    entries.append(self.keep(step))
                    self.act(step, entries[-1])
                except EndpointFailedError as error:  # a tool of ours that fails is no finding
                    raise InconclusiveError(f"the fault could not be switched on: {error}") from error
            yield
        finally:
            self.undo_all(entries)

    def undo_unfinished(self, before: Callable[[Entry], None] = lambda _: None) -> list[str]:
        """Put back what dead runs left, the latest first; what was put back, for people.

        Args:
            before: is told each change before anything of its run is put back.
        """
        undone = []
        for journal in Journal.orphans(self._journal.folder):
            successor = Injector(self._target, journal)
            left = journal.unfinished()
            for entry in left:
                before(entry)
            successor.undo_all(left)
            undone += [f"{entry.kind}: {_told(entry)}" for entry in left]
            journal.close_if_empty()
        drop_orphans(self._journal.folder)
        return undone

    def undo_all(self, entries: Sequence[Entry]) -> None:
        """Put everything back, the latest change first but services last: they start with what was put back.

        One that cannot be put back does not keep the others from it, and is tried again after them: what it needed may
        have been down.

        Raises:
            EndpointFailedError: some could not be put back; they stay in the journal, and the message names them.
        """
        latest_first = list(reversed(entries))
        latest_first.sort(key=lambda entry: entry.kind == ServiceMeans.kind)
        failed = self._try_to_undo(latest_first)
        if 0 < len(failed) < len(entries):
            failed = self._try_to_undo([entry for entry, _ in failed])
        if failed:
            told = "; ".join(str(error) for _, error in failed)
            # what somebody else has changed must not be overwritten by hand either
            to_do = [entry for entry, error in failed if not isinstance(error, ChangedMeanwhileError)]
            commands = "".join(f"\n  by hand: {line}" for line in filter(None, map(_by_hand, to_do)))
            raise EndpointFailedError(
                f"not everything could be put back: {told}. The next run tries again, and no run goes on, as long as "
                f"{self._journal.path} is there: remove it once all is as it must be{commands}"
            ) from failed[0][1]

    def _try_to_undo(self, entries: Sequence[Entry]) -> list[tuple[Entry, Exception]]:
        """Put back what can be; what cannot, and why."""
        failed: list[tuple[Entry, Exception]] = []
        interrupted: BaseException | None = None
        for entry in entries:
            try:
                self.undo(entry)
            except Exception as error:  # noqa: BLE001 (whatever it is, the others come first)
                failed.append((entry, error))
            except BaseException as error:  # noqa: BLE001 (a second Ctrl-C: the others come first all the same)
                interrupted = error
        if interrupted is not None:
            raise interrupted
        return failed

    def undo(self, entry: Entry) -> None:
        """Put one change back.

        Raises:
            EndpointFailedError: it cannot be put back, or that cannot be verified.
        """
        self._by_kind[entry.kind].undo(entry.details)
        self.forget(entry)

    def forget(self, entry: Entry) -> None:
        """Close an entry whose change was put back, and verified."""
        self._journal.mark_undone(entry)
        drop_copy(entry)

    def keep_file(self, path: Path) -> Entry:
        """Copy a file aside and journal how to restore it."""
        return self._journal.write(FileMeans.kind, self._files.keep(path))

    def write_file(self, entry: Entry, content: bytes) -> None:
        """Write a file that is kept; its undo tells what was written here from what somebody else writes.

        Raises:
            ChangedMeanwhileError: somebody else has written it since it was kept.
        """
        path, texts = Path(entry.details["path"]), (entry.details["copy"], *entry.details.get("wrote", ()))
        expect_ours(path, [Path(text) for text in texts])
        self.expect(entry, self._files.aside(content))
        path.write_bytes(content)

    def expect(self, entry: Entry, written: str) -> None:
        """Journal what is about to be written where a change was kept: the undo puts back nothing else."""
        self._journal.note(entry, written)

    def keep_service(self, service: str, *, fresh: bool = True, actor: str = "") -> Entry:
        """Journal that a service must run afterwards; `fresh`: stopped first, so that it reads its files again."""
        return self._journal.write(ServiceMeans.kind, {"service": service, "fresh": fresh, "actor": actor})

    def keep(self, step: Step) -> Entry:
        """Journal what will undo a step, which `act` takes then.

        Raises:
            GonogoError: the target does not declare what it needs.
        """
        means = self._means_for(step)
        if missing := means.lacks(step):
            raise GonogoError(f"needs {missing}, which {self._target.file.name} does not declare")
        return self._journal.write(means.kind, means.prepare(step))

    def act(self, step: Step, entry: Entry) -> None:
        """Take a step that was kept."""
        self._means_for(step).apply(step, entry.details)

    def unfinished(self) -> list[Entry]:
        """Every change of this injector that is still to be put back, the oldest first."""
        return self._journal.unfinished()

    def new_folder(self, purpose: str) -> Path:
        """An empty folder for nobody else's eyes, which is gone with all that is in it once this is put back."""
        entry = self._journal.write(FolderMeans.kind, FolderMeans.prepare(purpose))
        path = Path(entry.details["folder"])
        path.mkdir(mode=0o700)
        return path

    def keep_workload(self, reference: str) -> Entry:
        """Journal what a workload of the cluster is (``deployment/NAME``), and what lies beside it."""
        return self._journal.write(RevisionMeans.kind, self._revisions.prepare({"workload": reference}))

    def _means_for(self, step: Step) -> Means:
        for key, means in self._by_key.items():
            if key in step:
                return means
        raise GonogoError(f"no means is known for the step {step}: {', '.join(self._by_key)}")

    def _await_part(self, name: str) -> None:
        """Wait until a part answers, where the target says how it does.

        Raises:
            EndpointFailedError: it does not in time.
        """
        pages = [_health_of(endpoint) for endpoint in self._target.endpoints() if endpoint.name == name]
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not (all(map(self._answers, pages)) and (name != "cache" or self._redis.answers())):
            if time.monotonic() > deadline:
                raise EndpointFailedError(f"{name} does not answer again after {READY_TIMEOUT_S:g} s")
            time.sleep(0.1)

    def _await_health(self, service: str, actor: str = "") -> None:
        """Wait until the service answers, if the target says where; otherwise until its supervisor calls it running."""
        target, drill = self._target, self._target.drills.config_rollback
        deadline = time.monotonic() + READY_TIMEOUT_S
        healths = [_health_of(endpoint) for endpoint in target.endpoints() if endpoint.service == service]
        if target.chatbot is not None and target.chatbot.service == service:
            healths.append((target.chatbot.url + target.chatbot.health_path, target.chatbot.key))
        if drill is not None and drill.service == service:
            healths = [(drill.health_url, None)]
        while not (all(map(self._answers, healths)) and self._runs(service, actor)):
            if time.monotonic() > deadline:
                raise EndpointFailedError(f"{service} is not back after {READY_TIMEOUT_S:g} s")
            time.sleep(0.2)

    def _runs(self, service: str, actor: str) -> bool:
        """Whether its supervisor calls it running and, if it is the cache, it answers."""
        declared = self._target.actor_named(actor)
        assert declared is not None
        is_cache = self._target.cache is not None and self._target.cache.service == service
        return actor_of(declared).state(service).running and (not is_cache or self._redis.answers())

    def _answers(self, page: tuple[str, Secret | None]) -> bool:
        url, key = page
        with open_client() as client:
            try:
                return 200 <= Http(client, url, key, self._context, 3).get("").status < 300
            except EndpointFailedError:
                return False


def _health_of(endpoint: Endpoint) -> tuple[str, Secret | None]:
    """Where it says that it is well, which may want its key: the model list does."""
    return endpoint.url + (endpoint.ready_path or endpoint.health_path), endpoint.key


def _by_hand(entry: Entry) -> str:
    """The command line by which a person puts a change back; empty where there is none."""
    details = entry.details
    kubectl = f"kubectl --context {details.get('context')} -n {details.get('namespace')}"
    what = str(details.get("object", "")).replace("/", " ", 1)
    commands: dict[str, Callable[[], str]] = {
        "workload": lambda: f"{kubectl} rollout undo {details['workload']} --to-revision={details['revision']}",
        "scale": lambda: f"{kubectl} scale {details['workload']} --replicas={details['replicas']}",
        "object": lambda: f"{kubectl} {'delete' if details['before'] is None else 'edit'} {what}",
        "file": lambda: f"cp {details['copy']} {details['path']}",
        "folder": lambda: f"rm -r {details['folder']}",
        "command": lambda: shlex.join(details["undo"]),
        "container": lambda: f"docker start {details['container']}",
        "service": lambda: f"start the service {details['service']}",
    }
    return commands[entry.kind]() if entry.kind in commands else ""


def _told(entry: Entry) -> str:
    """What was put back, for people: its name, without anything that may be a secret."""
    names = ("object", "path", "folder", "service", "container", "workload", "command", "branch", "url", "proxy")
    return str(next((entry.details[name] for name in names if entry.details.get(name)), entry.entry_id))
