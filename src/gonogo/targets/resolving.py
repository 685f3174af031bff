"""What texts of a target file stand for: variables (``${NAME}``, ``${NAME:-default}``) and paths."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gonogo.documents import Document, Path_, Problems, map_strings

VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")


def filled(document: Document, variables: Mapping[str, str]) -> tuple[Document, Problems]:
    """The document with every variable in place, and what is wrong with it: one that is not set stands for nothing."""
    problems: Problems = []

    def fill(text: str, path: Path_) -> str:
        def value(match: re.Match[str]) -> str:
            name, default = match.group(1), match.group(2)
            if name not in variables and default is None:
                problems.append(document.problem(path, f"environment variable {name} is not set"))
            return variables.get(name, default or "")

        return VARIABLE.sub(value, text)

    return map_strings(document, fill), problems


def path_from(folder: Path, text: str) -> Path:
    """A path in a target file: relative to the file's folder; ``~`` is the home folder."""
    return (folder / os.path.expanduser(text)).resolve()  # noqa: PTH111 (pathlib's fails at an unknown ~user)
