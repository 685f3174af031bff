"""Command line options, and the trap that they hide."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from gonogo import resources
from gonogo.plugin.stages import STAGES

OWN_CHECKS = "gonogo_checks"
_PATH_OPTIONS = ("--target", "--report-dir", "--catalog", "--verify", "--answers", "--against")


def add_options(parser: pytest.Parser) -> None:
    """The gate's options. ``--strict`` is pytest's own (its strict mode); the gate reads it too, see `is_strict`."""
    group = parser.getgroup("gonogo", "gonogo: may this deployment be promoted?")
    group.addoption(
        "--target",
        metavar="FILE",
        help="the target file; without it the embedded deployment (DEMO). With --strict, GO WITH CAVEATS exits 1",
    )
    stages = "; ".join(f"{stage.name}: {stage.help}" for stage in STAGES.values())
    group.addoption("--stage", choices=sorted(STAGES), help=f"which checks to run (default gate). {stages}")
    group.addoption("--allow-disruptive", action="store_true", help="permit checks that break something and undo it")
    group.addoption("--change", default="", metavar="ID", help="the approved change; needed to disrupt production")
    group.addoption("--report-dir", metavar="DIR", help="where runs are kept (default reports/runs)")
    group.addoption("--fault", metavar="NAME", help="switch a fault on for this run and undo it after; disruptive")
    group.addoption("--catalog", metavar="FILE", help="collect, run nothing, and write every check as JSON")
    group.addoption("--dry-run", action="store_true", help="with --stage drill: tell each drill's steps, do nothing")
    group.addoption("--answers", metavar="FILE", help="go on with the chatbot's answers that an ended run has kept")
    group.addoption("--against", metavar="FILE", help="compare the chatbot's answers with those of another target")
    group.addoption("--save-baseline", metavar="NAME", help="keep this run's load record and answers as a baseline")
    group.addoption("--keep-runs", type=int, metavar="N", help="remove all but the latest N runs that have ended")
    one = "run only this check, by its id or as reports write it: id[instance]; may be given several times"
    group.addoption("--check", action="append", default=[], metavar="CHECK", help=one)
    group.addoption("--explain", metavar="CHECK_ID", help="say what a check verifies and what it finds; run nothing")
    group.addoption("--verify", metavar="FILE", help="compare a verdict.json with the target as it is now; run nothing")
    parser.addini(
        OWN_CHECKS,
        "a team's own checks: collected with the shipped suites, part of each verdict",
        type="paths",
        default=[],
    )
    group.addoption(
        "--lock-timeout", type=float, default=900.0, metavar="S", help="how long to wait for another run on this target"
    )


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
    if joined != sys.argv[1:] and _is_pytests_own_process():
        _start_again(joined)


def collect_by_default(config: pytest.Config) -> None:
    """Start again with the shipped suites and the team's own checks, where a target is named and nothing to collect.

    So the same command serves from any working directory, and in a repository whose ``testpaths`` are its own tests.

    Raises:
        pytest.UsageError: pytest was called as a library, so that we cannot start again.
    """
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return
    wanted = _default_places(config)
    if [Path(place).resolve() for place in config.args] == [place.resolve() for place in wanted]:
        return
    missing = [str(place) for place in wanted if not place.exists()]
    if missing:
        raise pytest.UsageError(f"{OWN_CHECKS} of {config.inipath}: there is no {', '.join(missing)}")
    places = [str(place) for place in wanted]
    if list(config.invocation_params.args) != sys.argv[1:] or not _is_pytests_own_process():
        raise pytest.UsageError(f"name what to collect, for instance {' '.join(places)}")
    _start_again([*sys.argv[1:], *_same_root(config), *places])


def _same_root(config: pytest.Config) -> list[str]:
    """What keeps pytest's root where it is: of places far apart it would take a folder above them all."""
    own = {"-c", "--config-file", "--rootdir"}
    if any(word.partition("=")[0] in own for word in sys.argv[1:]):
        return []
    return [f"--config-file={config.inipath}"] if config.inipath else [f"--rootdir={config.rootpath}"]


def _default_places(config: pytest.Config) -> list[Path]:
    return [resources.folder("suites"), *config.getini(OWN_CHECKS)]


def repeated(config: pytest.Config) -> str:
    """The command line of this run as one would call it again, without what only this run is to do."""
    asked = config.option
    words = ["pytest"]
    words += [f"--target={asked.target}"] if asked.target else []
    words += [f"--stage={asked.stage}"] if asked.stage else []
    words += ["--allow-disruptive"] if asked.allow_disruptive else []
    words += [f"--change={asked.change}"] if asked.change else []
    default = [place.resolve() for place in _default_places(config)]
    given = {place: Path(place.partition("::")[0]).resolve() for place in asked.file_or_dir}
    words += [place for place, path in given.items() if not any(path.is_relative_to(known) for known in default)]
    return shlex.join(words)


def _is_pytests_own_process() -> bool:
    program = Path(sys.argv[0])
    is_pytest = program.name in ("pytest", "py.test") or program.parts[-2:] == ("pytest", "__main__.py")
    return is_pytest and "PYTEST_XDIST_WORKER" not in os.environ


def _start_again(arguments: list[str]) -> None:
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
