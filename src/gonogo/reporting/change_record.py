"""change-record.md and .json, for the record of a change: what, when, verdict, evidence, way back, and who signs."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gonogo.reporting.markdown import cell, table

RECORD_VERSION = "1.0"
_WAY_BACK = ("drills.", "cluster.rollback.", "artifacts.registry.last_known_good")
"""Checks that say whether there is a way back: each row is told, whatever came out."""
_SIGNATURES = ("prepared by", "tested by", "approved by", "rolled out by")
_OF_THE_VERDICT = (
    *("change_id", "decision", "run_id", "stage", "started", "finished", "valid_until"),
    *("reasons", "binding", "counts"),
)
_EVIDENCE = ("verdict.json", "report.html", "junit.xml")


class ChangeRecordWriter:
    """Writes change-record.md, where the run names its change (``--change ID``)."""

    file_name = "change-record.md"

    def render(self, verdict: dict[str, Any]) -> str | None:
        """The record; None where the run belongs to no change."""
        if not verdict["change_id"]:
            return None
        record = record_of(verdict)
        rows = [(row["check"], row["outcome"], row["reason"]) for row in record["way_back"]]
        way_back = table(("check", "outcome", "why"), rows) if rows else ["Nothing was verified of the way back.", ""]
        lines = [
            f"# Change {cell(record['change_id'])}: {record['decision']}",
            "",
            *table(("", ""), _facts(record)),
            "## Why",
            "",
            *(f"* {cell(reason)}" for reason in record["reasons"]),
            "",
            "## Way back",
            "",
            *way_back,
            "## What was not verified",
            "",
            *table(("check", "why"), [(row["check"], row["reason"]) for row in record["not_verified"]]),
            "## Evidence",
            "",
            *(f"* `{name}` in the folder of run `{record['run_id']}`" for name in record["evidence"]),
            "",
            "## Signatures",
            "",
            *table(("", "name", "date", "signature"), [(row["role"], "", "", "") for row in record["signatures"]]),
        ]
        return "\n".join(lines)


class ChangeRecordJsonWriter:
    """Writes change-record.json: the same for a change system; the fields to sign are null."""

    file_name = "change-record.json"

    def render(self, verdict: dict[str, Any]) -> str | None:
        """The record; None where the run belongs to no change."""
        if not verdict["change_id"]:
            return None
        return json.dumps(record_of(verdict), indent=1, ensure_ascii=False) + "\n"


def record_of(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """What both forms of the record tell."""
    checks = verdict["checks"]
    return {
        "record_version": RECORD_VERSION,
        **{name: verdict[name] for name in _OF_THE_VERDICT},
        "way_back": [_row(check) for check in checks if check["id"].startswith(_WAY_BACK)],
        "not_verified": [_row(check) for check in checks if check["outcome"] == "skip"],
        "evidence": list(_EVIDENCE),
        "signatures": [{"role": role, "name": None, "date": None, "signature": None} for role in _SIGNATURES],
    }


def _row(check: Mapping[str, Any]) -> dict[str, str]:
    return {"check": check["name"], "outcome": check["outcome"], "reason": check["reason"]}


def _facts(record: Mapping[str, Any]) -> Iterable[tuple[object, ...]]:
    binding = record["binding"]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in record["counts"].items() if count)
    yield "target", f"{binding['target_name']} ({binding['environment']})"
    yield "target file", f"sha256 {binding['target_digest']}"
    yield "commit of the target file", binding["git_commit"] or "in no repository"
    digest = binding["gateway_config_digest"]
    yield "gateway configuration", f"sha256 {digest}" if digest else "not declared"
    for name, digest in binding["model_digests"].items():
        yield f"model {name}", f"sha256 {digest}"
    yield "run", f"{record['run_id']}, stage {record['stage']}, gonogo {binding['suite_version']}"
    yield "began, ended", f"{record['started']}, {record['finished']}"
    yield "valid until", record["valid_until"]
    yield "checks", counts
