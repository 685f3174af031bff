"""Environment variables in a target file: ``${NAME}`` and ``${NAME:-default}``."""

import re
from collections.abc import Mapping

from gonogo.documents import Document, Path_, Problems, map_strings

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")


def filled(document: Document, variables: Mapping[str, str]) -> tuple[Document, Problems]:
    """The document with every variable in place, and what is wrong with it: one that is not set stands for nothing."""
    problems: Problems = []

    def fill(text: str, path: Path_) -> str:
        if path[-1:] == ("env",):
            return text  # of a secret: a variable's value there would be the secret, and be shown

        def value(match: re.Match[str]) -> str:
            name, default = match.group(1), match.group(2)
            if name not in variables and default is None:
                problems.append(document.problem(path, f"environment variable {name} is not set"))
            return variables.get(name, default or "")

        return _VARIABLE.sub(value, text)

    return map_strings(document, fill), problems
