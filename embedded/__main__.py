"""The embedded deployment's command line."""

import argparse
import shlex
import signal
import sys
from types import FrameType

from embedded.launcher import Launcher, announce, say
from embedded.layout import StartError


def main() -> int:
    """Run the deployment until Ctrl-C, SIGTERM or, with --until-eof, the end of standard input."""
    parser = argparse.ArgumentParser(
        prog="python -m embedded",
        description="A complete small chatbot stack on loopback: LiteLLM, llama.cpp, Redis, providers, chatbot.",
        epilog="`up` prints the environment that targets/embedded.yaml needs. A port is chosen freely, or by "
        "EMBEDDED_<SERVICE>_PORT (redis, vllm, ollama, hosted, llamacpp, gateway, chatbot, supervisor).",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it and keep it running")
    up.add_argument("--until-eof", action="store_true", help="for programs: JSON on stdout, `reset` lines on stdin")
    up.add_argument("--keep", action="store_true", help="do not remove the state folder at the end")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with Launcher(keep=options.keep) as launcher:
            (_serve_program if options.until_eof else _serve_person)(launcher)
    except StartError as error:
        say(f"cannot start: {error}")
        return 3
    except KeyboardInterrupt:
        say("stopped")
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _serve_program(launcher: Launcher) -> None:
    assert launcher.layout is not None
    announce(launcher.layout)
    for line in sys.stdin:  # ends when whoever started us ends, however it ends
        if line.strip() == "reset":
            launcher.reset()
            announce(launcher.layout)


def _serve_person(launcher: Launcher) -> None:
    assert launcher.layout is not None
    for name, value in launcher.layout.environment().items():
        print(f"export {name}={shlex.quote(value)}", flush=True)
    say("running; Ctrl-C stops it. In another shell: the exports above, then uv run pytest --target "
        "targets/embedded.yaml --stage gate")  # fmt: skip
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
