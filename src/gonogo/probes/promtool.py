"""What Prometheus' own promtool says of rule files, where it is installed."""

from collections.abc import Sequence

from gonogo.documents import Problem, Problems
from gonogo.probes.commands import Commands, first_present
from gonogo.probes.files import shown
from gonogo.targets.files import ConfigFile


def complaints(files: Sequence[ConfigFile], commands: Commands) -> Problems:
    """Rule files that promtool refuses; nothing where it is not on PATH.

    Raises:
        InconclusiveError: it cannot be run.
    """
    if first_present("promtool") is None:
        return []
    problems: Problems = []
    for file in files:
        done = commands.run(["promtool", "check", "rules", str(file.path)])
        if done.exit_code != 0:
            told = " ".join((done.stderr or done.stdout).split())
            problems.append(Problem(shown(file.path), 1, 1, "", f"promtool refuses it: {told[:500]}"))
    return problems
