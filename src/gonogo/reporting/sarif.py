"""results.sarif: what is wrong, at its file and line, as code scanning tools read it (SARIF 2.1.0, OASIS)."""

import hashlib
import json
from pathlib import Path
from typing import Any

from gonogo.reporting.interface import LEVELS


class SarifWriter:
    """Writes results.sarif: one result for each finding, and one without a place for a check that has none."""

    file_name = "results.sarif"

    def render(self, verdict: dict[str, Any]) -> str:
        """The log, of one run."""
        told = [check for check in verdict["checks"] if check["outcome"] in LEVELS]
        rules = {check["id"]: _rule(check) for check in verdict["checks"]}
        position = {check_id: i for i, check_id in enumerate(rules)}
        driver = {
            "name": "gonogo",
            "semanticVersion": verdict["binding"]["suite_version"],
            "informationUri": "https://gonogo.example",
            "rules": list(rules.values()),
        }
        run = {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "automationDetails": {"id": f"gonogo/{verdict['binding']['target_name']}/{verdict['stage']}/"},
            "invocations": [
                {"executionSuccessful": not verdict["interrupted"], "endTimeUtc": _utc(verdict["finished"])}
            ],
            "results": [result for check in told for result in _results(check, position[check["id"]])],
            "properties": {"decision": verdict["decision"], "runId": verdict["run_id"], "demo": verdict["demo"]},
        }
        log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
        return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _rule(check: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": check["id"],
        "shortDescription": {"text": check["title"]},
        "defaultConfiguration": {"level": "warning" if check["severity"] == "minor" else "error"},
        "properties": {"tags": [check["suite"], check["severity"], *check["covers"]]},
    }


def _results(check: dict[str, Any], rule_index: int) -> list[dict[str, Any]]:
    level = "note" if check["waived_by"] else LEVELS[check["outcome"]]
    common: dict[str, Any] = {"ruleId": check["id"], "ruleIndex": rule_index}
    if not check["findings"]:
        message = {"text": f"{check['name']}: {check['reason'] or check['outcome']}"}
        return [{**common, "level": level, "message": message, "partialFingerprints": _fingerprint(check["name"])}]
    return [
        {
            **common,
            "level": "warning" if finding["warning"] else level,
            "message": {"text": f"{finding['path']}: {finding['message']}" if finding["path"] else finding["message"]},
            "locations": [_location(finding)],
            "partialFingerprints": _fingerprint(check["id"], finding["file"], finding["path"], finding["message"]),
        }
        for finding in check["findings"]
    ]


def _location(finding: dict[str, Any]) -> dict[str, Any]:
    path = Path(finding["file"])
    artifact = {"uri": path.as_uri()} if path.is_absolute() else {"uri": path.as_posix().replace(" ", "%20")}
    region = {"startLine": finding["line"], "startColumn": finding["column"]}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _fingerprint(*parts: str) -> dict[str, str]:
    """What stays the same when lines move: a scanner tells new findings from known ones by it."""
    return {"gonogo/v1": hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]}


def _utc(moment: str) -> str:
    return f"{moment[:19]}Z"
