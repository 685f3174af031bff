"""The pytest plugin: options, stages, markers, locks, evidence, verdict, exit code.

Suites import `check` from here, and what ends one: `settle`, `expect_none`, `expect_flawless` (with `flaws_of`),
`expect_kept`; fixtures import `gate_of`. Forbidden here: looking at a deployment (probes do that) and judging it
(checks and `gonogo.verdict` do that).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gonogo.plugin.checks import check, expect_flawless, expect_kept, expect_none, flaws_of, settle
    from gonogo.plugin.gate import Gate, gate_of

__all__ = ["Gate", "check", "expect_flawless", "expect_kept", "expect_none", "flaws_of", "gate_of", "settle"]
_OF_THE_GATE = ("Gate", "gate_of")


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever has that name)
    """Import what is asked for when it is asked for: pytest loads a module of this package in every run of it.

    Raises:
        AttributeError: there is nothing of that name.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("gonogo.plugin.gate" if name in _OF_THE_GATE else "gonogo.plugin.checks"), name)
