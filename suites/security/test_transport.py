"""Is the way there safe? TLS, its certificate, redirects from plain HTTP, and the headers that browsers need."""

import ssl

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.plugin import check, expect_flawless
from gonogo.probes.http import Http, HttpAnswer
from gonogo.probes.slow import SlowRequests
from gonogo.probes.tcp import nobody_listens
from gonogo.probes.tls import TlsProbe
from gonogo.rules.browsing import header_flaws, redirect_flaw
from gonogo.rules.doors import says_nothing
from gonogo.targets.model import Target
from gonogo.targets.security import SecureAddress


@check("security.tls.certificate", severity="critical", covers=["S2"])
def test_tls_certificate(tls_probe: TlsProbe, target: Target) -> None:
    """The certificate is trusted, is the host's, and lasts for three weeks more."""
    found, wanted = tls_probe.certificate(), target.security.certificate_days
    assert found.days_left is not None, f"no client trusts the certificate: {found.problem}"
    assert found.days_left >= wanted, f"the certificate ends in {found.days_left:g} days, at least {wanted} are wanted"


@check("security.tls.versions", severity="major", covers=["S2"])
def test_tls_versions(tls_probe: TlsProbe) -> None:
    """TLS 1.0 and 1.1 are not spoken any more."""
    if not (ssl.HAS_TLSv1 and ssl.HAS_TLSv1_1):
        raise InconclusiveError("this machine's OpenSSL cannot speak TLS 1.0 or 1.1 itself")
    old = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    expect_flawless([f"{version.name} is spoken" for version in old if tls_probe.speaks(version)])


@check("security.headers.browser", severity="major", covers=["S2"])
def test_headers_browser(secure_address: SecureAddress, secure_http: Http) -> None:
    """Answers over HTTPS keep browsers on HTTPS, and from guessing types; pages cannot be framed."""
    answer = _told(secure_http.get(secure_address.path))
    expect_flawless(header_flaws(answer.headers, is_page=secure_address.is_page))


def _told(answer: HttpAnswer) -> HttpAnswer:
    """An answer of the deployment's own, and not of a proxy that has nobody behind it.

    Raises:
        InconclusiveError: it is none.
    """
    if says_nothing(answer.status):
        raise InconclusiveError(f"HTTP {answer.status}, which says nothing of how others are answered")
    return answer


@check("security.plain.redirected", severity="major", covers=["S2"])
def test_plain_redirected(plain_http: Http) -> None:
    """Plain HTTP leads to HTTPS, and to nothing else."""
    try:
        answer = _told(plain_http.get("/"))
    except EndpointFailedError as error:
        if nobody_listens(error):
            return  # nobody speaks plain HTTP there, which is as good
        raise InconclusiveError(f"plain HTTP is neither refused nor answered: {error}") from error
    expect_flawless([flaw] if (flaw := redirect_flaw(answer.status, answer.headers.get("location", ""))) else [])


@check("security.slow.others_served", severity="major", covers=["S4"], exclusive=True)
def test_slow_others_served(visitor: Http, served_before: int, slow: SlowRequests, front_door: tuple[str, str]) -> None:
    """While requests that never end are held open, others are answered as before."""
    del slow
    status = visitor.post(front_door[1], {}).status
    assert status < 502 or served_before >= 502, f"HTTP {status}, before it was {served_before}"


@check("security.slow.hung_up", severity="major", covers=["S4"], exclusive=True)
def test_slow_hung_up(hang_up_s: float, slow: SlowRequests) -> None:
    """The server hangs up on a request that does not end."""
    assert slow.hung_up_within(hang_up_s, hang_up_s / 10) is not None, f"it is still borne after {hang_up_s:g} s"
