"""Connections by TCP, with each failure laid at the right door: of whom is called, or of this machine."""

import errno
import socket
from collections.abc import Iterator

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.context import ProbeContext

_OWN_ERRNOS = {errno.ENETUNREACH, errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENETDOWN}
"""Failures of this machine, not of whom it calls."""


def why_ours(error: BaseException) -> str:
    """How this machine is to blame for a connection that failed; empty: whom it called."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "the name does not resolve here"
    if any(isinstance(cause, OSError) and cause.errno in _OWN_ERRNOS for cause in causes):
        return "no connection could leave this machine"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def connect(host: str, port: int, within_s: float, context: ProbeContext) -> socket.socket:
    """A connection, whose reads and writes wait as long as it may take to come about.

    Raises:
        EndpointFailedError: nobody answers.
        InconclusiveError: the name does not resolve here, or no connection can leave this machine.
        BudgetExhaustedError: the run may send no more.
    """
    context.spend(1, 0)
    try:
        return socket.create_connection((host, port), within_s)
    except OSError as error:
        if why := why_ours(error):
            raise InconclusiveError(f"{host}:{port}: {why}: {error}") from error
        raise EndpointFailedError(f"{host}:{port}: cannot connect: {error}") from error
