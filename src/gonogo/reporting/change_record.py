"""change-record.md: what goes into the record of a change: what, when, verdict, evidence, way back, and who signs."""

from collections.abc import Iterable, Mapping
from typing import Any

from gonogo.reporting.markdown import cell, table

_WAY_BACK = ("drills.", "cluster.rollback.", "artifacts.registry.last_known_good")
"""Checks that say whether there is a way back: each row is told, whatever came out."""
_SIGNATURES = ("prepared by", "tested by", "approved by", "rolled out by")
_EVIDENCE = ("verdict.json", "report.html", "junit.xml")


class ChangeRecordWriter:
    """Writes change-record.md, where the run names its change (``--change ID``)."""

    file_name = "change-record.md"

    def render(self, verdict: dict[str, Any]) -> str | None:
        """The record; None where the run belongs to no change."""
        if not verdict["change_id"]:
            return None
        binding, checks = verdict["binding"], verdict["checks"]
        lines = [
            f"# Change {cell(verdict['change_id'])}: {verdict['decision']}",
            "",
            *table(("", ""), _facts(verdict, binding)),
            "## Why",
            "",
            *(f"* {cell(reason)}" for reason in verdict["reasons"]),
            "",
            "## Way back",
            "",
            *(_way_back(checks) or ["Nothing was verified of the way back.", ""]),
            "## What was not verified",
            "",
            *table(("check", "why"), [(c["name"], c["reason"]) for c in checks if c["outcome"] == "skip"]),
            "## Evidence",
            "",
            *(f"* `{name}` in the folder of run `{verdict['run_id']}`" for name in _EVIDENCE),
            "",
            "## Signatures",
            "",
            *table(("", "name", "date", "signature"), [(role, "", "", "") for role in _SIGNATURES]),
        ]
        return "\n".join(lines)


def _facts(verdict: Mapping[str, Any], binding: Mapping[str, Any]) -> Iterable[tuple[object, ...]]:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in verdict["counts"].items() if count)
    yield "target", f"{binding['target_name']} ({binding['environment']})"
    yield "target file", f"sha256 {binding['target_digest']}"
    yield "commit of the target file", binding["git_commit"] or "in no repository"
    digest = binding["gateway_config_digest"]
    yield "gateway configuration", f"sha256 {digest}" if digest else "not declared"
    for name, digest in binding["model_digests"].items():
        yield f"model {name}", f"sha256 {digest}"
    yield "run", f"{verdict['run_id']}, stage {verdict['stage']}, gonogo {binding['suite_version']}"
    yield "began, ended", f"{verdict['started']}, {verdict['finished']}"
    yield "valid until", verdict["valid_until"]
    yield "checks", counts


def _way_back(checks: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = [(c["name"], c["outcome"], c["reason"]) for c in checks if c["id"].startswith(_WAY_BACK)]
    return table(("check", "outcome", "why"), rows) if rows else []
