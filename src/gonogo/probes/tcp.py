"""Connections by TCP, with each failure laid at the right door: of whom is called, or of this machine."""

import errno
import socket
from collections.abc import Iterator, Sequence
from typing import TypeVar

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.context import ProbeContext

OWN_ERRNOS = frozenset({
    errno.ENETUNREACH, errno.ENETDOWN, errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM,
})  # fmt: skip
"""Failures of this machine, not of whom it calls: no way out, or no more descriptors, ports or memory."""
_Failure = TypeVar("_Failure", bound=BaseException)


def why_ours(error: BaseException) -> str:
    """How this machine is to blame for a connection that failed; empty: whom it called."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "the name does not resolve here"
    if any(isinstance(cause, OSError) and cause.errno in OWN_ERRNOS for cause in causes):
        return "no connection could leave this machine"
    return ""


def nobody_listens(error: BaseException) -> bool:
    """Whether a connection failed because its host refused it, and not on the way there."""
    return any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def telling(failures: Sequence[_Failure]) -> _Failure:
    """Of the failures with a name's addresses, in their order, the one to report: of whom is called, if there is one.

    A machine without IPv6 cannot leave for that address; that the other one refuses is what there is to know.
    """
    return next((failure for failure in failures if not why_ours(failure)), failures[-1])


def connect(host: str, port: int, within_s: float, context: ProbeContext) -> socket.socket:
    """A connection, whose reads and writes wait as long as it may take to come about.

    Raises:
        EndpointFailedError: nobody answers.
        InconclusiveError: the name does not resolve here, or no connection can leave this machine.
        BudgetExhaustedError: the run may send no more.
    """
    context.spend(1, 0)
    try:
        return socket.create_connection((host, port), within_s, all_errors=True)
    except (OSError, ExceptionGroup) as failed:
        error = telling(failed.exceptions) if isinstance(failed, ExceptionGroup) else failed
        if why := why_ours(error):
            raise InconclusiveError(f"{host}:{port}: {why}: {error}") from error
        raise EndpointFailedError(f"{host}:{port}: cannot connect: {error}") from error
