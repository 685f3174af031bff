"""Small images without a registry: a program of this machine and the libraries that it needs, from nothing."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import docker

from gonogo.fixtures.containers import Image, Images
from gonogo.resources import ROOT
from tests.servers.build import CannotBuildError

_LINKS = ("bin", "lib", "lib64", "sbin")


def build_images(redis: Path, toxiproxy: Path) -> Images:
    """Build the images on the engine of the environment.

    The provider's has no file at all: it sees this machine's programs, the interpreter and this checkout, read-only.
    """
    client = docker.from_env(timeout=60)
    try:
        _build(client, "gonogo-test-redis", [redis])
        _build(client, "gonogo-test-toxiproxy", [toxiproxy])
        _build(client, "gonogo-test-host", [])
    finally:
        client.close()
    python = str(Path(sys.prefix) / "bin" / "python")
    seen = tuple(dict.fromkeys(("/usr", sys.base_prefix, sys.prefix, str(ROOT))))
    mounts = tuple(one for one in seen if not any(one != other and one.startswith(f"{other}/") for other in seen))
    return Images(
        redis=Image("gonogo-test-redis", (f"/usr/bin/{redis.name}",)),
        toxiproxy=Image("gonogo-test-toxiproxy", (f"/usr/bin/{toxiproxy.name}",)),
        provider=Image("gonogo-test-host", (python, "-B", "-m", "embedded.provider"), mounts, str(ROOT)),
    )


DEBIAN_PYTHON = "gonogo-test-debian-python"
UV = "gonogo-test-uv"
_OF_PYTHON = ("python3", "dash", "coreutils", "libc-bin", "libstdc++6", "ca-certificates")
_NOT_NEEDED = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/lintian/")
_TRUSTED = "/etc/ssl/certs/ca-certificates.crt"


def build_python_base() -> None:
    """What deploy/Dockerfile begins with, where no registry is: Python from this machine's Debian packages, and uv.

    Raises:
        CannotBuildError: this machine has no such packages, or no uv.
    """
    uv = shutil.which("uv")
    if uv is None or shutil.which("dpkg-query") is None or not Path("/usr/bin/python3").exists():
        raise CannotBuildError("no base for the image here: Debian's python3 and uv are wanted")
    client = docker.from_env(timeout=120)
    try:
        _send(client, UV, {"/uv": Path(uvs_own(uv))}, "FROM scratch\nCOPY root/ /\n")
        files = {path: Path(path) for package in _closure(_OF_PYTHON) for path in _files_of(package)}
        text = f"FROM scratch\nCOPY root/ /\nENV PATH=/usr/local/bin:/usr/bin SSL_CERT_FILE={_TRUSTED}\n"
        _send(client, DEBIAN_PYTHON, {**files, _TRUSTED: Path(_TRUSTED)}, text)
    finally:
        client.close()


def uvs_own(found: str) -> str:
    """The program itself, where PATH has a wrapper of pyenv."""
    if Path(found).read_bytes()[:4] == b"\x7fELF":
        return found
    told = subprocess.run(["pyenv", "which", "uv"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def _closure(packages: tuple[str, ...]) -> list[str]:
    """The packages and all that they depend on, as they are installed."""
    found: dict[str, None] = {}
    waiting = list(packages)
    while waiting:
        package = waiting.pop()
        told = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Status}|${Pre-Depends}, ${Depends}\n", package],
            capture_output=True, text=True, check=False,
        ).stdout.splitlines()  # fmt: skip
        installed = [line.partition("|")[2] for line in told if "ok installed" in line]
        if package in found or not installed:  # an alternative, or a name that another package provides
            continue
        found[package] = None
        waiting += [
            name.split()[0].partition(":")[0]
            for both in installed[0].split(",")
            for name in both.split("|")
            if name.strip()
        ]
    return list(found)


def _files_of(package: str) -> list[str]:
    told = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        path for path in told if not path.startswith(_NOT_NEEDED) and not Path(path).is_dir() and os.path.lexists(path)
    ]


def _send(client: docker.DockerClient, tag: str, files: Mapping[str, Path], dockerfile: str) -> None:
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as archive:
            for name in _LINKS if len(files) > 1 else ():
                _add_link(archive, name)
            _add_folder(archive, "tmp")
            for name, path in files.items():
                top = Path(name).parts[1]
                archive.add(path, f"root{'/usr' if top in _LINKS else ''}{name}", recursive=False)
            _add_text(archive, "Dockerfile", dockerfile)
        context.seek(0)
        client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True)


def _build(client: docker.DockerClient, tag: str, programs: list[Path]) -> None:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name in _LINKS:
            _add_link(archive, name)
        _add_folder(archive, "tmp")
        _add_folder(archive, "usr")
        for program in programs:
            archive.add(program.resolve(), f"root/usr/bin/{program.name}")
            for library in _libraries(program):
                folder = "lib64" if "ld-linux" in library.name else "lib/x86_64-linux-gnu"
                archive.add(library.resolve(), f"root/usr/{folder}/{library.name}")
        _add_text(archive, "Dockerfile", "FROM scratch\nCOPY root/ /\n")
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True)


def _libraries(program: Path) -> list[Path]:
    """What the loader says that it needs; nothing for a static program."""
    told = subprocess.run([shutil.which("ldd") or "ldd", str(program)], capture_output=True, text=True, check=False)
    words = (line.split() for line in told.stdout.splitlines() if "statically linked" not in line)
    return [Path(next(word for word in line if word.startswith("/"))) for line in words if any("/" in w for w in line)]


def _add_link(archive: tarfile.TarFile, name: str) -> None:
    link = tarfile.TarInfo(f"root/{name}")
    link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
    archive.addfile(link)


def _add_folder(archive: tarfile.TarFile, name: str) -> None:
    folder = tarfile.TarInfo(f"root/{name}")
    folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
    archive.addfile(folder)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    file = tarfile.TarInfo(name)
    file.size = len(text.encode())
    archive.addfile(file, io.BytesIO(text.encode()))
