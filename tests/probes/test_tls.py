"""TLS as a client meets it, on a real server with an authority made on the fly; and an ear that hears who calls."""

import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_connection
from urllib.parse import urlsplit

import pytest
import trustme

from embedded.ports import free_port
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.context import ProbeContext
from gonogo.probes.ears import listening_ear
from gonogo.probes.tls import TlsProbe
from gonogo.redaction import Redactor
from tests.hostile import serving

QUIET = ProbeContext(lambda _: None, Redactor([]))


@contextmanager
def shaking_hands(context: ssl.SSLContext) -> Iterator[str]:
    """A TLS server that shakes hands and says nothing; its URL."""
    with serving(lambda _: None, context) as port:
        yield f"https://localhost:{port}"


def server_context(certificate: trustme.LeafCert, *, old: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
    return context


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def test_a_good_certificate(authority: trustme.CA) -> None:
    soon = datetime.now(UTC) + timedelta(days=30)
    with shaking_hands(server_context(authority.issue_cert("localhost", not_after=soon))) as url:
        found = TlsProbe(url, QUIET).certificate()
    assert (found.problem, found.version) == ("", "TLSv1.3")
    assert found.days_left is not None
    assert 29 < found.days_left <= 30


@pytest.mark.parametrize(
    ("host", "days", "told"), [("other.example", 30, "ostname mismatch"), ("localhost", -1, "expired")]
)
def test_a_certificate_that_does_not_hold(authority: trustme.CA, host: str, days: int, told: str) -> None:
    began, ends = datetime.now(UTC) - timedelta(days=9), datetime.now(UTC) + timedelta(days=days)
    certificate = authority.issue_cert(host, not_before=began, not_after=ends)
    with shaking_hands(server_context(certificate)) as url:
        assert told in TlsProbe(url, QUIET).certificate().problem


@pytest.mark.usefixtures("authority")
def test_an_authority_that_nobody_knows() -> None:
    with shaking_hands(server_context(trustme.CA().issue_cert("localhost"))) as url:
        assert "unable to get local issuer" in TlsProbe(url, QUIET).certificate().problem


@pytest.mark.parametrize("old", [False, True])
def test_old_versions(authority: trustme.CA, *, old: bool) -> None:
    with shaking_hands(server_context(authority.issue_cert("localhost"), old=old)) as url:
        assert TlsProbe(url, QUIET).speaks(ssl.TLSVersion.TLSv1_1) is old


def test_nobody_there_and_no_tls() -> None:
    with pytest.raises(EndpointFailedError, match="cannot connect"):
        TlsProbe(f"https://localhost:{free_port()}", QUIET).certificate()
    with pytest.raises(InconclusiveError, match="does not resolve"):
        TlsProbe("https://no-such-host.invalid", QUIET).certificate()
    with listening_ear("127.0.0.1:0") as ear, pytest.raises(EndpointFailedError, match="does not speak TLS"):
        TlsProbe(ear.url.replace("http://", "https://"), QUIET).certificate()


def test_an_ear_hears_who_calls_and_is_gone_afterwards() -> None:
    with listening_ear("127.0.0.1:0") as ear:
        port = urlsplit(ear.url).port
        assert port is not None
        with create_connection(("127.0.0.1", port), 5) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert caller.recv(100).startswith(b"HTTP/1.1 404")
        assert ear.heard == []  # somebody who scans ports was not sent
        with create_connection(("127.0.0.1", port), 5) as caller:
            caller.sendall(f"POST {urlsplit(ear.url).path}/chat HTTP/1.1\r\nauthorization: x\r\n\r\n".encode())
            assert caller.recv(100).startswith(b"HTTP/1.1 404")
        assert b"authorization" in ear.heard[0]
        with pytest.raises(InconclusiveError, match="cannot listen"), listening_ear(f"127.0.0.1:{port}"):
            pass
    with pytest.raises(ConnectionRefusedError):
        create_connection(("127.0.0.1", port), 1)
