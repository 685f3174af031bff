"""Meddle with the host of ``routed.yaml``: ``python3 meddle.py (log|calm|flap|steady|hide|show) FOLDER [URL PASSWORD_ENV]``."""

import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from contextlib import suppress
from pathlib import Path

LINE = b"2026-11-21 10:00:00 ERROR out of file handles\n"
_FLAPS = 120


def flap(url: str, password: str) -> None:
    """Kill the router again and again, for a minute at most."""
    host = url.removeprefix("http://")
    with xmlrpc.client.ServerProxy(f"http://gate:{password}@{host}/RPC2") as proxy:
        for _ in range(_FLAPS):
            with suppress(xmlrpc.client.Fault):
                proxy.supervisor.signalProcess("router", "KILL")
            time.sleep(0.5)


def main(verb: str, folder: Path, *rest: str) -> None:
    """Do one thing."""
    log, pid = folder / "chatbot.log", folder / "flap.pid"
    match verb:
        case "log":
            with log.open("ab") as file:
                file.write(LINE)
        case "calm":
            log.write_bytes(log.read_bytes().replace(LINE, b""))
        case "flap":
            words = [sys.executable, __file__, "flapping", str(folder), *rest]
            pid.write_text(
                str(
                    subprocess.Popen(
                        words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                    ).pid
                )
            )
        case "flapping":
            flap(rest[0], os.environ[rest[1]])
        case "steady":
            with suppress(OSError):
                number = int(pid.read_text())
                if b"flapping" in Path(f"/proc/{number}/cmdline").read_bytes():  # it ends by itself after a minute
                    os.kill(number, signal.SIGKILL)
            pid.unlink(missing_ok=True)
        case "hide":
            (folder / "data").rename(folder / "data.hidden")
        case "show":
            with suppress(FileNotFoundError):
                (folder / "data.hidden").rename(folder / "data")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
