"""What a browser must be told by the headers of an answer. Pure."""

import re
from collections.abc import Mapping

LEAST_HSTS_S = 15_552_000
"""Half a year: what browsers' preload lists and the usual scanners take as the least."""
_MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d+)", re.IGNORECASE)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def header_flaws(headers: Mapping[str, str], *, is_page: bool) -> list[str]:
    """Missing or weak headers of an answer over HTTPS.

    Args:
        headers: names in lower case.
        is_page: it is a web page, which somebody could frame.
    """
    flaws: list[str] = []
    lasting = _MAX_AGE.search(headers.get("strict-transport-security", ""))
    if lasting is None:
        flaws.append("no Strict-Transport-Security: a browser may be led to plain HTTP")
    elif int(lasting.group(1)) < LEAST_HSTS_S:
        flaws.append(f"Strict-Transport-Security lasts {lasting.group(1)} s, less than {LEAST_HSTS_S}")
    # told twice, by an application and by the proxy before it, the first counts
    if headers.get("x-content-type-options", "").partition(",")[0].strip().lower() != "nosniff":
        flaws.append("no X-Content-Type-Options: nosniff")
    policy = headers.get("content-security-policy", "")
    if is_page and "frame-ancestors" not in policy and "x-frame-options" not in headers:
        flaws.append("no frame-ancestors in Content-Security-Policy, and no X-Frame-Options: the page can be framed")
    return flaws


def redirect_flaw(status: int, location: str) -> str:
    """What is wrong with an answer over plain HTTP, where everything must go to HTTPS; or nothing."""
    if status in _REDIRECTS and location.startswith("https://"):
        return ""
    if status in _REDIRECTS:
        return f"HTTP {status} to {location or 'nowhere'}, not to https"
    return f"plain HTTP is answered with HTTP {status}"
