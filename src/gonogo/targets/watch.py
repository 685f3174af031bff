"""The section ``watch`` of a target: how it is watched after a promotion (row P4)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Watch:
    """How long, how often, and how much is asked each time."""

    hours: float = 24.0
    """24 to 48 h (row P4)."""
    every_s: float = 900.0
    prompts: int = 20
    """Prompts in scope, each time; the sets are gone through in turn."""

    @property
    def rounds(self) -> int:
        """So many looks there are to be."""
        return max(1, round(self.hours * 3600 / self.every_s))
