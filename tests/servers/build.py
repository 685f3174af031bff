"""Build real servers from their Go modules, once: ``python -m tests.servers.build``.

Ollama, Toxiproxy, actionlint, and a Kubernetes control plane: etcd, the API server, the controller manager, the scheduler and kwok.

Everything comes from the Go module proxy and is pinned by a ``go.sum``. A module's zip leaves out every folder
called ``vendor``, and Ollama keeps three C++ headers of others in one: two of them are in an older version of its own
module (``ollama/headers``), the third (sound, which no chat model needs) has a stand-in of ours. Binaries lie in the
user's cache under a name that depends on all of that, so that one is built again only when one of these files changes.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "0.24.0"
_MODULE = "github.com/ollama/ollama"
_HERE = Path(__file__).parent / "ollama"


TOXIPROXY_VERSION = "2.12.0"
_TOXIPROXY = "github.com/Shopify/toxiproxy/v2"
_ITS_FOLDER = Path(__file__).parent / "toxiproxy"


ACTIONLINT_VERSION = "1.7.12"
_ACTIONLINT = Path(__file__).parent / "actionlint"
_DEFINITIONS = Path(__file__).parent / "definitions"
_DEFINED_BY = {
    "github.com/argoproj/argo-rollouts": "manifests/crds/analysis-template-crd.yaml",
    "github.com/fluxcd/flagger": "artifacts/flagger/crd.yaml",
}
"""By module, where it says what its resources look like."""


KUBERNETES_VERSION = "1.36.3"
_CONTROL_PLANE = Path(__file__).parent / "control-plane"
_PROGRAMS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}


class CannotBuildError(RuntimeError):
    """The server is not here, and cannot be built; the message says why."""


def cached(name: str, folder: Path) -> Path:
    """Where a binary is, or will be: its name depends on all files of the folder that says how it is built."""
    parts = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    digest = hashlib.sha256(parts).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "gonogo" / "servers" / f"{name}-{digest}"


def built_toxiproxy() -> Path:
    """The binary; it is built if it is not there (forty seconds on two cores).

    Raises:
        CannotBuildError: Go is missing, or the build failed.
    """
    flags = f"-s -w -X {_TOXIPROXY}.Version={TOXIPROXY_VERSION}"
    name = f"toxiproxy-{TOXIPROXY_VERSION}"
    return _built_tool(name, _ITS_FOLDER, f"{_TOXIPROXY}/cmd/server", flags)  # static: it also runs in an empty image


def built_actionlint() -> Path:
    """The binary of actionlint, which reads GitHub's workflows; its wheel would download one (ten seconds on two cores).

    Raises:
        CannotBuildError: Go is missing, or the build failed.
    """
    return _built_tool(f"actionlint-{ACTIONLINT_VERSION}", _ACTIONLINT, "github.com/rhysd/actionlint/cmd/actionlint")


def definitions() -> list[Path]:
    """The definitions of Argo Rollouts' and Flagger's resources, as their Go modules carry them: kept in the user's cache.

    Raises:
        CannotBuildError: Go is missing, or the modules cannot be had.
    """
    path = cached("definitions", _DEFINITIONS)
    if not path.exists():
        _expect_go("The definitions of Argo Rollouts and Flagger")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            unfinished = Path(folder) / "definitions"
            unfinished.mkdir()
            for module, file in _DEFINED_BY.items():
                told = json.loads(_go(["mod", "download", "-json", module], _DEFINITIONS))
                shutil.copyfile(Path(told["Dir"]) / file, unfinished / f"{module.rpartition('/')[2]}.yaml")
            unfinished.replace(path)
    return sorted(path.iterdir())


def _built_tool(name: str, module: Path, package: str, flags: str = "-s -w") -> Path:
    path = cached(name, module)
    if not path.exists():
        _expect_go(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            unfinished = Path(folder) / "tool"
            _go(
                ["build", "-mod=readonly", "-trimpath", f"-ldflags={flags}", "-o", str(unfinished), package],
                module,
                cgo=False,
            )
            unfinished.replace(path)
    return path


def _expect_go(what: str) -> None:
    if shutil.which("go") is None:
        raise CannotBuildError(f"{what} cannot be built here: no go on PATH")


def built_ollama() -> Path:
    """The binary; it is built if it is not there (four minutes on two cores, a few seconds with Go's build cache).

    Raises:
        CannotBuildError: Go or a C++ compiler is missing, or the build failed.
    """
    path = cached(f"ollama-{VERSION}", _HERE)
    if not path.exists():
        missing = [tool for tool in ("go", "gcc", "g++") if shutil.which(tool) is None]
        if missing:
            raise CannotBuildError(f"Ollama cannot be built here: no {', '.join(missing)} on PATH")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            unfinished = Path(folder) / "ollama"
            _build(unfinished, Path(folder) / "include")
            unfinished.replace(path)  # atomic: two builds at once are harmless
    return path


def built_control_plane() -> Path:
    """The folder with the control plane's programs; they are built if they are not there (ten minutes on two cores).

    Where controller-runtime's envtest looks (``KUBEBUILDER_ASSETS``) comes first, if all of them are there.

    Raises:
        CannotBuildError: Go is missing, or the build failed.
    """
    assets = Path(os.environ.get("KUBEBUILDER_ASSETS", ""))
    if all((assets / program).is_file() for program in _PROGRAMS):
        return assets
    path = cached(f"control-plane-{KUBERNETES_VERSION}", _CONTROL_PLANE)
    if not path.exists():
        _expect_go("the Kubernetes control plane")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            unfinished = Path(folder) / "bin"
            for program, package in _PROGRAMS.items():
                _go(
                    ["build", *_kubernetes_flags(), "-o", str(unfinished / program), package], _CONTROL_PLANE, cgo=False
                )
            unfinished.replace(path)
    return path


def _kubernetes_flags() -> list[str]:
    """Without a version in it, an API server calls itself v0.0.0, and clients take it for an ancient one."""
    major, minor, _ = KUBERNETES_VERSION.split(".")
    told = {"gitVersion": f"v{KUBERNETES_VERSION}", "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in told.items())
    return ["-mod=readonly", "-trimpath", f"-ldflags=-s -w {flags}"]


def _build(binary: Path, include: Path) -> None:
    older = Path(json.loads(_go(["mod", "download", "-json", _MODULE], _HERE / "headers"))["Dir"])
    common = older / "llama" / "llama.cpp" / "common"
    for name, source in (("nlohmann/json.hpp", "json.hpp"), ("stb/stb_image.h", "stb_image.h")):
        (include / name).parent.mkdir(parents=True)
        shutil.copyfile(common / source, include / name)
    (include / "nlohmann" / "json_fwd.hpp").write_text('#include "json.hpp"\n', encoding="utf-8")
    shutil.copytree(_HERE / "include" / "miniaudio", include / "miniaudio")
    flags = f"-s -w -X={_MODULE}/version.Version={VERSION}"
    _go(["build", "-mod=readonly", f"-ldflags={flags}", "-o", str(binary), _MODULE], _HERE, include)


def _go(arguments: list[str], folder: Path, include: Path | None = None, *, cgo: bool = True) -> str:
    environment = {
        **os.environ,
        "CGO_ENABLED": "1" if cgo else "0",
        "CGO_CFLAGS": "-O2",
        "CGO_CXXFLAGS": "-O2",
        "GOFLAGS": "-buildvcs=false",
    }
    if include is not None:
        environment["CPLUS_INCLUDE_PATH"] = str(include)  # not a cgo flag: those are part of Go's cache key
    done = subprocess.run(["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuildError(f"go {' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    try:
        print(built_toxiproxy())  # the quick ones first
        print(built_actionlint())
        print(*definitions())
        print(built_control_plane())
        print(built_ollama())
    except CannotBuildError as error:
        sys.exit(str(error))
