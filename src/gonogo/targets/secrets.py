"""A secret value by its reference."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Secret:
    """A secret value and the reference by which the target file names it; printing it shows the reference only."""

    reference: str
    """``$NAME`` or ``file:PATH``."""
    value: str = field(repr=False)

    def __str__(self) -> str:
        return self.reference
