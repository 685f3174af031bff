"""deploy/Dockerfile, built and run on a real engine: not root, nothing written but below /tmp and /state."""

import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import BuildError
from docker.models.containers import Container

from gonogo.resources import ROOT
from tests.containers.engine import Engine, NoEngineError
from tests.containers.images import DEBIAN_PYTHON, UV, build_python_base
from tests.deploy.team import OWN_CHECKS, TARGET, TeamServers
from tests.servers.build import CannotBuildError

TAG = "gonogo-test-gate"
NOT_TO_BE_HAD = ("Failed to fetch", "failed to lookup address", "Could not connect")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[docker.DockerClient]:
    """An engine with the image."""
    folder = tmp_path_factory.mktemp("image")
    with pytest.MonkeyPatch.context() as patch:
        try:
            with Engine(folder / "engine", resolves=True) as engine:
                for name, value in engine.environment.items():
                    patch.setenv(name, value)
                build_python_base()
                client = docker.from_env(timeout=600)
                try:
                    build(client)
                    yield client
                finally:
                    client.close()
        except (NoEngineError, CannotBuildError) as error:
            pytest.skip(str(error))


def build(client: docker.DockerClient) -> None:
    """From a clone, as a user would; the packages come from where `uv sync` gets them."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), folder], check=True)
        for name in ("Dockerfile", ".dockerignore"):  # as they are now, committed or not
            place = f"deploy/{name}" if name == "Dockerfile" else name
            shutil.copyfile(ROOT / place, Path(folder) / place)
        try:
            client.images.build(
                path=folder, dockerfile="deploy/Dockerfile", tag=TAG, rm=True, forcerm=True, network_mode="host",
                buildargs={"PYTHON": DEBIAN_PYTHON, "UV": UV},
            )  # fmt: skip
        except BuildError as error:
            told = "".join(line.get("stream", "") for line in error.build_log)
            if any(words in told for words in NOT_TO_BE_HAD):
                raise CannotBuildError(f"the packages cannot be had: {told[-500:]}") from error
            raise AssertionError(told[-3000:]) from error


@pytest.fixture
def team_folder(tmp_path: Path) -> Path:
    """What a user mounts at /target."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "target.yaml").write_text(TARGET, encoding="utf-8")
    (tmp_path / "checks" / "test_acme.py").write_text(OWN_CHECKS, encoding="utf-8")
    (tmp_path / "checks" / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef greeting():\n    return 'Hola'\n", encoding="utf-8"
    )
    tmp_path.chmod(0o755)
    return tmp_path


def run(client: docker.DockerClient, folder: Path, *words: str, **environment: str) -> tuple[int, str, dict[str, Any]]:
    """As deploy/Dockerfile's first lines tell; exit code, output, verdict."""
    container: Container = client.containers.create(
        TAG, list(words), read_only=True, tmpfs={"/tmp": ""}, network_mode="host", environment=environment,
        cap_drop=["ALL"], security_opt=["no-new-privileges"],
        volumes={str(folder): {"bind": "/target", "mode": "ro"}, "gonogo-state": {"bind": "/state", "mode": "rw"}},
    )  # fmt: skip
    try:
        container.start()
        code = container.wait(timeout=180)["StatusCode"]
        told = container.logs().decode(errors="replace")
        chunks, _ = container.get_archive("/state/reports") if "verdict" in told else ([], None)
        return code, told, latest_verdict(b"".join(chunks))
    finally:
        container.remove(force=True)


def latest_verdict(archive: bytes) -> dict[str, Any]:
    if not archive:
        return {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        name = max(name for name in tar.getnames() if name.endswith("/verdict.json"))
        file = tar.extractfile(name)
        assert file is not None
        verdict: dict[str, Any] = json.load(file)
        return verdict


def test_it_judges_without_root_and_without_writing(
    client: docker.DockerClient, team_folder: Path, team_servers: TeamServers
) -> None:
    code, told, verdict = run(
        client, team_folder, "--target=/target/target.yaml", "--stage=smoke", **team_servers.environment
    )
    passed = {check["id"] for check in verdict["checks"] if check["outcome"] == "pass"}
    assert code == 0, told
    assert "contract.stream.terminates" in passed
    assert client.images.get(TAG).attrs["Config"]["User"] == "10001:10001"


def test_own_checks_lie_beside_the_target(
    client: docker.DockerClient, team_folder: Path, team_servers: TeamServers
) -> None:
    words = ["--target=/target/target.yaml", "--stage=smoke", "--check=contract.acme.greets"]
    code, told, verdict = run(client, team_folder, *words, **team_servers.environment)
    passed = [check["id"] for check in verdict["checks"] if check["outcome"] == "pass"]
    assert (code, passed) == (6, ["contract.acme.greets"]), told


def test_it_explains_itself(client: docker.DockerClient, team_folder: Path) -> None:
    code, told, _ = run(client, team_folder)
    assert code == 0
    assert "--target=FILE" in told
