"""GitHub workflow commands: findings that show at their line in a pull request."""

from typing import Any

from gonogo.reporting.interface import LEVELS

MAX_ANNOTATIONS = 50
"""GitHub shows no more than 50 of a job."""


def annotations(verdict: dict[str, Any]) -> list[str]:
    """One workflow command for each finding; errors first, since only so many are shown."""
    lines = [line for check in verdict["checks"] if check["outcome"] in LEVELS for line in _of(check)]
    return sorted(lines, key=lambda line: not line.startswith("::error"))[:MAX_ANNOTATIONS]


def _of(check: dict[str, Any]) -> list[str]:
    level = "notice" if check["waived_by"] else LEVELS[check["outcome"]]
    title = _property(f"{check['id']}: {check['title']}")
    if not check["findings"]:
        return [f"::{level} title={title}::{_data(check['reason'])}"]
    return [
        f"::{'warning' if finding['warning'] else level} file={_property(finding['file'])},line={finding['line']},"
        f"col={finding['column']},title={title}::{_data(finding['message'])}"
        for finding in check["findings"]
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
