"""A Docker engine of the tests' own: no bridge, no packet filter rule, no file outside its folder, and one end for all.

It runs in a PID namespace of its own, so that one SIGKILL ends it and every container, and in a mount namespace of its
own, so that none of its mounts is seen outside. Needs root, and Debian's docker.io and iptables: without the binary of
the latter its name server does not work, although it adds no rule here.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

READY_S = 30.0
NEEDED = ("dockerd", "containerd", "runc", "iptables", "setpriv", "unshare", "tini-static", "ip")
_PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
_NO_NAMES = ("--dns", "127.0.0.1", "--dns-opt", "timeout:1", "--dns-opt", "attempts:1")
"""A name that is gone is not looked up for ten seconds."""
_HIDDEN = "mount -n -t tmpfs none /run && mkdir -p /etc/docker && mount -n -t tmpfs none /etc/docker && exec dockerd"
"""dockerd writes below both, whatever it is told; here they are its own."""


class NoEngineError(RuntimeError):
    """No engine can be started here; the message says why."""


class Engine:
    """The running engine; a context manager that ends it and removes what it leaves."""

    def __init__(self, folder: Path, *, resolves: bool = False) -> None:
        """Everything of it lies below a folder, which is removed.

        Args:
            folder: where it lies.
            resolves: its containers may ask this machine's name servers: where an image is built from packages.
        """
        self._folder, self._id, self._resolves = folder, secrets.token_hex(3), resolves
        self._cgroup = f"/gonogo-{self._id}"
        self.bridge = f"gonogo-{self._id}"  # at most 15 characters
        self.environment = {
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(folder),
            "TESTCONTAINERS_RYUK_DISABLED": "true",
            "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
            "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
        }

    def __enter__(self) -> Self:
        missing = [name for name in NEEDED if shutil.which(name, path=_PATH) is None]
        if missing or os.geteuid() != 0:
            raise NoEngineError(f"no {', '.join(missing)} here (apt-get install docker.io iptables)" if missing else
                                "a Docker engine needs root")  # fmt: skip
        self._folder.mkdir(parents=True)
        (self._folder / "daemon.json").write_text("{}", encoding="utf-8")
        self._log = (self._folder / "dockerd.log").open("wb")
        self._process = subprocess.Popen(
            self._command(),
            env={**os.environ, "PATH": _PATH, "TMPDIR": str(self._folder)},
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, process_group=0,
        )  # fmt: skip
        try:
            self._await_ping()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _command(self) -> list[str]:
        folder = str(self._folder)
        return [
            "setpriv", "--pdeathsig", "KILL",
            "unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL",
            "tini-static", "-s", "--", "sh", "-c", f'{_HIDDEN} "$@"', "dockerd",
            "--config-file", f"{folder}/daemon.json", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec",
            "--pidfile", f"{folder}/dockerd.pid", "-H", self.environment["DOCKER_HOST"], "--group", str(os.getgid()),
            "--storage-driver", "overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent",
            self._cgroup, "--bridge", "none", "--ip", "127.0.0.1", "--iptables=false", "--ip6tables=false",
            "--ip-forward=false", "--ip-masq=false", "--userland-proxy=true",
            "--default-address-pool", "base=10.213.0.0/16,size=24", *([] if self._resolves else _NO_NAMES),
            "--shutdown-timeout", "2",
        ]  # fmt: skip

    def _await_ping(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(2)
                    connection.connect(str(self._folder / "docker.sock"))
                    connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                    if b"200 OK" in connection.recv(200):
                        return
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "dockerd.log").read_text(encoding="utf-8", errors="replace")
                raise NoEngineError(f"dockerd does not start here:\n{log[-2000:]}")
            time.sleep(0.05)

    def _end(self) -> None:
        """One SIGKILL ends all of it; a bridge, control groups and files outlive that, and are removed by name."""
        self._process.kill()
        self._process.wait(timeout=20)
        self._log.close()
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True, check=False)
        for top in Path("/sys/fs/cgroup").glob(f"*{self._cgroup}"):
            for group in [*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top]:
                _remove_group(group)
        shutil.rmtree(self._folder)


def _remove_group(group: Path) -> None:
    for _ in range(100):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # its last process is about to be gone
            time.sleep(0.02)
        else:
            return
