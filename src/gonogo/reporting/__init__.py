"""One writer a format: each turns the same verdict into one file. Forbidden here: judging, and looking at anything."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

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
    return annotations(redactor.json(plain(verdict)))


def write_all(
    verdict: Verdict, redactor: Redactor, folder: Path, *, has_ended: bool = True, writers: Sequence[Writer] = WRITERS
) -> list[Path]:
    """Write every format, each file whole or not at all; once it has ended, the summary also where GitHub shows it."""
    masked = redactor.json(plain(verdict))
    written = []
    for writer in writers:
        text, path = writer.render(masked), folder / writer.file_name
        if text is None:
            continue
        written.append(write_whole(path, text))
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary and has_ended:
        with suppress(OSError), Path(step_summary).open("a", encoding="utf-8") as file:  # the same stands in the folder
            file.write((folder / MarkdownWriter.file_name).read_text(encoding="utf-8"))
    return written
