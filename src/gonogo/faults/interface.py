"""What a means of breaking things has to know: what it needs, how it acts, and how it is undone."""

from typing import Any, ClassVar, Protocol

from gonogo.errors import EndpointFailedError

Step = dict[str, Any]
Details = dict[str, Any]


class ChangedMeanwhileError(EndpointFailedError):
    """Somebody else has changed what was to be put back, or changed next: it is left as it is."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was changed by somebody else meanwhile: it is left as it is")


class Undoes(Protocol):
    """Puts back what entries of one kind in the journal tell."""

    kind: ClassVar[str]
    """Which entries of the journal it undoes."""

    def undo(self, details: Details) -> None:
        """Put it back; done twice it does no harm.

        Raises:
            EndpointFailedError: it cannot be put back, or that cannot be verified.
        """


class Means(Undoes, Protocol):
    """One way to break things, for the steps that have one of its keys."""

    keys: ClassVar[tuple[str, ...]]

    def lacks(self, step: Step) -> str:
        """What the step needs and the target does not declare; empty if nothing."""

    def prepare(self, step: Step) -> Details:
        """What will undo the step, as plain JSON. Nothing of the deployment is changed yet."""

    def apply(self, step: Step, details: Details) -> None:
        """Break it."""
