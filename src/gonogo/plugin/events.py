"""events.ndjson: what happens while a run goes on, a line of JSON each, for those who watch it live."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gonogo.model import CheckResult, Verdict

FILE = "events.ndjson"


class Events:
    """Appends each event as it happens; a run that was killed has told everything until then."""

    def __init__(self, folder: Path) -> None:
        """In the folder of the run."""
        self._file = (folder / FILE).open("a", encoding="utf-8", errors="backslashreplace")

    def began(self, target: str, stage: str, run_id: str) -> None:
        """The run begins."""
        self._tell("run-began", target=target, stage=stage, run_id=run_id)

    def check_began(self, node_id: str) -> None:
        """A check begins."""
        self._tell("check-began", node_id=node_id)

    def check_ended(self, result: CheckResult) -> None:
        """A check has ended."""
        told = {"check": result.info.check_id, "instance": result.instance, "outcome": result.outcome.value}
        told |= {"severity": result.info.severity.value, "reason": result.reason, "node_id": result.node_id}
        self._tell("check-ended", **told, duration_ms=result.duration_ms)

    def ended(self, verdict: Verdict) -> None:
        """The run has ended; no more events."""
        self._tell("run-ended", decision=verdict.decision.value, reasons=list(verdict.judgement.reasons))
        self._file.close()

    def _tell(self, event: str, **told: Any) -> None:  # noqa: ANN401 (plain JSON)
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **told}
        with suppress(OSError):  # a full disk is told when the reports are written; the checks go on
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
