"""Small images without a registry: a program of this machine and the libraries that it needs, from nothing."""

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import docker

from gonogo.fixtures.containers import Image, Images
from gonogo.resources import ROOT

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
