"""What a run collects where nothing is named, and how it is called again."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from gonogo import resources
from gonogo.plugin.options import is_pytests_own_process, start_again


def collect_by_default(early: pytest.Config) -> None:
    """Start again with the shipped suites and the target's own checks, where a target is named and nothing to collect.

    So the same command serves from any working directory, and in a repository whose ``testpaths`` are its own tests.
    Before any ``conftest.py`` is read: one above the checks is the team's application's.
    """
    asked = early.known_args_namespace
    if is_pytests_own_process() and _wants_default(early, asked) and list(early.invocation_params.args) == sys.argv[1:]:
        wanted = _default_places(early, asked.target)
        places = [str(place) for place in wanted]
        start_again([*sys.argv[1:], *_same_root(early), *_only_their_conftest(wanted), *places])


def expect_collected(config: pytest.Config) -> None:
    """A run that could not start again has to be told what to collect.

    Raises:
        pytest.UsageError: pytest was called as a library, with a target and no place.
    """
    if _wants_default(config, config.option):
        places = _default_places(config, config.option.target)
        raise pytest.UsageError(f"name what to collect, for instance {' '.join(map(str, places))}")


def _wants_default(config: pytest.Config, asked: argparse.Namespace) -> bool:
    if not hasattr(asked, "file_or_dir"):  # --help ends the reading of the command line before that
        return False
    if asked.file_or_dir or asked.verify or not (asked.target or asked.explain):
        return False
    configured = [(config.rootpath / place).resolve() for place in config.getini("testpaths")]
    return configured != _default_places(config, asked.target)


def is_shipped(config: pytest.Config, argument: str) -> bool:
    """Whether a place to collect from, by its path or by its package's name, is one of the shipped suites."""
    place = argument.partition("::")[0]
    if config.option.pyargs and f"{place}.".startswith("gonogo.suites."):
        return True
    return (config.invocation_params.dir / place).resolve().is_relative_to(resources.folder("suites"))


def repeated(config: pytest.Config, own_checks: Sequence[Path]) -> str:
    """The command line of this run as one would call it again, without what only this run is to do.

    What was collected is left out where ``--check`` finds it all the same: the shipped suites, the target's own checks.
    """
    asked = config.option
    named = {"--target": asked.target, "--stage": asked.stage, "--change": asked.change, "--against": asked.against,
             "--answers": asked.answers}  # fmt: skip
    words = ["pytest", *(["-c", str(asked.inifilename)] if "-c" in sys.argv[1:] and asked.inifilename else [])]
    words += [f"{name}={value}" for name, value in named.items() if value]
    words += ["--allow-disruptive"] if asked.allow_disruptive else []
    places = [place for place in asked.file_or_dir if not (is_shipped(config, place) or _is_below(place, own_checks))]
    return shlex.join([*words, *(["--pyargs"] if asked.pyargs and places else []), *places])


def _is_below(place: str, folders: Sequence[Path]) -> bool:
    path = Path(place.partition("::")[0]).resolve()
    return any(path.is_relative_to(folder) for folder in folders)


def _default_places(config: pytest.Config, target: str | None) -> list[Path]:
    return [resources.folder("suites"), *_own_checks(config, target)]


def _own_checks(config: pytest.Config, target: str | None) -> list[Path]:
    """The folders that the target names; what is wrong with it is told when the gate opens."""
    if not target:
        return []
    # not in every run of pytest
    from gonogo.documents import DocumentError, load_document  # noqa: PLC0415
    from gonogo.targets.resolving import filled, path_from  # noqa: PLC0415

    file = (config.invocation_params.dir / target).resolve()
    try:
        named = filled(load_document(file), os.environ)[0].value.get("checks")
    except (DocumentError, AttributeError):
        return []
    names = named if isinstance(named, list) else []
    folders = [path_from(file.parent, name) for name in names if isinstance(name, str)]
    return [folder for folder in folders if folder.is_dir()]


def _same_root(config: pytest.Config) -> list[str]:
    """What keeps pytest's root where it is: of places far apart it would take a folder above them all."""
    if _is_given("-c", "--config-file", "--rootdir"):
        return []
    return [f"--config-file={config.inipath}"] if config.inipath else [f"--rootdir={config.rootpath}"]


def _only_their_conftest(places: list[Path]) -> list[str]:
    """What leaves out a ``conftest.py`` above the checks.

    Its fixtures would stand in for the gate's, and what it imports is the team's application.
    """
    return [] if _is_given("--confcutdir") else [f"--confcutdir={os.path.commonpath(places[1:] or places)}"]


def _is_given(*options: str) -> bool:
    return any(word.partition("=")[0] in options for word in sys.argv[1:])
