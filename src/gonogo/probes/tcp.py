"""Connections by TCP, with each failure laid at the right door: of whom is called, or of this machine."""

import errno
import socket

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.context import ProbeContext

OWN_ERRNOS = {errno.ENETUNREACH, errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENETDOWN}
"""Failures of this machine, not of whom it calls."""


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
    except socket.gaierror as error:
        raise InconclusiveError(f"{host}: the name does not resolve here: {error}") from error
    except OSError as error:
        if error.errno in OWN_ERRNOS:
            raise InconclusiveError(f"{host}:{port}: no connection could leave this machine: {error}") from error
        raise EndpointFailedError(f"{host}:{port}: cannot connect: {error}") from error
