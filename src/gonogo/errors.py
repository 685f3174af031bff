"""What can go wrong, sorted by what it means for the verdict.

Forbidden here: importing anything of gonogo.
"""


class GonogoError(Exception):
    """The gate was called or configured wrongly. Shown without a traceback; the message says what to do."""


class EndpointFailedError(AssertionError):
    """A declared endpoint refused, hung past its limit, or answered wrongly: that is the finding, so it is a fail."""


class AnswerBrokeError(EndpointFailedError):
    """The connection ended before the answer did."""


class StarvedError(EndpointFailedError):
    """An answer did not come in time, but most of that time this machine had no processor for us.

    For who polls or counts it is an answer that did not come, as any other; by itself it decides nothing: inconclusive.
    """


class InconclusiveError(Exception):
    """The gate's own side could not look or could not decide: never a pass and never a plain fail."""


class BudgetExhaustedError(InconclusiveError):
    """The run's budget (requests, tokens, seconds) is used up."""


class InWarningBand(Exception):  # noqa: N818 (an outcome, not an error)
    """The check holds, but inside a warning band."""


class NotDeclared(Exception):  # noqa: N818 (an outcome, not an error)
    """The target does not declare what the check looks at: it is skipped, and reported as not verified."""


class Unsupported(Exception):  # noqa: N818 (an outcome, not an error)
    """The run is too short, or the answer was cut off, to decide this: it is skipped, and reported as not verified."""


class NotPermitted(Exception):  # noqa: N818 (an outcome, not an error)
    """The target declares it, but this run may not do what the check needs: reported as a caveat."""
