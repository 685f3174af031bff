"""One writer a format: each turns the same verdict into one file. Forbidden here: judging, and looking at anything."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gonogo.model import Verdict
from gonogo.redaction import Redactor
from gonogo.reporting.annotations import annotations
from gonogo.reporting.change_record import ChangeRecordJsonWriter, ChangeRecordWriter
from gonogo.reporting.drills import DrillsWriter
from gonogo.reporting.html import HtmlWriter
from gonogo.reporting.interface import Writer
from gonogo.reporting.json import JsonWriter, plain
from gonogo.reporting.junit import JunitWriter
from gonogo.reporting.markdown import MarkdownWriter
from gonogo.reporting.metrics import MetricsWriter
from gonogo.reporting.model_change import ModelChangeWriter
from gonogo.reporting.oncall import OncallWriter
from gonogo.reporting.sarif import SarifWriter
from gonogo.writing import write_whole

WRITERS: tuple[Writer, ...] = (
    JsonWriter(),
    JunitWriter(),
    SarifWriter(),
    MarkdownWriter(),
    MetricsWriter(),
    ModelChangeWriter(),
    ChangeRecordWriter(),
    ChangeRecordJsonWriter(),
    OncallWriter(),
    DrillsWriter(),
    HtmlWriter(),
)


def github_annotations(verdict: Verdict, redactor: Redactor) -> list[str]:
    """The workflow commands to print where the run is a GitHub Actions job; nothing elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    return annotations(masked_plain(verdict, redactor))


def masked_plain(verdict: Verdict, redactor: Redactor) -> dict[str, Any]:
    """A verdict as plain JSON without secrets; its own words stay what they are, though a password may be ``pass``.

    Evidence was masked when it was recorded, its keys as well.
    """
    return {name: value if name in _OWN else _masked(value, redactor) for name, value in plain(verdict).items()}


def _masked(value: Any, redactor: Redactor) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, dict):
        return {key: item if key in _OWN else _masked(item, redactor) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, redactor) for item in value]
    return redactor.json(value)


_OWN = frozenset({
    "schema_version", "decision", "run_id", "stage", "started", "finished", "valid_until", "counts", "budget",
    "binding", "id", "suite", "severity", "permission", "covers", "outcome", "skip_kind", "probe",
})  # fmt: skip
"""Fields that hold words and figures of the gate's own."""


def write_all(
    verdict: Verdict, redactor: Redactor, folder: Path, *, has_ended: bool = True, writers: Sequence[Writer] = WRITERS
) -> list[Path]:
    """Write every format, each file whole or not at all; once it has ended, the summary also where GitHub shows it.

    Raises:
        OSError: one cannot be written. Of a run that has ended none is left then: its verdict would promote something.
    """
    masked, written = masked_plain(verdict, redactor), list[Path]()
    try:
        for writer in writers:
            if (text := writer.render(masked)) is not None:
                written.append(write_whole(folder / writer.file_name, text))
    except OSError:
        for path in written if has_ended else ():
            path.unlink()
        raise
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary and has_ended:
        with suppress(OSError), Path(step_summary).open("a", encoding="utf-8") as file:  # the same stands in the folder
            file.write((folder / MarkdownWriter.file_name).read_text(encoding="utf-8"))
    return written
