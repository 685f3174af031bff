"""The journal and the injectors: what is broken is put back, also by the next run."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from gonogo.errors import EndpointFailedError, GonogoError
from gonogo.faults.catalogue import Fault, all_faults, faults_of
from gonogo.faults.injection import Injector
from gonogo.faults.interface import ChangedMeanwhileError
from gonogo.faults.journal import Journal, state_folder
from gonogo.faults.processes import ServiceMeans
from gonogo.faults.servers import ControlMeans
from gonogo.targets.loader import SCHEMA, load_target
from gonogo.targets.model import Target
from gonogo.targets.steps import MEANS

REGISTRY = {
    "models": [
        {
            "name": "m",
            "last_known_good": "1",
            "versions": [
                {"version": "1", "status": "previous", "file": "one.gguf", "evaluation": "e.json"},
                {"version": "2", "status": "production", "file": "two.gguf", "evaluation": "e.json"},
            ],
        }
    ]
}


@pytest.fixture
def target(tmp_path: Path) -> Target:
    (tmp_path / "registry.json").write_text(json.dumps(REGISTRY), encoding="utf-8")
    for name in ("one.gguf", "two.gguf"):
        (tmp_path / name).write_bytes(b"0123456789")
    file = tmp_path / "target.yaml"
    file.write_text("name: t\nenvironment: staging\nartifacts: {registry: registry.json}\n", encoding="utf-8")
    return load_target(file, date(2026, 1, 1))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def fault(*steps: dict[str, object]) -> Fault:
    return Fault("f", "title", "own", "artifacts.model.digest", (), steps)


@pytest.mark.parametrize(
    ("step", "broken"),
    [
        ({"file": "model", "truncate": 3}, b"012"),
        ({"file": "model", "flip_byte": 0}, b"\xcf123456789"),
        ({"file": "model", "replace": ["345", "x"]}, b"012x6789"),
        ({"file": "model", "remove": True}, None),
    ],
)
def test_a_file_is_broken_and_put_back(
    target: Target, journal: Journal, step: dict[str, object], broken: bytes | None, tmp_path: Path
) -> None:
    model = tmp_path / "two.gguf"
    with Injector(target, journal).switched_on(fault(step)):
        assert (model.read_bytes() if model.exists() else None) == broken
        assert len(journal.unfinished()) == 1
    assert model.read_bytes() == b"0123456789"
    assert journal.unfinished() == []
    assert list(journal.folder.iterdir()) == []


def test_a_target_file_knows_every_means(target: Target, journal: Journal) -> None:
    injector = Injector(target, journal)
    keys = {key for key in SCHEMA["$defs"]["step"]["properties"] if not _is_unknown(injector, key)}
    assert keys == MEANS


def _is_unknown(injector: Injector, key: str) -> bool:
    try:
        injector.lacks({key: "x"})
    except GonogoError:
        return True
    except (KeyError, TypeError, AttributeError):
        pass  # a means that wants more of its step
    return False


def test_it_is_put_back_after_an_exception(target: Target, journal: Journal, tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Injector(target, journal).switched_on(fault({"file": "model", "truncate": 1})),
    ):
        raise KeyboardInterrupt
    assert (tmp_path / "two.gguf").read_bytes() == b"0123456789"


KILLED = """
import os, sys
from datetime import date
from pathlib import Path
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Journal
from gonogo.targets.loader import load_target

folder = Path(sys.argv[1])
injector = Injector(load_target(folder / "target.yaml", date(2026, 1, 1)), Journal(folder / "journal"))
injector.write_file(injector.keep_file(folder / "two.gguf"), b"broken")
os.kill(os.getpid(), 9)
"""


def test_the_next_run_puts_back_what_a_killed_one_left(target: Target, tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -9
    (left,) = (tmp_path / "journal").glob("*.jsonl")
    with left.open("a", encoding="utf-8") as file:
        file.write('{"id": "half')  # killed while writing: never acted upon
    assert Injector(target, Journal(tmp_path / "journal")).undo_unfinished() == [f"file: {tmp_path / 'two.gguf'}"]
    assert (tmp_path / "two.gguf").read_bytes() == b"0123456789"
    assert list((tmp_path / "journal").iterdir()) == []


KILLED_WITH_A_FOLDER = KILLED.replace(
    'injector.write_file(injector.keep_file(folder / "two.gguf"), b"broken")',
    'place = injector.new_folder("restore"); (place / "customers.sql").write_text("a"); print(place, flush=True)',
)


def test_the_next_run_removes_the_folder_of_a_killed_one(target: Target, tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED_WITH_A_FOLDER, str(tmp_path)]
    place = Path(subprocess.run(words, check=False, capture_output=True, text=True).stdout.strip())
    assert (place / "customers.sql").exists()
    assert place.stat().st_mode & 0o777 == 0o700
    assert Injector(target, Journal(tmp_path / "journal")).undo_unfinished() == [f"folder: {place}"]
    assert not place.exists()
    assert list((tmp_path / "journal").iterdir()) == []


CLOSED = """
import os, sys
from pathlib import Path
from gonogo.faults.files import FolderMeans

place = Path(sys.argv[1])
(place / "data" / "inner").mkdir(parents=True)
(place / "data" / "inner" / "a").write_text("a")
(place / "away").symlink_to(sys.argv[2])
for closed in ("data/inner", "data"):
    (place / closed).chmod(0)
FolderMeans.undo({"folder": str(place)})
"""


def test_a_folder_goes_although_what_is_in_it_is_closed(tmp_path: Path) -> None:
    as_others = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    (tmp_path / "others").mkdir(mode=0o755)
    words = [*as_others, sys.executable, "-c", CLOSED, str(tmp_path / "place"), str(tmp_path / "others")]
    subprocess.run(words, check=True)
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("others", 0o755)]


def test_a_folder_that_cannot_be_removed_is_told(
    target: Target, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    injector = Injector(target, journal)
    place = injector.new_folder("restore")
    with monkeypatch.context() as patch:
        patch.setattr("os.rmdir", raise_permission_error)
        with pytest.raises(EndpointFailedError, match=rf"by hand: rm -r {place}"):
            injector.undo_all(injector.unfinished())
    injector.undo_all(injector.unfinished())
    assert not place.exists()


def raise_permission_error(*_: object, **__: object) -> None:
    raise PermissionError("not yours")


def test_files_come_back_before_their_services_start(
    target: Target, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def bring_up(_: object, details: object) -> None:
        seen.append((tmp_path / "two.gguf").read_bytes())

    monkeypatch.setattr(ServiceMeans, "undo", bring_up)
    injector = Injector(target, journal)
    entries = [injector.keep_file(tmp_path / "two.gguf"), injector.keep_service("gateway")]
    injector.write_file(entries[0], b"broken")
    injector.undo_all(entries)
    assert seen == [b"0123456789"]


def test_one_that_cannot_be_put_back_does_not_keep_the_others(target: Target, journal: Journal, tmp_path: Path) -> None:
    injector = Injector(target, journal)
    entries = [injector.keep_file(tmp_path / "two.gguf"), journal.write("control", {"url": "http://127.0.0.1:9/x"})]
    injector.write_file(entries[0], b"broken")
    with pytest.raises(EndpointFailedError, match="could be put back"):
        injector.undo_all(entries)
    assert (tmp_path / "two.gguf").read_bytes() == b"0123456789"
    (left,) = journal.unfinished()
    assert left.kind == "control"
    journal.mark_undone(left)


def test_what_somebody_else_wrote_meanwhile_stays(target: Target, journal: Journal, tmp_path: Path) -> None:
    injector, model = Injector(target, journal), tmp_path / "two.gguf"
    entry = injector.keep_file(model)
    injector.write_file(entry, b"broken")
    model.write_bytes(b"a hotfix")
    with pytest.raises(EndpointFailedError, match="changed by somebody else") as raised:
        injector.undo_all([entry])
    assert model.read_bytes() == b"a hotfix"
    told = str(raised.value)
    assert "by hand" not in told
    assert f"as long as {journal.path} is there" in told
    model.write_bytes(b"bro")  # a writer that was killed in the middle
    injector.undo_all([entry])
    assert model.read_bytes() == b"0123456789"
    assert list(journal.folder.iterdir()) == []


def test_a_drill_does_not_write_over_what_somebody_else_wrote(target: Target, journal: Journal, tmp_path: Path) -> None:
    injector, model = Injector(target, journal), tmp_path / "two.gguf"
    entry = injector.keep_file(model)
    model.write_bytes(b"a hotfix")
    with pytest.raises(ChangedMeanwhileError):
        injector.write_file(entry, b"broken")
    assert model.read_bytes() == b"a hotfix"
    model.write_bytes(b"0123456789")
    injector.undo_all([entry])


def test_copies_of_a_run_that_was_killed_before_it_changed_anything_go(target: Target, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    living, dead = folder / f"{os.getpid()}-a.copy", folder / "999999999-b.copy"
    for copy in (living, dead):
        copy.touch()
    assert Injector(target, Journal(folder)).undo_unfinished() == []
    assert list(folder.iterdir()) == [living]


def test_what_failed_is_tried_again_after_the_others(
    target: Target, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def undo(_: object, details: dict[str, str]) -> None:
        if details["url"] == "needs the service" and "service" not in done:
            raise EndpointFailedError("refused")
        done.append(details["url"])

    monkeypatch.setattr(ControlMeans, "undo", undo)
    entries = [journal.write("control", {"url": url}) for url in ("service", "needs the service")]
    Injector(target, journal).undo_all(entries)
    assert done == ["service", "needs the service"]


def test_what_a_living_run_does_is_left_alone(target: Target, tmp_path: Path) -> None:
    living = Injector(target, Journal(tmp_path / "journal"))
    with living.switched_on(fault({"file": "model", "truncate": 1})):
        assert Injector(target, Journal(tmp_path / "journal")).undo_unfinished() == []
        assert (tmp_path / "two.gguf").read_bytes() == b"0"
    assert (tmp_path / "two.gguf").read_bytes() == b"0123456789"


def test_a_fault_that_would_change_nothing_is_refused(target: Target, journal: Journal) -> None:
    step: dict[str, object] = {"file": "model", "replace": ["not there", "x"]}
    with pytest.raises(GonogoError, match="does not fit"), Injector(target, journal).switched_on(fault(step)):
        pass
    assert journal.unfinished() == []


@pytest.mark.parametrize(
    "step",
    [{"file": "backup", "remove": True}, {"control": "x", "fault": "f"}, {"stop": "x"}, {"redis_config": ["a", "b"]}],
)
def test_a_fault_that_the_target_cannot_have_is_refused(
    target: Target, journal: Journal, step: dict[str, object]
) -> None:
    with pytest.raises(GonogoError, match="does not declare"), Injector(target, journal).switched_on(fault(step)):
        pass
    assert journal.unfinished() == []


def test_the_state_folder_follows_the_addresses_not_the_file(target: Target, tmp_path: Path) -> None:
    text = "name: t\nenvironment: staging\ngateway: {kind: openai, url: 'http://a:1'}\n"
    folders = set()
    for name, extra in (("a.yaml", ""), ("b.yaml", "required: [config]\n")):
        (tmp_path / name).write_text(text + extra, encoding="utf-8")
        folders.add(state_folder(load_target(tmp_path / name, date(2026, 1, 1))))
    assert len(folders) == 1
    assert state_folder(target) not in folders


def test_the_shipped_faults_are_valid_and_known() -> None:
    assert len(all_faults()) >= 30
    assert "model-byte-flipped" in faults_of("artifacts.model.digest")
