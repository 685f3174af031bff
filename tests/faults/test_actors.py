"""Actors: the shell's with real processes; systemd's with a stand-in for its two commands, for it does not run here."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import psutil
import pytest

from embedded.ports import free_port
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.faults.actors import ServiceActor, actor_of
from gonogo.targets.model import Actor

MANAGER = """\
import os, signal, subprocess, sys, time
from pathlib import Path
verb, service = sys.argv[1:3]
file = Path(__file__).parent / f"{service}.pid"
log = Path(__file__).parent / f"{service}.log"

def pid():
    try:
        number = int(file.read_text())
        if Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            return number
    except (OSError, ValueError):
        pass
    return 0

if verb == "start" and not pid():
    with log.open("a") as output:
        words = [sys.executable, "-c", "import time; print('started', flush=True); time.sleep(120)"]
        file.write_text(str(subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True).pid))
elif verb in ("stop", "kill") and pid():
    number = pid()
    os.kill(number, signal.SIGTERM if verb == "stop" else signal.SIGKILL)
    while pid():
        time.sleep(0.01)
elif verb == "state":
    print(pid() or "")
    sys.exit(0 if pid() else 3)
elif verb == "logs":
    print(log.read_text(), end="")
elif verb == "fail":
    sys.exit("no such thing")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a small manager of services; what it started ends."""
    (tmp_path / "manager.py").write_text(MANAGER, encoding="utf-8")
    yield tmp_path
    for file in tmp_path.glob("*.pid"):
        with suppress(psutil.NoSuchProcess):
            service = psutil.Process(int(file.read_text(encoding="utf-8")))
            if "time.sleep(120)" in " ".join(service.cmdline()):  # its number may be another process's by now
                service.kill()


def shell(folder: Path) -> ServiceActor:
    words = {
        verb: (sys.executable, str(folder / "manager.py"), verb, "{service}")
        for verb in ("state", "stop", "start", "kill", "logs")
    }
    return actor_of(Actor("shell", commands=words))


def assert_acts(actor: ServiceActor) -> None:
    """Start, look, stop, start, kill."""
    assert not actor.state("web").running
    actor.start("web")
    first = actor.state("web")
    assert first.running
    assert first.pid > 0
    deadline = time.monotonic() + 10
    while "started" not in actor.logs("web"):
        assert time.monotonic() < deadline
    actor.stop("web")
    assert not actor.state("web").running
    actor.start("web")
    assert actor.state("web").pid != first.pid
    actor.kill("web")
    assert not actor.state("web").running


def test_the_shell_actor(folder: Path) -> None:
    assert_acts(shell(folder))


def test_a_state_that_cannot_be_seen_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection may hang, or the supervisor's name be known elsewhere only."""
    monkeypatch.setattr("gonogo.faults.actors._COMMAND_S", 0.2)
    hanging = actor_of(Actor("shell", commands=dict.fromkeys(("state", "stop"), ("sleep", "60"))))
    with pytest.raises(InconclusiveError, match="did not end"):
        hanging.state("web")
    with pytest.raises(EndpointFailedError):
        hanging.stop("web")
    with pytest.raises(InconclusiveError, match="does not resolve"):
        actor_of(Actor("supervisor", "http://no-such-host.invalid")).state("web")
    with pytest.raises(EndpointFailedError, match="refused"):
        actor_of(Actor("supervisor", f"http://127.0.0.1:{free_port()}")).state("web")


def test_a_command_that_fails_decides_nothing(folder: Path) -> None:
    broken = actor_of(
        Actor("shell", commands={"stop": (sys.executable, str(folder / "manager.py"), "fail", "{service}")})
    )
    with pytest.raises(InconclusiveError, match="no such thing"):
        broken.stop("web")
    with pytest.raises(InconclusiveError, match="no command `start`"):
        broken.start("web")
    with pytest.raises(InconclusiveError, match="cannot be run"):
        actor_of(Actor("shell", commands={"start": ("no-such-program",)})).start("web")


SYSTEMCTL = """\
#!/bin/sh
[ "$1" = --user ] && shift
here=$(dirname "$0")
case $1 in
  show)
    case $3 in
      --property=InvocationID) echo 0123; exit ;;
    esac
    [ "$2" = gone.service ] && { echo LoadState=not-found; echo ActiveState=inactive; echo MainPID=0; exit; }
    pid=$(PYTHON "$here/manager.py" state "$2")
    echo LoadState=loaded
    [ -n "$pid" ] && echo ActiveState=active || echo ActiveState=inactive
    echo "MainPID=${pid:-0}" ;;
  start|stop) exec PYTHON "$here/manager.py" "$1" "$2" ;;
  kill) exec PYTHON "$here/manager.py" kill "$3" ;;
  *) exit 1 ;;
esac
"""
JOURNALCTL = """\
#!/bin/sh
[ "$6" = _SYSTEMD_INVOCATION_ID=0123 ] || exit 1
exec PYTHON "$(dirname "$0")/manager.py" logs "$2"
"""


def test_the_systemd_actor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
        (folder / name).write_text(text.replace("PYTHON", sys.executable), encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for user_units in (False, True):
        actor = actor_of(Actor("systemd", user_units=user_units))
        assert_acts(actor)
        with pytest.raises(EndpointFailedError, match=r"knows no unit gone.service"):
            actor.state("gone.service")


SUPERVISED = """\
[supervisord]
nodaemon=true
[inet_http_server]
port=127.0.0.1:{port}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:slow]
command={python} -c "import signal, time; signal.signal(15, lambda *_: (time.sleep(1.5), exit())); time.sleep(120)"
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[ServiceActor]:
    """A real supervisord, with a service that takes its time to end."""
    port = free_port()
    (tmp_path / "s.conf").write_text(SUPERVISED.format(port=port, python=sys.executable), encoding="utf-8")
    words = [
        sys.executable,
        "-m",
        "supervisor.supervisord",
        "-c",
        str(tmp_path / "s.conf"),
        "-l",
        str(tmp_path / "log"),
    ]
    process = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0
    )
    actor = actor_of(Actor("supervisor", url=f"http://127.0.0.1:{port}"))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(EndpointFailedError):
            if actor.state("slow").running:
                break
        time.sleep(0.05)
    yield actor
    process.terminate()
    process.wait(timeout=20)


def test_what_somebody_else_is_stopping_is_started_once_it_has_stopped(supervisor: ServiceActor) -> None:
    """A gate was killed while it stopped a service, and the next one puts it back."""
    before = supervisor.state("slow").pid
    time.sleep(0.5)  # it has set its handler of SIGTERM
    stopping = Thread(target=supervisor.stop, args=("slow",))
    stopping.start()
    time.sleep(0.3)
    supervisor.start("slow")
    stopping.join()
    after = supervisor.state("slow")
    assert (after.running, after.pid != before) == (True, True), after
    supervisor.stop("slow")
    assert not supervisor.state("slow").running
