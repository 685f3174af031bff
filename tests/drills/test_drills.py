"""The configuration drill on an actor in memory, and the traffic that measures the outage."""

import dataclasses
import json
from datetime import date
from pathlib import Path

import pytest

from gonogo.drills.config_rollback import run_config_rollback
from gonogo.drills.timeline import Timeline, Traffic
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults.actors import ServiceState
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Entry, Journal
from gonogo.targets.loader import load_target
from gonogo.targets.model import ConfigRollback, Target

TEXT = """\
name: t
environment: development
supervisor: {url: "http://127.0.0.1:9"}
drills: {config_rollback: {service: s, file: live.json, backup: backup.json, health_url: "http://127.0.0.1:9"}}
"""


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

    def ask(self) -> bool:
        return self.running


class MemoryInjector(Injector):
    """Health and restarts come from the service in memory instead of the wire."""

    def __init__(self, target: Target, journal: Journal, service: Service) -> None:
        super().__init__(target, journal)
        self._service = service

    def healthy(self) -> bool:
        return self._service.running

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
    assert target.config_rollback is not None
    return target.config_rollback


def test_noticed_and_rolled_back(target: Target, tmp_path: Path) -> None:
    service, journal = Service(tmp_path / "live.json"), Journal(tmp_path / "j")
    injector = MemoryInjector(target, journal, service)
    report = run_config_rollback(drill_of(target), service, injector, service.ask)
    assert (report.noticed_by, report.recovered, report.restored_exactly) == ("s does not run", True, True)
    assert journal.unfinished() == []
    assert service.running


def test_a_bad_configuration_that_nobody_notices(target: Target, tmp_path: Path) -> None:
    service = Service(tmp_path / "live.json", tolerant=True)
    injector = MemoryInjector(target, Journal(tmp_path / "j"), service)
    assert run_config_rollback(drill_of(target), service, injector, service.ask).noticed_by == ""


def test_a_broken_backup_is_reported_and_the_original_comes_back(target: Target, tmp_path: Path) -> None:
    (tmp_path / "backup.json").write_text("{broken", encoding="utf-8")
    service, journal = Service(tmp_path / "live.json"), Journal(tmp_path / "j")
    drill = dataclasses.replace(drill_of(target), max_seconds=0.5)
    report = run_config_rollback(drill, service, MemoryInjector(target, journal, service), service.ask)
    assert not report.recovered
    assert (tmp_path / "live.json").read_text(encoding="utf-8") == '{"good": true}'
    assert service.running
    assert journal.unfinished() == []


def test_without_a_backup_nothing_is_changed(target: Target, tmp_path: Path) -> None:
    (tmp_path / "backup.json").unlink()
    service, journal = Service(tmp_path / "live.json"), Journal(tmp_path / "j")
    with pytest.raises(EndpointFailedError, match="no backup"):
        run_config_rollback(drill_of(target), service, MemoryInjector(target, journal, service), service.ask)
    assert not journal.folder.exists()


def test_without_a_steady_state_nothing_is_changed(target: Target, tmp_path: Path) -> None:
    service = Service(tmp_path / "live.json")
    injector = MemoryInjector(target, Journal(tmp_path / "j"), service)
    with pytest.raises(InconclusiveError, match="before the drill"):
        run_config_rollback(drill_of(target), service, injector, lambda: False)
    assert (tmp_path / "live.json").read_text(encoding="utf-8") == '{"good": true}'


@pytest.mark.parametrize(
    ("answers", "outage", "lost"),
    [
        ([(0.0, True), (1.0, True)], 0.0, 0),
        ([(0.0, True), (1.0, False), (2.0, False), (3.0, True), (4.0, True)], 2.0, 2),
        ([(0.0, True), (1.0, False), (2.0, True), (3.0, False), (4.0, True)], 3.0, 2),
        ([(0.0, True), (1.0, False), (2.5, False)], 1.5, 2),
    ],
)
def test_outage_is_from_the_first_fail_to_the_first_good_after_the_last(
    answers: list[tuple[float, bool]], outage: float, lost: int
) -> None:
    traffic = Traffic(lambda: True, Timeline())
    traffic.answers = answers
    assert (traffic.outage_s(), traffic.lost()) == (outage, lost)


def test_traffic_counts_an_exception_as_a_lost_question() -> None:
    def ask() -> bool:
        raise OSError

    with Traffic(ask, Timeline(), interval_s=0.01) as traffic:
        while len(traffic.answers) < 3:
            pass
    assert traffic.lost() == len(traffic.answers)
