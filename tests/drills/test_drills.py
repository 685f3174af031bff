"""The engine and the drills without a cluster, on parts in memory."""

import errno
import json
import os
import shutil
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.drills.autoscale import AutoscaleDrill, Load
from gonogo.drills.config_rollback import ConfigRollbackDrill
from gonogo.drills.engine import DrillReport, Scene, Step, perform
from gonogo.drills.history import DrillHistory
from gonogo.drills.incidents import follow_alert, quiet_first
from gonogo.drills.restore import RestoreDrill
from gonogo.drills.rollback import registry_flaws, with_rollback
from gonogo.drills.shifts import CanaryDrill
from gonogo.drills.timeline import Timeline, Traffic
from gonogo.errors import EndpointFailedError, InconclusiveError, StarvedError
from gonogo.faults.actors import ServiceState
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry, Journal
from gonogo.fixtures.drills import DrillRunner
from gonogo.plugin.gate import Gate
from gonogo.probes.context import ProbeContext
from gonogo.probes.kubernetes import ClusterApi
from gonogo.redaction import Redactor
from gonogo.rules.triggers import Sample, Steady, Symptoms
from gonogo.targets.chatbot import NoCache
from gonogo.targets.drills import Autoscaling, Canary, ConfigRollback, Kill, Restore, Watching
from gonogo.targets.loader import load_target
from gonogo.targets.model import Target
from tests.hostile import serving

TEXT = """\
name: t
environment: development
supervisor: {url: "http://127.0.0.1:9"}
drills: {config_rollback: {service: s, file: live.json, backup: backup.json, health_url: "http://127.0.0.1:9"}}
"""
QUICK = Watching(interval_s=0.005, notice_s=1.0, steady_s=1.0)


class Service:
    """A service that reads its configuration when it starts; broken ones end at once."""

    def __init__(self, file: Path, *, tolerant: bool = False) -> None:
        self._file, self._tolerant = file, tolerant
        self._pid, self.running = 1, True

    def state(self, service: str) -> ServiceState:
        assert service == "s"
        return ServiceState(self.running, self._pid if self.running else 0)

    def own_pid(self) -> int:
        return 0

    def stop(self, service: str) -> None:
        assert service == "s"
        self.running = False

    def start(self, service: str) -> None:
        assert service == "s"
        self._pid += 1
        try:
            json.loads(self._file.read_text(encoding="utf-8"))
            self.running = True
        except ValueError:
            self.running = self._tolerant

    def kill(self, service: str) -> None:
        self.stop(service)

    def logs(self, service: str) -> str:
        return service

    def ask(self) -> Sample:
        return Sample(0.0, 1.0, "" if self.running else "refused")


class MemoryInjector(Injector):
    """Restarts reach the service in memory."""

    def __init__(self, target: Target, journal: Journal, service: Service) -> None:
        super().__init__(target, journal)
        self._service = service

    def undo(self, entry: Entry) -> None:
        if entry.kind != "service":
            super().undo(entry)
            return
        assert entry.details["fresh"]
        self._service.start(entry.details["service"])
        self.forget(entry)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    for name in ("live.json", "backup.json"):
        (tmp_path / name).write_text('{"good": true}', encoding="utf-8")
    (tmp_path / "t.yaml").write_text(TEXT, encoding="utf-8")
    return load_target(tmp_path / "t.yaml", date(2026, 1, 1))


def drill_of(target: Target) -> ConfigRollback:
    assert target.drills.config_rollback is not None
    return target.drills.config_rollback


def run(target: Target, service: Service, journal: Journal, max_seconds: float = 5.0) -> DrillReport:
    drill = ConfigRollbackDrill(replace(drill_of(target), max_seconds=max_seconds), service, str)
    return perform(drill, service.ask, QUICK, MemoryInjector(target, journal, service), Timeline())


def test_noticed_and_rolled_back(target: Target, tmp_path: Path) -> None:
    service, journal = Service(tmp_path / "live.json"), Journal(tmp_path / "j")
    report = run(target, service, journal)
    assert (report.noticed_by, report.recovered, report.found["restored_exactly"]) == ("health", True, True)
    assert (report.clean_up, report.differences, report.failed_step) == ("", [], "")
    assert report.requests == len(report.samples) > 0
    assert journal.unfinished() == []
    assert service.running


def test_a_bad_configuration_that_nobody_notices(target: Target, tmp_path: Path) -> None:
    service = Service(tmp_path / "live.json", tolerant=True)
    assert run(target, service, Journal(tmp_path / "j")).noticed_by == ""


def test_a_broken_backup_is_reported_and_the_original_comes_back(target: Target, tmp_path: Path) -> None:
    (tmp_path / "backup.json").write_text("{broken", encoding="utf-8")
    service, journal = Service(tmp_path / "live.json"), Journal(tmp_path / "j")
    report = run(target, service, journal, max_seconds=0.3)
    assert not report.recovered
    assert (tmp_path / "live.json").read_text(encoding="utf-8") == '{"good": true}'
    assert service.running
    assert journal.unfinished() == []


def test_without_a_backup_nothing_is_changed(target: Target, tmp_path: Path) -> None:
    (tmp_path / "backup.json").unlink()
    with pytest.raises(EndpointFailedError, match="no backup"):
        ConfigRollbackDrill(drill_of(target), Service(tmp_path / "live.json"), str)


def test_without_a_steady_state_nothing_is_changed(target: Target, tmp_path: Path) -> None:
    service, journal = Service(tmp_path / "live.json"), Journal(tmp_path / "j")
    service.running = False
    with pytest.raises(InconclusiveError, match="no steady state within 1 s, nothing was changed: refused"):
        run(target, service, journal)
    assert not journal.folder.exists()


class Drawn:
    """A drill of which a test says what it does."""

    name, row, has_traffic = "drawn", "G1", False

    def __init__(self, kept: Path, act: Callable[[], None], states: Sequence[dict[str, Any]] = ({}, {})) -> None:
        self._kept, self._act, self._states = kept, act, list(states)

    def state(self) -> dict[str, Any]:
        if not self._states:
            raise EndpointFailedError("gone")
        return self._states.pop(0)

    def keep(self, injector: Injector) -> None:
        entry = injector.keep_file(self._kept)
        self.write = partial(injector.write_file, entry)

    def steps(self, scene: Scene) -> Sequence[Step]:
        return (Step("do it", "nothing", self._act), Step("go on", "nothing", lambda: scene.mark("went on")))


def drawn(target: Target, tmp_path: Path, drill: Drawn, injector: Injector | None = None) -> DrillReport:
    injector, timeline = injector or Injector(target, Journal(tmp_path / "j")), Timeline(tmp_path / "timeline.jsonl")
    try:
        return perform(drill, lambda: Sample(0.0, 1.0), QUICK, injector, timeline)
    finally:
        timeline.close()


def test_a_step_that_fails_ends_the_drill_and_everything_is_put_back(target: Target, tmp_path: Path) -> None:
    def act() -> None:
        drill.write(b"changed")
        raise EndpointFailedError("it broke")

    drill = Drawn(tmp_path / "backup.json", act)
    report = drawn(target, tmp_path, drill)
    assert report.failed_step == "do it: it broke"
    assert (tmp_path / "backup.json").read_text(encoding="utf-8") == '{"good": true}'
    assert "go on" not in [event["what"] for event in report.timeline]
    lines = (tmp_path / "timeline.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == report.timeline


def test_an_interrupted_drill_is_put_back_too(target: Target, tmp_path: Path) -> None:
    def act() -> None:
        drill.write(b"changed")
        raise KeyboardInterrupt

    drill = Drawn(tmp_path / "backup.json", act)
    with pytest.raises(KeyboardInterrupt):
        drawn(target, tmp_path, drill)
    assert (tmp_path / "backup.json").read_text(encoding="utf-8") == '{"good": true}'


def test_a_drill_that_must_end_takes_no_further_step(target: Target, tmp_path: Path) -> None:
    def act() -> None:
        drill.write(b"changed")
        lost.append("to another run")

    def may_go_on() -> None:
        if lost:
            raise InconclusiveError("the Lease was lost")

    lost: list[str] = []
    drill = Drawn(tmp_path / "backup.json", act)
    journal = Journal(tmp_path / "j")
    report = perform(drill, lambda: Sample(0.0, 1.0), QUICK, Injector(target, journal), Timeline(), may_go_on)
    assert (report.failed_step, report.failed_as) == ("go on: the Lease was lost", "inconclusive")
    assert (tmp_path / "backup.json").read_text(encoding="utf-8") == '{"good": true}'
    assert journal.unfinished() == []


def test_a_clean_up_is_told_even_if_the_state_cannot_be_seen_afterwards(target: Target, tmp_path: Path) -> None:
    def act() -> None:
        drill.write(b"changed")
        (tmp_path / "backup.json").write_text("a hotfix", encoding="utf-8")

    drill = Drawn(tmp_path / "backup.json", act, [{}])  # the second look raises
    journal = Journal(tmp_path / "j")
    report = drawn(target, tmp_path, drill, Injector(target, journal))
    assert "changed by somebody else meanwhile" in report.clean_up
    assert "by hand" not in report.clean_up
    assert "cannot be seen: gone" in report.unseen
    (tmp_path / "backup.json").write_text("changed", encoding="utf-8")
    Injector(target, journal).undo_all(journal.unfinished())


def test_requests_that_hang_are_noticed_before_they_end() -> None:
    hanging, release = threading.Event(), threading.Event()

    def ask() -> Sample:
        if hanging.is_set():
            release.wait(10)
        return Sample(0.0, 1.0)

    timeline = Timeline()
    with Traffic(ask, timeline, interval_s=0.005) as traffic:
        scene = Scene(timeline, traffic, QUICK, Steady(1.0))
        hanging.set()
        scene.mark("hangs")
        scene.await_trigger("hangs", Symptoms, 5)
        assert not scene.await_well("hangs", 0.1)
        assert scene.since("hangs") == []
        release.set()
        hanging.clear()
        scene.mark("answers")
        assert scene.await_well("answers", 5)
    assert scene.found["noticed_by"] == "latency"


def test_a_clean_up_that_fails_is_told_with_the_command(target: Target, tmp_path: Path) -> None:
    def act() -> None:
        (copy,) = (tmp_path / "j").glob("*.copy")
        copy.rename(tmp_path / "lost")

    injector = Injector(target, Journal(tmp_path / "j"))
    report = drawn(target, tmp_path, Drawn(tmp_path / "backup.json", act), injector)
    assert "by hand: cp " in report.clean_up
    assert str(tmp_path / "backup.json") in report.clean_up
    (entry,) = injector.unfinished()
    shutil.copyfile(tmp_path / "lost", entry.details["copy"])
    injector.undo_all([entry])


def test_another_state_afterwards_is_told(target: Target, tmp_path: Path) -> None:
    report = drawn(
        target,
        tmp_path,
        Drawn(tmp_path / "backup.json", lambda: None, ({"replicas": 2, "a": {"b": 1}}, {"replicas": 1, "a": {"b": 1}})),
    )
    assert report.differences == ["replicas: 2 before, 1 now"]


def test_traffic_counts_an_exception_as_a_lost_request_and_does_not_wait_for_slow_ones() -> None:
    turns = iter(range(1000))

    def ask() -> Sample:
        turn = next(turns)
        if turn == 0:
            release.wait(5)
        if turn % 2:
            raise OSError("gone")
        return Sample(0.0, 1.0)

    release = threading.Event()
    timeline = Timeline()
    with Traffic(ask, timeline, interval_s=0.005) as traffic:
        while len(traffic.samples) < 10:
            assert timeline.now_s() < 5
        release.set()
    assert any(sample.error == "OSError: gone" for sample in traffic.samples)
    assert traffic.samples[0].at_s < 0.1


@pytest.mark.parametrize(("starved", "is_broken"), [(1, False), (3, True)])
def test_what_had_no_processor_is_not_known(starved: int, is_broken: bool) -> None:
    outcomes: list[Exception | None] = [StarvedError("no processor")] * starved + [EndpointFailedError("refused")]
    coming, over = iter([*outcomes, *[None] * 17]), threading.Event()

    def ask() -> Sample:
        error = next(coming, over)
        if isinstance(error, Exception):
            raise error
        if error is over:
            over.wait(5)
        return Sample(0.0, 1.0)

    with Traffic(ask, Timeline(), interval_s=0.001) as traffic:
        deadline = time.monotonic() + 5
        while len(traffic.samples) < 18 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert [sample.error for sample in traffic.samples if sample.error] == ["refused"]
        assert traffic.broken == ("no processor" if is_broken else "")
        over.set()


def test_load_that_could_not_be_sent_is_told_apart() -> None:
    errors, over = iter([InconclusiveError("x"), EndpointFailedError("y"), StarvedError("z")]), threading.Event()

    def ask() -> Sample:
        if error := next(errors, None):
            raise error
        over.set()
        return Sample(0.0, 1.0)

    with Load(ask, 1) as load:
        assert over.wait(5)
    assert (load.failed, load.unsent) == (3, 2)


class Slice:
    """Stands for the injector: the slice is given and taken back, and nothing has to be undone by others."""

    given = 0
    is_given = False

    def keep(self, _: object) -> Any:
        return object()

    def act(self, *_: object) -> None:
        self.given += 1
        self.is_given = True

    def undo(self, _: object) -> None:
        self.is_given = False

    def unfinished(self) -> list[Entry]:
        return []

    def undo_all(self, _: object) -> None:
        self.is_given = False


@pytest.mark.parametrize(
    ("suffers", "aborted_at", "old_too", "given"),
    [
        (lambda _: False, None, False, 2),
        (lambda slice_: slice_.is_given and slice_.given == 1, None, False, 3),
        (lambda slice_: slice_.is_given, 10.0, False, 2),
        (lambda slice_: slice_.given > 0, 10.0, True, 1),
    ],
    ids=["well", "stalled once", "the new version harms the old one", "for good"],
)
def test_a_canary_is_tried_again_where_the_old_version_suffers_too(
    suffers: Callable[[Slice], bool], aborted_at: float | None, old_too: bool, given: int
) -> None:
    slice_, turns = Slice(), iter(range(100_000))

    def ask() -> Sample:
        is_new = slice_.is_given and next(turns) % 2 == 0
        return Sample(0.0, 900.0 if suffers(slice_) else 100.0, version="2" if is_new else "1")

    drill = CanaryDrill(Canary("c", "slice", percents=(10.0, 100.0), requests=40))
    watching = Watching(interval_s=0.002, steady_s=1.0)
    found = perform(drill, ask, watching, cast("Injector", slice_), Timeline()).found
    assert (found["aborted_at"], bool(found["old_too"]), slice_.given) == (aborted_at, old_too, given)
    assert len(found["slices"]) == (2 if aborted_at is None else 1)


def test_a_restore_is_compared_and_tried(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rules.json").write_text("{}", encoding="utf-8")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "data", "data")
    (tmp_path / "sums").write_text(f"{'0' * 64}  data/rules.json\n{'0' * 64}  data/gone.json\n", encoding="utf-8")

    def found(**fields: Any) -> DrillReport:
        drill = RestoreDrill(Restore("r", tmp_path / "b.tar.gz", **fields))
        return perform(
            drill, lambda: Sample(0.0, 1.0), QUICK, Injector(target_of(tmp_path), Journal(tmp_path / "j")), Timeline()
        )

    whole = found(check=("test", "-f", "{folder}/data/rules.json")).found
    assert (whole["files"], whole["differing"], whole["check"], whole["data_loss_s"]) == (1, [], "", None)
    assert found(digests=tmp_path / "sums").found["differing"] == [
        "data/rules.json differs",
        "data/gone.json is missing",
    ]
    assert found(check=("false",)).found["check"].startswith("false ended with 1")
    assert "cannot be run" in found(check=("no-such-program",)).failed_step
    (tmp_path / "b.tar.gz").write_bytes(b"no archive")
    assert "cannot be unpacked" in found().failed_step


def test_where_there_is_no_room_for_a_restore_the_backup_is_not_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "b.tar").write_bytes(b"")
    monkeypatch.setattr(shutil, "unpack_archive", is_full)
    drill = RestoreDrill(Restore("r", tmp_path / "b.tar"))
    report = perform(
        drill, lambda: Sample(0.0, 1.0), QUICK, Injector(target_of(tmp_path), Journal(tmp_path / "j")), Timeline()
    )
    assert (report.failed_as, "cannot be unpacked here" in report.failed_step) == ("inconclusive", True)


def test_what_a_chatbot_refuses_for_too_many_requests_is_not_lost() -> None:
    """The rate is the drill's own: such a request is neither lost nor a symptom."""
    refusal = b"HTTP/1.1 429 Slow down\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    asked = []

    def refuse(connection: socket.socket) -> None:
        asked.append(1)
        connection.sendall(refusal)

    with serving(refuse) as port:
        chatbot = SimpleNamespace(
            url=f"http://127.0.0.1:{port}", message_path="/m", message_field="m", session_field="s", key=None,
            timeout_s=5.0, completions=None, no_cache=NoCache(), headers={}, fields=SimpleNamespace(),
            system_prompt="", canaries=(),
        )  # fmt: skip
        target = SimpleNamespace(chatbot=chatbot, drills=SimpleNamespace(watching=Watching()))
        context = ProbeContext(lambda _: None, Redactor())
        gate = SimpleNamespace(target=target, shared_context=context)
        with closing(DrillRunner(cast("Gate", gate), context, print)) as runner:
            with pytest.raises(InconclusiveError, match="the chatbot answers 429"):
                runner.ask()
            assert len(asked) == 3
            with Traffic(runner.ask, Timeline(), 0.01) as traffic:
                time.sleep(0.3)
    assert (traffic.samples, "answers 429" in traffic.broken) == ([], True)


class Scaler:
    """An autoscaler that was driven up by an earlier load, and is driven up by the one of the drill."""

    def __init__(self, *replicas: int) -> None:
        self._replicas = iter(replicas)
        self._last = 0

    def read(self, _: str, __: str) -> dict[str, Any]:
        self._last = next(self._replicas, self._last)
        return {"spec": {"minReplicas": 1, "maxReplicas": 3}, "status": {"currentReplicas": self._last}}


@pytest.mark.parametrize(
    ("replicas", "failed_step", "seen"),
    [
        ((1, 1, 1, 1, 2, 1), "", [1, 2, 1]),
        ((3, 3, 3, 3, 2, 2, 3, 2), "", [3, 2, 3, 2]),
        ((3,), "there are 3 replicas already, as many as a may have", [3]),
    ],
    ids=["rested", "driven up", "stays up"],
)
def test_an_autoscaler_is_loaded_once_it_can_add_a_replica(
    replicas: tuple[int, ...], failed_step: str, seen: list[int], tmp_path: Path
) -> None:
    declared = Autoscaling("x", "a", concurrency=1, up_s=5.0, down_s=5.0 if not failed_step else 0.1)
    drill = AutoscaleDrill(declared, cast("ClusterApi", Scaler(*replicas)), lambda: Sample(0.0, 1.0))
    injector = Injector(target_of(tmp_path), Journal(tmp_path / "j"))
    report = perform(drill, lambda: Sample(0.0, 1.0), QUICK, injector, Timeline())
    assert (failed_step in report.failed_step, report.failed_as) == (True, "inconclusive" if failed_step else "")
    assert report.found["replicas"] == seen


def target_of(tmp_path: Path) -> Target:
    (tmp_path / "t.yaml").write_text("name: t\nenvironment: development\n", encoding="utf-8")
    return load_target(tmp_path / "t.yaml", date(2026, 1, 1))


def test_an_archive_cannot_write_outside_its_place(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.add(tmp_path / "t.yaml" if (tmp_path / "t.yaml").exists() else Path(__file__), "../outside")
    drill = RestoreDrill(Restore("r", tmp_path / "b.tar"))
    report = perform(
        drill, lambda: Sample(0.0, 1.0), QUICK, Injector(target_of(tmp_path), Journal(tmp_path / "j")), Timeline()
    )
    assert "cannot be unpacked" in report.failed_step


def test_a_rollback_is_noted_in_the_registry(tmp_path: Path) -> None:
    file = tmp_path / "registry.json"
    history = [{"status": "candidate", "date": "2026-01-01"}, {"status": "production", "date": "2026-01-02"}]
    versions = [
        {"version": "1", "status": "previous", "image": "c:1"},
        {"version": "2", "status": "production", "image": "c:2", "history": history},
    ]
    file.write_text(
        json.dumps({"models": [], "releases": [{"name": "bot", "last_known_good": "1", "versions": versions}]}),
        encoding="utf-8",
    )
    assert registry_flaws(file, "bot") == ["it does not say that the bad version of bot was rolled back"]
    file.write_text(with_rollback(file.read_text(encoding="utf-8"), "bot", "2", "c:3"), encoding="utf-8")
    assert registry_flaws(file, "bot") == []
    file.write_text(with_rollback(file.read_text(encoding="utf-8"), "bot", "1", ""), encoding="utf-8")
    assert registry_flaws(file, "bot") == []
    with pytest.raises(EndpointFailedError, match="knows no release of other"):
        with_rollback(file.read_text(encoding="utf-8"), "other", "1", "")


def test_the_history_knows_what_went_well(tmp_path: Path) -> None:
    history = DrillHistory(tmp_path / "drills.jsonl")
    assert history.last_good("a") is None
    report = {"row": "G1", "began": "2026-11-01T00:00:00+00:00", "took_s": 1, "outage_s": 0, "lost": 0, "found": {}}
    history.add("a", report, good=True)
    history.add("a", report | {"began": "2026-11-02T00:00:00+00:00"}, good=False)
    history.add("b", report, good=False)
    last = history.last_good("a")
    assert last is not None
    assert last.day == 1
    assert history.last_good("b") is None


class Alerts:
    """Tells of an alert as it was told to."""

    def __init__(self, ago: float | None, firing: Sequence[object]) -> None:
        self.ago, self.now = ago, firing

    def firing(self, alert: str) -> Sequence[object]:
        return self.now

    def fired_s_ago(self, alert: str, within_s: float) -> float | None:
        return self.ago


def followed(alerts: Alerts) -> dict[str, Any]:
    """What a kill's drill has found once it has followed its alert."""
    drill = Kill("k", "s", alert="Down", alert_within_s=0.1, clear_within_s=0.1)
    scene = Scene(Timeline(), None, Watching(), Steady(0.0))
    scene.mark("killed")
    for step in follow_alert(drill, alerts, scene):
        step.act()
    return scene.found


@pytest.mark.parametrize(
    ("alerts", "found"),
    [
        (Alerts(0.0, ()), {"alert_fired_s": True, "alert_cleared_s": True}),
        (Alerts(None, ()), {"alert_fired_s": False, "alert_cleared_s": True}),
        (Alerts(0.0, ("it",)), {"alert_fired_s": True, "alert_cleared_s": False}),
    ],
)
def test_an_alert_is_followed_from_the_kill_to_its_end(alerts: Alerts, found: dict[str, bool]) -> None:
    seen = followed(alerts)
    assert seen.pop("alert_unseen") == ""
    assert {name: value is not None for name, value in seen.items()} == found


def test_a_prometheus_that_cannot_be_asked_says_nothing_of_the_recovery() -> None:
    class Away(Alerts):
        def fired_s_ago(self, alert: str, within_s: float) -> float | None:
            raise InconclusiveError("Prometheus is away")

        def firing(self, alert: str) -> Sequence[object]:
            raise InconclusiveError("Prometheus is away")

    found = followed(Away(None, ()))
    assert found["alert_unseen"] == "Prometheus is away"


def test_a_prometheus_that_comes_back_has_not_seen_the_kill() -> None:
    """It may have been killed, too: that it tells of no alert afterwards says nothing."""

    class Back(Alerts):
        def fired_s_ago(self, alert: str, within_s: float) -> float | None:
            raise InconclusiveError("Prometheus is away")

    found = followed(Back(None, ()))
    assert found["alert_unseen"] == "Prometheus is away"
    assert found["alert_cleared_s"] is not None


def test_nothing_is_killed_while_the_alert_fires() -> None:
    (step,) = quiet_first(Kill("k", "s", alert="Down"), Alerts(None, ("it",)))
    with pytest.raises(InconclusiveError, match="Down fires already: nothing was killed"):
        step.act()
    assert quiet_first(Kill("k", "s"), None) == ()
