"""Command line options, and the trap that they hide."""

import argparse
import os
import sys
from pathlib import Path

import pytest

from gonogo.plugin.stages import STAGES

_PATH_OPTIONS = ("--target", "--report-dir", "--catalog", "--verify", "--answers", "--against")


def _given(text: str) -> str:
    """A name; an empty one is a variable of the pipeline's that is not set, and no wish to judge nothing."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: is the variable set that it comes from?")
    return text


def _at_least_one(text: str) -> int:
    """A count of runs: the one that asks for it is among them."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)


def add_options(parser: pytest.Parser) -> None:
    """The gate's options. ``--strict`` is pytest's own (its strict mode); the gate reads it too, see `is_strict`."""
    group = parser.getgroup("gonogo", "gonogo: may this deployment be promoted?")
    group.addoption(
        "--target",
        type=_given,
        metavar="FILE",
        help="the target file; without it the embedded deployment (DEMO). With --strict, GO WITH CAVEATS exits 1",
    )
    stages = "; ".join(f"{stage.name}: {stage.help}" for stage in STAGES.values())
    group.addoption("--stage", choices=sorted(STAGES), help=f"which checks to run (default gate). {stages}")
    group.addoption("--allow-disruptive", action="store_true", help="permit checks that break something and undo it")
    group.addoption(
        "--change",
        default="",
        metavar="ID",
        help="the approved change; on production the stages gate, drill and watch need it, and whatever disrupts",
    )
    group.addoption("--report-dir", type=_given, metavar="DIR", help="where runs are kept (default reports/runs)")
    group.addoption("--fault", metavar="NAME", help="switch a fault on for this run and undo it after; disruptive")
    group.addoption(
        "--catalog", type=_given, metavar="FILE", help="collect, run nothing, and write every check as JSON"
    )
    group.addoption("--dry-run", action="store_true", help="with --stage drill: tell each drill's steps, do nothing")
    group.addoption(
        "--answers", type=_given, metavar="FILE", help="go on with the chatbot's answers that an ended run has kept"
    )
    group.addoption(
        "--against", type=_given, metavar="FILE", help="compare the chatbot's answers with those of another target"
    )
    group.addoption("--save-baseline", metavar="NAME", help="keep this run's load record and answers as a baseline")
    group.addoption(
        "--keep-runs", type=_at_least_one, metavar="N", help="remove all but the latest N runs that have ended"
    )
    one = "run only this check, by its id or as reports write it: id[instance]; may be given several times"
    group.addoption("--check", action="append", default=[], metavar="CHECK", help=one)
    group.addoption(
        "--explain", type=_given, metavar="CHECK_ID", help="say what a check verifies and what it finds; run nothing"
    )
    group.addoption(
        "--verify", type=_given, metavar="FILE", help="compare a verdict.json with the target as it is now; run nothing"
    )
    group.addoption(
        "--lock-timeout", type=float, default=900.0, metavar="S", help="how long to wait for another run on this target"
    )


def expect_gate(config: pytest.Config) -> None:
    """Refuse options that say how to judge where nothing is judged: they would be passed over in silence.

    Raises:
        pytest.UsageError: one is given.
    """
    asked = config.option
    given = {"--check": asked.check, "--allow-disruptive": asked.allow_disruptive, "--change": asked.change,
             "--fault": asked.fault, "--against": asked.against, "--answers": asked.answers}  # fmt: skip
    named = [name for name, value in given.items() if value]
    if named and not asked.target:
        raise pytest.UsageError(f"{', '.join(named)} needs --target=FILE: the deployment to judge")


def is_strict(config: pytest.Config) -> bool:
    """Whether GO WITH CAVEATS exits 1 too: pytest 9 owns ``--strict`` and refuses a second option of that name."""
    return bool(config.option.strict)


def join_path_options() -> None:
    """Start again with ``--target=FILE`` for ``--target FILE``.

    pytest looks for its configuration file before it loads plugins, and takes every bare path that exists for a place
    to collect from, an option's value too. With a file outside the checkout it would root there, find no
    pyproject.toml and collect nothing. No plugin is asked before that, so the only cure is to start again, which costs
    a quarter of a second and happens before anything is printed.
    """
    joined = joined_arguments(sys.argv[1:])
    if joined != sys.argv[1:] and is_pytests_own_process():
        start_again(joined)


def is_pytests_own_process() -> bool:
    """Whether this process is pytest as it is called on a command line."""
    program = Path(sys.argv[0])
    is_pytest = program.name in ("pytest", "py.test") or program.parts[-2:] == ("pytest", "__main__.py")
    return is_pytest and "PYTEST_XDIST_WORKER" not in os.environ


def start_again(arguments: list[str]) -> None:
    """Call pytest anew, in place of this process."""
    program = Path(sys.argv[0])
    start = ["-m", "pytest"] if program.name == "__main__.py" else [str(program)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *start, *arguments])  # noqa: S606


def joined_arguments(arguments: list[str]) -> list[str]:
    """The arguments with ``--option VALUE`` as ``--option=VALUE`` for options that take a path."""
    joined: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        value = next(rest, None) if argument in _PATH_OPTIONS else None
        joined.append(argument if value is None else f"{argument}={value}")
    return joined
