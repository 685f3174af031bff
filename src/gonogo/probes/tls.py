"""TLS as a client meets it: whether the certificate holds, for how long, and which old versions are still spoken."""

import ssl
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.tcp import connect

_TIMEOUT_S = 10.0
_DAY_S = 86_400
_REFUSALS = ("ALERT", "UNSUPPORTED_PROTOCOL", "HANDSHAKE_FAILURE", "UNEXPECTED_EOF", "WRONG_VERSION_NUMBER")
"""How a server says no to a version (OpenSSL's reasons)."""


@dataclass(frozen=True)
class Certificate:
    """What a server shows."""

    problem: str
    """Why no client would trust it; empty: it is trusted."""
    days_left: float | None
    """None where it is not trusted."""
    version: str
    """The TLS version that was agreed on."""


class TlsProbe:
    """Shakes hands with one server."""

    def __init__(self, url: str, context: ProbeContext) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._context = context

    def certificate(self) -> Certificate:
        """The certificate, checked against this machine's authorities (or ``SSL_CERT_FILE``'s) and the host's name.

        Raises:
            EndpointFailedError: nobody answers, or not with TLS.
            InconclusiveError: the name does not resolve here.
        """
        try:
            shown, version = self._shake(ssl.create_default_context())
        except ssl.SSLCertVerificationError as error:
            found = Certificate(error.verify_message, None, "")
        except ssl.SSLError as error:
            raise EndpointFailedError(f"{self._host}:{self._port} does not speak TLS: {error.reason}") from error
        except OSError as error:  # hangs, or hangs up
            raise EndpointFailedError(f"{self._host}:{self._port} does not shake hands: {error}") from error
        else:
            days = (ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()) / _DAY_S
            found = Certificate("", round(days, 1), version)
        self._record("certificate", {"problem": found.problem, "days_left": found.days_left, "version": found.version})
        return found

    def speaks(self, version: ssl.TLSVersion) -> bool:
        """Whether it agrees on an old version.

        Raises:
            EndpointFailedError: nobody answers.
            InconclusiveError: the name does not resolve here, or this machine's OpenSSL does not speak it itself.
        """
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE  # it is about the version only
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # that is what is looked for
            old.minimum_version = old.maximum_version = version
        old.set_ciphers("ALL:@SECLEVEL=0")
        try:
            self._shake(old)
            does = True
        except ssl.SSLError as error:
            if not any(word in (error.reason or "") for word in _REFUSALS):
                raise InconclusiveError(f"{version.name} could not be tried: {error}") from error
            does = False
        except (ConnectionResetError, BrokenPipeError):  # some hang up instead of saying no
            does = False
        except OSError as error:
            raise EndpointFailedError(f"{self._host}:{self._port} does not shake hands: {error}") from error
        self._record(version.name, {"agreed": does})
        return does

    def _shake(self, context: ssl.SSLContext) -> tuple[Mapping[str, Any], str]:
        plain = connect(self._host, self._port, _TIMEOUT_S, self._context)
        with plain, context.wrap_socket(plain, server_hostname=self._host) as secure:
            return secure.getpeercert() or {}, secure.version() or ""

    def _record(self, what: str, told: Mapping[str, Any]) -> None:
        self._context.record(Observation("tls", f"{what} of {self._host}:{self._port}", 0.0, answer=dict(told)))
