"""Variables that files refer to: each is set where the gate runs, by a file, or declared as set elsewhere."""

import re
from collections.abc import Collection, Iterator, Mapping

from gonogo.documents import Part, Problems, did_you_mean
from gonogo.rules.sources import Sources, variables

_LITELLM = re.compile(r"os\.environ/([A-Za-z_]\w*)")
_NAME = re.compile(r"[A-Za-z_]\w*")
"""An item of a compose service's environment without a value: it is passed on."""
_SHELL = re.compile(r"(?<!\$)\$(?:\{([A-Za-z_]\w*)(:?[-?+])?[^}]*\}|([A-Za-z_]\w*))")
"""``$X`` and ``${X}``, not ``$$X``; the second group is there where a default or an error text follows."""


def references(sources: Sources) -> Iterator[tuple[str, Part]]:
    """Every name of a variable that a file needs, with its place."""
    for document in sources.of("gateway"):
        for text in document.root.strings():
            yield from ((name, text) for name in _LITELLM.findall(text.value))
    yield from _key_names(sources)
    for document in sources.of("compose"):
        for text in document.root.strings():
            for braced, default, bare in _SHELL.findall(text.value):
                if not default.endswith(("-", "+")):
                    yield braced or bare, text
        for _, service in document.root["services"].entries():
            yield from ((item.text(), item) for item in service["environment"] if _NAME.fullmatch(item.text()))


def _key_names(sources: Sources) -> Iterator[tuple[str, Part]]:
    """Variables that hold a key, by the field ``key_env``."""
    for kind in ("providers", "chatbot"):
        for document in sources.of(kind):
            for part in (document.root, *document.root["providers"]):
                if part["key_env"]:
                    yield part["key_env"].text(), part["key_env"]


def unset(sources: Sources, environment: Mapping[str, str], set_elsewhere: Collection[str]) -> Problems:
    """Variables that are needed and that nobody sets, or sets to nothing."""
    known = {*(variable.name for variable in variables(sources) if variable.is_set), *set_elsewhere}
    problems: Problems = []
    for name, place in references(sources):
        if name not in known and not environment.get(name):
            state = "is empty" if name in environment else "is not set"
            hint = did_you_mean(name, known)
            message = f"{name} {state}{hint}: export it, or list it under config.rules.set_elsewhere"
            problems.append(place.problem(message))
    return problems
