"""Is the model that a server has loaded the registry's production version? Facts in, flaws out."""

from collections.abc import Mapping
from typing import Any

from gonogo.rules.registry import Version


def served_flaws(told: Mapping[str, Any], version: Version) -> list[str]:
    """What a server tells of its model that is not so of the registered version.

    Args:
        told: what the server says, by pointer name (``loaded``, ``name``, ``version``, ``sha256``, ``file``); None
            where its page does not say what the target declares that it says.
        version: the production version.
    """
    wanted = {
        "loaded": True,
        "name": version.model,
        "version": version.version,
        "sha256": version.part["sha256"].text().lower(),
        "file": version.part["file"].text().rpartition("/")[2],
    }
    return [
        f"{name} is {value!r}, the registry's production version has {wanted[name]!r}"
        for name, value in told.items()
        if not _agrees(name, value, wanted[name])
    ]


def _agrees(name: str, value: object, wanted: object) -> bool:
    if name == "loaded":
        return value is True
    if name == "sha256":
        return str(value).lower().removeprefix("sha256:") == wanted
    if name == "file":
        return isinstance(value, str) and value.replace("\\", "/").rpartition("/")[2] == wanted
    return str(value).removeprefix("v") == str(wanted).removeprefix("v")
