"""Probes that read files, run commands and read a repository."""

import hashlib
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.documents import DocumentError
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults.commits import commit_on_branch, delete_branch, new_branch
from gonogo.model import Observation
from gonogo.probes.commands import Commands
from gonogo.probes.context import ProbeContext
from gonogo.probes.files import Files
from gonogo.probes.repository import history_lines, tree_lines
from gonogo.probes.weights import read_header
from gonogo.redaction import Redactor
from gonogo.resources import folder
from gonogo.targets.files import ConfigFile

MODEL = folder("fixtures") / "deployments" / "kind-a" / "models" / "tiny-chat-1.2.0.gguf"


@pytest.fixture
def seen() -> list[Observation]:
    return []


@pytest.fixture
def context(seen: list[Observation]) -> ProbeContext:
    return ProbeContext(seen.append, Redactor())


@pytest.fixture
def files(tmp_path: Path, context: ProbeContext) -> Files:
    (tmp_path / "root").mkdir()
    return Files(context, tmp_path / "root")


def test_nothing_outside_of_the_root_is_read(tmp_path: Path, files: Files, seen: list[Observation]) -> None:
    (tmp_path / "secret.yaml").write_text("a: 1\n", encoding="utf-8")
    link = tmp_path / "root" / "link.yaml"
    link.symlink_to(tmp_path / "secret.yaml")
    for path in (link, tmp_path / "root" / ".." / "secret.yaml"):
        with pytest.raises(EndpointFailedError, match="leads out of the target's root"):
            files.document(path)
        with pytest.raises(EndpointFailedError, match="leads out of the target's root"):
            files.digest(path)
    assert seen == []


def test_a_folder_of_manifests(tmp_path: Path, files: Files) -> None:
    folder_ = tmp_path / "root" / "k8s"
    (folder_ / "deep").mkdir(parents=True)
    (folder_ / "b.yaml").write_text("kind: B\n---\nkind: C\n", encoding="utf-8")
    (folder_ / "deep" / "a.json").write_text('{"kind": "A"}', encoding="utf-8")
    (folder_ / "notes.txt").write_text("]", encoding="utf-8")
    documents = files.documents(ConfigFile("manifests", "k8s", folder_))
    assert [document.value["kind"] for document in documents] == ["B", "C", "A"]
    (folder_ / "broken.yaml").write_text("a: [\n", encoding="utf-8")
    with pytest.raises(DocumentError, match=r"broken\.yaml:2:1"):
        files.documents(ConfigFile("manifests", "k8s", folder_))


def test_a_file_that_is_touched_is_read_again(tmp_path: Path, files: Files) -> None:
    path = tmp_path / "root" / "a.yaml"
    path.write_text("a: 1\n", encoding="utf-8")
    assert files.document(path).value == {"a": 1}
    path.write_text("a: 22\n", encoding="utf-8")
    assert files.document(path).value == {"a": 22}


def test_digest_tells_its_progress(tmp_path: Path, seen: list[Observation]) -> None:
    told: list[str] = []
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(150 << 20)
    digest, size = Files(ProbeContext(seen.append, Redactor(), progress=told.append), tmp_path).digest(path)
    assert (size, digest) == (150 << 20, hashlib.sha256(b"\0" * (150 << 20)).hexdigest())
    assert told == ["sha256 big.bin: 42 %", "sha256 big.bin: 85 %"]


def test_gguf_header(context: ProbeContext) -> None:
    header = read_header(MODEL, context)
    assert (header.architecture, header.quantization, header.vocabulary, header.embeddings) == (
        "llama",
        "ALL_F32",
        8,
        8,
    )


@pytest.mark.parametrize("cut", [0, 3, 24, 100, 500, 900, 970])
def test_truncated_gguf(tmp_path: Path, context: ProbeContext, cut: int) -> None:
    (tmp_path / "x.gguf").write_bytes(MODEL.read_bytes()[:cut])
    with pytest.raises(EndpointFailedError, match="not a well-formed GGUF"):
        read_header(tmp_path / "x.gguf", context)


@settings(max_examples=60)
@given(st.integers(0, 900), st.binary(min_size=1, max_size=12))
def test_no_bytes_break_the_gguf_reader(tmp_path_factory: pytest.TempPathFactory, position: int, patch: bytes) -> None:
    content = MODEL.read_bytes()
    path = tmp_path_factory.getbasetemp() / "fuzz.gguf"
    path.write_bytes(content[:position] + patch + content[position + len(patch) :])
    try:
        read_header(path, ProbeContext(lambda _: None, Redactor()))
    except EndpointFailedError as error:
        assert "GGUF" in str(error)  # noqa: PT017 (either is fine; a traceback is not)


def test_a_header_that_announces_more_than_the_file_holds(tmp_path: Path, context: ProbeContext) -> None:
    endless = struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q1sIIQ", 1, b"a", 9, 4, 10**12)
    (tmp_path / "x.gguf").write_bytes(endless + b"\0" * 100)
    with pytest.raises(EndpointFailedError, match="announces more than the file holds"):
        read_header(tmp_path / "x.gguf", context)


def test_attributes_and_merges_hide_nothing(repository: Path) -> None:
    (repository / ".gitattributes").write_text("*.env -diff\n", encoding="utf-8")
    (repository / "prod.env").write_text("HIDDEN=1\n", encoding="utf-8")
    git(repository, "add", ".gitattributes", "prod.env")
    git(repository, "commit", "-q", "-m", "third")
    git(repository, "checkout", "-q", "-b", "side", "HEAD~1")
    (repository / "side.txt").write_text("side\n", encoding="utf-8")
    git(repository, "add", "side.txt")
    git(repository, "commit", "-q", "-m", "side")
    git(repository, "merge", "-q", "--no-commit", "--no-ff", "-")
    (repository / "merged.txt").write_text("only in the merge\n", encoding="utf-8")
    git(repository, "add", "merged.txt")
    git(repository, "commit", "-q", "-m", "merge")
    assert {"HIDDEN=1", "only in the merge"} <= {line.text for line in history_lines(repository)}


def test_commands(tmp_path: Path, context: ProbeContext, seen: list[Observation]) -> None:
    commands = Commands(context, tmp_path)
    done = commands.run([sys.executable, "-c", "import os; print(os.getcwd()); raise SystemExit(3)"])
    assert (done.exit_code, done.stdout.strip()) == (3, str(tmp_path))
    assert seen[0].repeat.startswith(f"cd {tmp_path} && ")
    with pytest.raises(InconclusiveError, match="could not be run"):
        commands.run(["no-such-program"])
    with pytest.raises(InconclusiveError, match=r"did not end within 0\.2 s"):
        commands.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.2)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    (path / "sub").mkdir(parents=True)
    git(path, "init", "-q")
    (path / "sub" / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
    (path / ".gitignore").write_text("ignored.txt\n", encoding="utf-8")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "first")
    (path / "sub" / "a.txt").write_text("one\nthree\n", encoding="utf-8")
    git(path, "commit", "-q", "-a", "-m", "second")
    (path / "new.txt").write_text("untracked\n", encoding="utf-8")
    (path / "ignored.txt").write_text("ignored\n", encoding="utf-8")
    return path


def git(path: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=path, check=True, capture_output=True)


def test_tree_and_history(repository: Path, context: ProbeContext, tmp_path: Path) -> None:
    commands = Commands(context, tmp_path)
    assert {line.text for line in tree_lines(repository, commands)} == {"ignored.txt", "one", "three", "untracked"}
    history = list(history_lines(repository))
    assert [(line.text, line.number) for line in history] == [("ignored.txt", 1), ("one", 1), ("two", 2), ("three", 2)]
    assert all("@" in line.file for line in history)
    assert [line.text for line in history_lines(repository / "sub")] == ["one", "two", "three"]


def test_a_commit_on_a_branch_leaves_the_rest_alone(repository: Path) -> None:
    before = sorted(path.name for path in repository.iterdir())
    branch = new_branch()
    commit_on_branch(repository / "sub", branch, "KEY=1\n")
    assert "KEY=1" in [line.text for line in history_lines(repository / "sub")]
    delete_branch(repository, branch)
    assert "KEY=1" not in [line.text for line in history_lines(repository)]
    assert sorted(path.name for path in repository.iterdir()) == before
    with pytest.raises(EndpointFailedError, match="not a branch of a fault"):
        delete_branch(repository, "refs/heads/master")


def test_no_history_is_said_to_be_none(repository: Path, tmp_path: Path, context: ProbeContext) -> None:
    with pytest.raises(InconclusiveError, match="not a git repository"):
        list(history_lines(tmp_path))
    with pytest.raises(InconclusiveError, match="not a git working tree"):
        list(tree_lines(tmp_path, Commands(context, tmp_path)))
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", str(shallow))
    with pytest.raises(InconclusiveError, match="shallow"):
        list(history_lines(shallow))
