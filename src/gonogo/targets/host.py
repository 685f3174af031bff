"""What a target says of the services and the machine that it runs on without a cluster."""

from dataclasses import dataclass
from pathlib import Path

from gonogo.objectives import Band

ERROR_LINES = r"\b(ERROR|CRITICAL|FATAL|Traceback)\b"


@dataclass(frozen=True)
class HostService:
    """A service that must be active."""

    service: str
    actor: str = ""
    """Empty: the first one."""

    @property
    def name(self) -> str:
        """For reports."""
        return f"{self.actor}/{self.service}" if self.actor else self.service


@dataclass(frozen=True)
class Host:
    """Row K9."""

    services: tuple[HostService, ...] = ()
    error_lines: str = ERROR_LINES
    """A regular expression: a line of a log in which it is found is an error."""
    allowed_lines: tuple[str, ...] = ()
    """Regular expressions of error lines that are known."""
    disk_path: Path = Path("/")
    bands: tuple[tuple[str, Band], ...] = ()
    """Over the share that is used, by ``cpu``, ``memory``, ``disk``."""
