"""junit.xml, as CI servers read it: a suite a test suite, a fail a failure, an inconclusive check an error."""

import re
from typing import Any

from junitparser import Attr, Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

# XML 1.0 cannot hold these characters in any form.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JunitWriter:
    """Writes junit.xml."""

    file_name = "junit.xml"

    def render(self, verdict: dict[str, Any]) -> str:
        """The document."""
        document = JUnitXml(f"gonogo {verdict['stage']}: {verdict['decision']}")
        by_suite: dict[str, list[dict[str, Any]]] = {}
        for check in verdict["checks"]:
            by_suite.setdefault(check["suite"], []).append(check)
        for name, checks in by_suite.items():
            suite = TestSuite(name)
            suite.timestamp = verdict["started"]
            suite.add_testcases([_case(check) for check in checks])
            document.add_testsuite(suite)
        document.update_statistics()  # type: ignore[no-untyped-call]
        return str(document.tostring().decode())  # type: ignore[no-untyped-call]


class _Case(TestCase):
    """A test case with the place of its first finding, where GitLab and Jenkins look for it."""

    file = Attr()
    line = Attr()


def _case(check: dict[str, Any]) -> TestCase:
    case = _Case(_clean(check["name"]), classname=f"gonogo.{check['suite']}", time=check["duration_ms"] / 1000)
    reason = _clean(check["reason"])
    if check["outcome"] in {"fail", "inconclusive"}:
        told = Failure if check["outcome"] == "fail" else Error
        kind = check["severity"] if check["outcome"] == "fail" else "inconclusive"
        case.result = [told(reason.split("\n")[0], kind)]
        # the readers show this text where a test's failure is opened
        case.result[0].text = f"{_clean(check['title'])}\n\n{reason}\n\nagain: {_clean(check['rerun'])}"
    elif check["outcome"] == "skip":
        case.result = [Skipped(reason.split("\n")[0], check["skip_kind"])]
    if check["findings"]:
        first = check["findings"][0]
        case.file, case.line = _clean(first["file"]), str(first["line"])
    case.system_out = _clean("\n".join([check["title"], check["outcome"], check["reason"], check["waived_by"]]).strip())
    return case


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
